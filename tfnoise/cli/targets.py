"""Where the result of each input goes: one file, a folder that mirrors the input's, or beside the input."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tfnoise.cli.folders import check_writable
from tfnoise.errors import InputError, UsageError


def targets(
    arguments: Sequence[str],
    output: str | None,
    found_in: Callable[[str], list[str]],
    name: Callable[[str], str],
    suffixes: Sequence[str],
    replace: str | None,
) -> dict[str, Path]:
    """What to write for each input file.

    Args:
      arguments: files and folders.
      output: the flag --output: a file if it ends in one of suffixes, else a folder; None: beside each input.
      found_in: the input files that an argument stands for.
      name: the name of an input's result.
      suffixes: of results, in lower case.
      replace: the flag that allows to replace files; None: it was given.

    Returns:
      The result's path by input, in order.

    Raises:
      UsageError: one file for several inputs.
      InputError: two inputs for one file, a result that is an input, or one that is there already.
    """
    whole_name = output is not None and Path(output).suffix.lower() in suffixes
    if whole_name and (len(arguments) > 1 or os.path.isdir(arguments[0])):
        raise UsageError(f"--output={output}: is one file, and there may be several inputs; name a folder")
    chosen: dict[str, Path] = {}
    taken: dict[Path, str] = {}
    for argument in arguments:
        for source in found_in(argument):
            if whole_name:
                target = Path(str(output))
            else:
                below = os.path.relpath(source, argument) if os.path.isdir(argument) else Path(source).name
                folder = Path(source).parent if output is None else Path(output, below).parent
                target = folder / name(source)
            if chosen.get(source) == target:
                continue
            place = Path(os.path.realpath(target))
            if place in taken:
                both = f"{taken[place]} and {source}"
                raise InputError(f"{target}: both {both} would be written to it; name them one at a time")
            chosen[source], taken[place] = target, source
    inputs = {os.path.realpath(source) for source in chosen}
    for source, target in chosen.items():
        if os.path.realpath(target) in inputs:
            raise InputError(f"{target}: is an input itself; name another output")
        if "://" in source and output is None:
            raise UsageError(f"{source}: is remote; name with --output where its result goes")
        if target.is_dir():
            raise InputError(f"{target}: is a folder; name another output")
        if target.exists() and replace is not None:
            raise InputError(f"{target}: is there already; name another output or add {replace}")
    for folder in dict.fromkeys(target.parent for target in chosen.values()):
        check_writable("output", folder)
    return chosen
