"""Clips to learn from and clips to be tested on, which never share a source file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tfnoise.data.clip_list import Clip
from tfnoise.errors import InputError


def halves(clips: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Every second source file to learn from, the others to be tested on.

    Args:
      clips: in any order; clips of one file stay together.

    Returns:
      The clips to learn from and the clips to be tested on, each sorted by path.

    Raises:
      InputError: they come from one file.
    """
    files = sorted({clip.path for clip in clips})
    if len(files) < 2:
        raise InputError(
            f"{files[0] if files else 'no files'}: a split needs clips of two files or more, for a model is "
            f"never tested on what it has heard; give a folder with more --data"
        )
    learned = set(files[1::2])
    ordered = sorted(clips, key=lambda clip: (clip.path, clip.first_sample))
    return (
        [clip for clip in ordered if clip.path in learned],
        [clip for clip in ordered if clip.path not in learned],
    )


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
