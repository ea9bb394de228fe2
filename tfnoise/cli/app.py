"""Runs a script: its flags by absl, its --help, and for every error one line on stderr and an exit status.

Statuses: 0 done, 1 the work failed, 2 wrong flags or arguments, 130 interrupted. The environment variable
TFNOISE_TRACEBACK=1 shows the traceback behind a line.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from absl import flags

# TensorFlow imports absl.logging, which defines --verbosity and others: imported here, they are known when
# flags are parsed, and a script that defines one of them again fails at once, not at TensorFlow's import.
from absl import logging as absl_logging

from tfnoise.cli import flagfiles, help_text, interrupts, output
from tfnoise.errors import InputError, UsageError

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE

_HINTS = {
    errno.ENOENT: "check the path",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.EROFS: "choose another folder",
    errno.EISDIR: "name a file instead",
    errno.ENOTDIR: "name a folder instead",
    errno.EEXIST: "choose another name or remove it first",
    errno.ENOSPC: "free some space or choose another folder",
}
# absl's words for wrong flags, and ours.
_REWORDED = (
    (r"^flag (--\S+?)=None: Flag --\S+ must have a value other than None\.$", r"\1 is required"),
    (r"^Missing value for flag (\S+)$", r"\1 has no value; write \1=VALUE"),
    (r"^flag (?=--)", ""),
    (r"value should be one of <(.*)>", lambda found: "must be one of " + found.group(1).replace("|", ", ")),
    (r"invalid literal for int\(\) with base 10: '.*'$", "must be a whole number"),
    (r"could not convert string to float: '.*'$", "must be a number"),
    (r"\('Non-boolean argument to boolean flag', .*\)$", "must be true or false"),
)
# What TensorFlow raises about files, machines and memory rather than about the program.
_TENSORFLOW_ERRORS = (
    "NotFoundError",
    "PermissionDeniedError",
    "AlreadyExistsError",
    "ResourceExhaustedError",
    "UnavailableError",
)


flags.DEFINE_boolean("help", False, "Show this help.", short_name="h")


def run(
    main: Callable[[list[str]], int | None],
    positional: str | None = None,
    at_least: int = 0,
    argv: Sequence[str] | None = None,
    doc: str | None = None,
) -> NoReturn:
    """Runs a script and exits with its status.

    Args:
      main: gets the arguments beside flags; returns an exit status, or None for 0. To refuse values of flags
        that do not work together it raises `UsageError`.
      positional: how the help calls the arguments beside flags, as "IN..."; None refuses any.
      at_least: how many of them must be there.
      argv: the command line, `sys.argv` by default.
      doc: the help's description and, after a line "Example:", its example; by default the docstring of the
        script.

    Raises:
      SystemExit: always.
    """
    argv = list(sys.argv if argv is None else argv)
    script = os.path.basename(argv[0]) or "tfnoise"
    if doc is None:
        doc = main.__globals__.get("__doc__")  # type: ignore[attr-defined]
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that are no text; printing one must not end a run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    interrupts.install()
    try:
        status = _run(main, positional, at_least, argv, doc)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; Python's flush at exit must not complain either.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = BROKEN_PIPE
    except KeyboardInterrupt as error:
        number = getattr(error, "number", signal.SIGINT)
        how = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
        status = _report(script, how, 128 + number)
    except UsageError as error:
        status = _report(script, f"{_one_line(error)} (see {_command(argv)} --help)", WRONG_USAGE)
    except InputError as error:
        status = _report(script, _one_line(error), FAILED)
    except OSError as error:
        status = _report(script, _os_error(error), FAILED)
    except MemoryError:
        status = _report(script, "out of memory; use smaller batches or fewer files at once", FAILED)
    except Exception as error:
        status = _report(script, _other_error(error), FAILED)
    sys.exit(status)


def _run(
    main: Callable[[list[str]], int | None],
    positional: str | None,
    at_least: int,
    argv: list[str],
    doc: str | None,
) -> int:
    if _asks_for_help(argv[1:]):
        print(help_text.render(_command(argv), doc, positional, flags.FLAGS), end="")
        return 0
    arguments = _parse(argv)
    if positional is None and arguments:
        raise UsageError(f"unexpected argument {arguments[0]!r}; flags are written --flag=value")
    if len(arguments) < at_least:
        raise UsageError(f"needs {at_least} or more arguments ({positional}), got {len(arguments)}")
    if flags.FLAGS["verbosity"].using_default_value and os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "3":
        absl_logging.set_verbosity(absl_logging.ERROR)
    with output.messages_to_stderr() if output.json_requested() else contextlib.nullcontext():
        return main(arguments) or 0


def _parse(argv: list[str]) -> list[str]:
    """Parses flags; gives the arguments beside them."""
    origins = flagfiles.flag_origins(argv[1:])
    try:
        return flags.FLAGS(argv)[1:]
    except (flags.Error, ValueError) as error:
        raise UsageError(_flag_error(error, origins, argv)) from error


def _asks_for_help(arguments: list[str]) -> bool:
    """Looks for --help before flags are parsed, so that it is answered even where another flag is wrong."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(argument in ("--help", "-help", "-h", "--helpfull", "--helpshort") for argument in before)


def _flag_error(error: Exception, origins: dict[str, str], argv: list[str]) -> str:
    """One line that names the flag, where it was set, what is wrong, and the remedy."""
    if isinstance(error, flags.UnrecognizedFlagError):
        name, text = error.flagname, f"unknown flag --{error.flagname}"
        close = re.search(r"Did you mean: (.*?) ?\?", str(error))
        if close:
            text += f"; did you mean --{close.group(1).split(', ')[0]}?"
    else:
        text = _one_line(error)
        for pattern, replacement in _REWORDED:
            text = re.sub(pattern, replacement, text)
        found = re.search(r"--?(\w+)", text)
        name = found.group(1) if found else ""
    given_here = any(re.match(rf"--?(no)?{re.escape(name)}(=|$)", argument) for argument in argv[1:])
    place = origins.get(name) or origins.get(f"no{name}")
    return f"{place}: {text}" if place and not given_here else text


def _command(argv: list[str]) -> str:
    """How the script is called in the documentation."""
    folder, name = os.path.split(argv[0])
    return f"bin/{name}" if os.path.basename(os.path.abspath(folder)) == "bin" else name


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if line) or type(error).__name__


def _os_error(error: OSError) -> str:
    if error.errno is None:
        return _one_line(error)
    reason = error.strerror or os.strerror(error.errno)
    hint = _HINTS.get(error.errno)
    text = reason + (f"; {hint}" if hint else "")
    return f"{os.fsdecode(error.filename)}: {text}" if isinstance(error.filename, (str, bytes)) else text


def _other_error(error: Exception) -> str:
    # Looked up, not imported: a script that never used TensorFlow must not load it to report an error.
    errors = getattr(sys.modules.get("tensorflow"), "errors", None)
    if errors is not None and isinstance(error, tuple(getattr(errors, name) for name in _TENSORFLOW_ERRORS)):
        # Without the name of the operation and of the device that it ran on.
        return re.sub(r"^\{\{.*?\}\} | \[Op:\w+\].*$", "", _one_line(error))
    again = "" if _wants_traceback() else "; TFNOISE_TRACEBACK=1 shows where"
    return f"unexpected {type(error).__name__}: {_one_line(error)}{again}"


def _wants_traceback() -> bool:
    return os.environ.get("TFNOISE_TRACEBACK", "") not in ("", "0")


def _report(script: str, message: str, status: int) -> int:
    if _wants_traceback():
        traceback.print_exc()
    with contextlib.suppress(OSError):
        print(f"{script}: {message}", file=sys.stderr, flush=True)
    return status
