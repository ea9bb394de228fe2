"""Clips of recordings, and clips to train on and to test on, which never share a source file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

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
        # Reported when it is read, where the message can travel with the clip.
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


def odd_even_split(clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Every second source file to train on, the others to test on.

    >>> train, test = odd_even_split([Clip(f"{name}.wav", name) for name in "abcd"])
    >>> [clip.id for clip in train], [clip.id for clip in test]
    (['b', 'd'], ['a', 'c'])

    Args:
      clips: in any order; clips of one file stay together.

    Returns:
      The clips to train on and the clips to test on, each sorted by path.

    Raises:
      InputError: they come from one file.
    """
    files = sorted({clip.path for clip in clips})
    if len(files) < 2:
        raise InputError(
            f"{files[0] if files else 'no files'}: a split needs clips of two files or more, for a model is "
            f"never tested on what it was trained on; give a folder with more"
        )
    odd = set(files[1::2])
    ordered = sorted(clips, key=lambda clip: (clip.path, clip.first_sample))
    return [clip for clip in ordered if clip.path in odd], [clip for clip in ordered if clip.path not in odd]


def link_clips(clips: Sequence[Clip], folder: Path) -> None:
    """Makes a folder of links to the clips' files, for tools that take folders; again, it changes nothing.

    Raises:
      InputError: the clips are not on this machine.
      OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(sorted({clip.path for clip in clips})):
        if not os.path.isfile(path):
            raise InputError(f"{path}: can only be trained on as a file of this machine; copy the set here")
        link = folder / f"{number:05d}{Path(path).suffix}"
        if not link.is_symlink():
            link.symlink_to(os.path.abspath(path))
