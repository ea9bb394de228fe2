"""Where images come from: folders of real audio, synthesised clips, and noise."""

from __future__ import annotations

import importlib
from typing import Any

from tfnoise.data.clip_list import Clip, list_clips

# What is imported only when asked for: listing a folder needs none of it.
_LATER = {
    "degrade_map": "tfnoise.data.degraded",
    "natural_images": "tfnoise.data.clips",
    "noise_images": "tfnoise.data.noise",
    "pmqd": "tfnoise.data.image_sets",
    "recordings": "tfnoise.data.image_sets",
    "synthetic_clips": "tfnoise.data.synthetic",
}

__all__ = ["Clip", "list_clips", *sorted(_LATER)]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
