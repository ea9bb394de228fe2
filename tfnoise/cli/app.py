"""Runs a script: its flags by absl, its --help, and for every error one line on stderr and an exit status.

Statuses: 0 done, 1 the work failed, 2 wrong flags or arguments, 130 interrupted. The environment variable
TFNOISE_TRACEBACK=1 shows the traceback behind a line.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from absl import flags

# TensorFlow imports absl.logging, which defines --verbosity and others: imported here, they are known when
# flags are parsed, and a script that defines one of them again fails at once, not at TensorFlow's import.
from absl import logging as absl_logging

from tfnoise import signals
from tfnoise.cli import flagfiles, help_text, output
from tfnoise.cli.verb import FlagDefiner, Verb
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
    (r"value should be one of <(.*)>", lambda match: "must be one of " + match[1].replace("|", ", ")),
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


def run(verb: str | Verb) -> NoReturn:
    """Runs a verb, by the name of its module in `tfnoise.cli` or such a module, and exits with its status."""
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that are no text; printing one must not end a run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signals.install()
    module = importlib.import_module(f"tfnoise.cli.{verb}") if isinstance(verb, str) else verb
    sys.exit(call(module, sys.argv))


def call(verb: Verb, argv: Sequence[str]) -> int:
    """Runs a verb in this process, with flags of its own; no global flag is defined, read or changed.

    `argv` begins with the script's path. Returns the exit status; an error is one line on stderr.
    """
    argv = list(argv)
    script = os.path.basename(argv[0]) or "tfnoise"
    values = flags.FlagValues()
    try:
        status = _call(verb, argv, values)
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
        status = _report(script, f"{_with_flags(error, values)} (see {_command(argv)} --help)", WRONG_USAGE)
    except InputError as error:
        status = _report(script, _with_flags(error, values), FAILED)
    except OSError as error:
        status = _report(script, _os_error(error), FAILED)
    except MemoryError:
        status = _report(script, "out of memory; use smaller batches or fewer files at once", FAILED)
    except Exception as error:
        status = _report(script, _other_error(error), FAILED)
    return status


def _call(verb: Verb, argv: list[str], values: flags.FlagValues) -> int:
    define = FlagDefiner(values)
    define.boolean("help", False, "Show this help.", short_name="h")
    output.define_flags(define)
    verb.define_flags(define)
    if _asks_for_help(argv[1:]):
        text = help_text.render(_command(argv), verb.__doc__, verb.POSITIONAL, values)
        print(text, end="")
        return 0
    # absl's own, as --verbosity: accepted, but not listed.
    for flag in flags.FLAGS.flags_by_module_dict()[absl_logging.__name__]:
        if flag.name not in values:
            values[flag.name] = flag
    origins = flagfiles.flag_origins(argv[1:])
    try:
        arguments = values(argv)[1:]
    except (flags.Error, ValueError) as error:
        raise UsageError(_flag_error(error, origins, argv)) from error
    if verb.POSITIONAL is None and arguments:
        raise UsageError(f"unexpected argument {arguments[0]!r}; flags are written --flag=value")
    if verb.POSITIONAL and not verb.POSITIONAL.startswith("[") and not arguments:
        raise UsageError(f"needs 1 or more arguments ({verb.POSITIONAL}), got 0")
    if values["verbosity"].using_default_value and os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "3":
        absl_logging.set_verbosity(absl_logging.ERROR)
    with output.json_on_stdout() if values.json else contextlib.nullcontext():
        return verb.main(arguments, values) or 0


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
        match = re.search(r"--?(\w+)", text)
        name = match[1] if match else ""
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


def _with_flags(error: InputError, values: flags.FlagValues) -> str:
    """The message of the library's error, whose `field` is the verb's --field."""
    return re.sub(
        r"`(\w+)`", lambda match: f"--{match[1]}" if match[1] in values else match[0], _one_line(error)
    )


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
