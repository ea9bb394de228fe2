"""What scripts that take --model and --bpp share: the default, and what is refused before loading."""

from __future__ import annotations

import math
from typing import Any

from tfnoise.errors import InputError, UsageError

EXPORT_DIR = "saved_models"
DEFAULT_MODEL = f"{EXPORT_DIR}/best"


def check_bpp(bpp: float | None) -> None:
    """Refuses a rate that is none; None is no rate asked for.

    Raises:
      UsageError: it is not above 0.
    """
    if bpp is not None and not (math.isfinite(bpp) and bpp > 0):
        raise UsageError(f"--bpp={bpp:g}: must be a rate above 0, as 0.5")


def checked_settings(path: str, bpp: float | None) -> dict[str, Any]:
    """The settings of a model that can code spectrograms, at a rate if one is asked for.

    Args:
      path: as --model gives it.
      bpp: as --bpp gives it.

    Raises:
      InputError: there is no such model, or it codes images of several channels.
      UsageError: a rate is asked of a model that has a fixed one.
    """
    from tfnoise import codec

    settings = codec.read_settings(codec.resolve(path))
    architecture = settings["architecture"]
    if architecture.get("image_channels", 1) != 1:
        raise InputError(f"{path}: codes images of several channels, and spectrograms have one")
    if bpp is not None and architecture.get("bottleneck") == "levels":
        rate = f"{architecture['bpp']:g} bpp"
        raise UsageError(f"--bpp: {path} codes with fixed levels, always at {rate}; leave --bpp out")
    return settings
