"""Finds out before the work begins whether its results can be written."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tfnoise.errors import InputError


def check_writable(flag: str, folder: Path) -> None:
    """Sees that `folder`, or the nearest folder above that exists, can be written to; leaves no trace.

    Raises:
      InputError: it cannot; the message names the flag, the folder and the reason.
    """
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"--{flag}={folder}: cannot be written to ({reason}); name another folder") from None
