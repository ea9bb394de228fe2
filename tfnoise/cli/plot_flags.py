"""The flags --plot and --overwrite of scripts that draw one picture."""

from __future__ import annotations

import itertools
from pathlib import Path

from absl import flags

from tfnoise.cli.folders import check_writable
from tfnoise.errors import InputError, UsageError

FLAGS = flags.FLAGS


def define(stem: str, what: str = "") -> None:
    """Defines the flags.

    Args:
      stem: of the default file name.
      what: the kinds of work that draw it, before the help's text; "" for all.
    """
    flags.DEFINE_string(
        "plot",
        None,
        f"{what}PNG file for the picture; empty for none. (default: {stem}.png, or the next free name)",
    )
    flags.DEFINE_boolean("overwrite", False, f"{what}Replace the picture that --plot names.")


def chosen(stem: str) -> Path | None:
    """Where the picture goes, after a look that it can; None for none.

    Raises:
      UsageError: it is a folder or no .png.
      InputError: it exists, or cannot be written.
    """
    if FLAGS.plot == "":
        return None
    if FLAGS.plot is None:
        names = itertools.chain([f"{stem}.png"], (f"{stem}_{number}.png" for number in itertools.count(2)))
        path = next(path for path in map(Path, names) if not path.exists())
    else:
        path = Path(FLAGS.plot)
        if path.suffix.lower() != ".png":
            raise UsageError(f"--plot={path}: must end in .png")
        if path.is_dir():
            raise UsageError(f"--plot={path}: is a folder; name a file in it, as {path / stem}.png")
        if path.exists() and not FLAGS.overwrite:
            raise InputError(f"--plot={path}: exists; name another file or add --overwrite")
    check_writable("plot", path.parent)
    return path
