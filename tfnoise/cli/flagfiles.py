"""Checks flagfiles before absl reads them: absl takes a comment behind a value for a part of the value."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence

from tfnoise.errors import UsageError

_DIRECTIVE = re.compile(r"^--?flagfile(?:=(?P<path>.*))?$")


def flag_origins(arguments: Sequence[str]) -> dict[str, str]:
    """Reads the flagfiles named in `arguments` of the command line, and those that they name.

    Returns:
      Where each flag that a flagfile sets is set last: flag to "FILE:LINE". Switches are under both of their
      spellings, as `overwrite` and `nooverwrite`.

    Raises:
      UsageError: a file that cannot be read or names itself, or a line that is no flag.
    """
    origins: dict[str, str] = {}
    remaining = iter(arguments)
    for argument in itertools.takewhile(lambda argument: argument != "--", remaining):
        directive = _DIRECTIVE.match(argument)
        if directive:
            path = next(remaining, None) if directive["path"] is None else directive["path"]
            if path is None:
                raise UsageError("--flagfile has no value; write --flagfile=FILE")
            _read(path, origins, ())
    return origins


def _read(path: str, origins: dict[str, str], parents: tuple[str, ...]) -> None:
    path = os.path.expanduser(path.strip())
    if not path:
        return
    if path in parents:
        raise UsageError(f"--flagfile={path}: this file includes itself; remove that line")
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise UsageError(f"--flagfile={path}: {error.strerror or error}; check the path") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--flagfile={path}: not a text file; check the path") from error
    for number, line in enumerate(lines, 1):
        place = f"{path}:{number}"
        if not line.strip() or line.startswith(("#", "//")):
            continue
        _check(line, place)
        directive = _DIRECTIVE.match(line.strip())
        if directive:
            _read(directive["path"] or "", origins, (*parents, path))
        else:
            origins[line.strip().lstrip("-").split("=", 1)[0]] = place


def _check(line: str, place: str) -> None:
    """Raises UsageError for a line that absl would take for something else than was meant."""
    text = line.strip()
    if text.startswith(("#", "//")):
        raise UsageError(f"{place}: a comment starts in the first column; remove the spaces before it")
    if not text.startswith("-"):
        raise UsageError(f"{place}: {text!r} is no flag; write --flag=value, one a line")
    if re.search(r"\s(#|//)", text):
        raise UsageError(f"{place}: a comment stands on a line of its own; move it out of {text!r}")
    if re.search(r"\s", text.split("=", 1)[0]):
        raise UsageError(f"{place}: {text!r} is not of the form --flag=value; put = between the two")
