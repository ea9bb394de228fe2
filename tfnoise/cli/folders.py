"""Finds out before the work begins whether its results can be written, and where they may go."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tfnoise.errors import InputError, UsageError

SHIPPED_MODELS = ("best", "paper_mse", "paper_ms_ssim", "paper_nlpd")
"""Names that always mean the models that come with tfnoise."""


def check_model_name(name: str, shipped: bool = False) -> None:
    """Sees that a model may be called so.

    Args:
      name: of a folder below --export_dir.
      shipped: whether it is the shipped model of that name itself.

    Raises:
      UsageError: it is a path, a bare number, which is a version, or the name of a shipped model.
    """
    if name != Path(name).name or name in (".", "..") or name.isdigit():
        raise UsageError(f"--name={name}: must be a folder's name, not a path or a bare number")
    if name in SHIPPED_MODELS and not shipped:
        raise UsageError(f"--name={name}: is a shipped model's name; give another, as --name=my_{name}")


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
