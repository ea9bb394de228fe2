"""Recordings of any length as clips of one length."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfnoise.audio.files import probe
from tfnoise.data.clip_list import Clip
from tfnoise.errors import InputError

#: The length of PMQD's clips: 201,984 samples at 48 kHz.
PMQD_CLIP_S = 201_984 / 48_000


def cut_clips(clips: Sequence[Clip], duration_s: float = PMQD_CLIP_S) -> list[Clip]:
    """Cuts recordings into clips, one after another; what is left at the end of each is not used.

    Args:
      clips: whole files, as from `list_clips`. Only their headers are read.
      duration_s: of a clip, above 0.

    Returns:
      The clips in order, each with where it lies in its file and, where there are several of a file, its
      place after "#" in its id. A file that is shorter, or whose length cannot be known, stays one clip.

    Raises:
      ValueError: when the duration is not above 0.
    """
    if not duration_s > 0:
        raise ValueError(f"duration_s must be above 0, not {duration_s}")
    return [part for clip in clips for part in _parts(clip, duration_s)]


def _parts(clip: Clip, duration_s: float) -> list[Clip]:
    try:
        info = probe(clip.path)
    except InputError:
        # Told when it is read, where the message can travel with the clip.
        return [clip]
    length = max(1, round(duration_s * info.sample_rate_hz))
    count = info.samples // length
    if count == 0 or info.samples == length:
        return [clip]
    return [
        dataclasses.replace(
            clip,
            id=f"{clip.id}#{place}" if count > 1 else clip.id,
            first_sample=place * length,
            sample_count=length,
        )
        for place in range(count)
    ]
