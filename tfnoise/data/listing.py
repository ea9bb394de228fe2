"""The audio clips of a folder: by its pmqd.csv where it has one, else every audio file in it, recursively."""

from __future__ import annotations

import os
from pathlib import Path

from tfnoise.audio.files import AUDIO_SUFFIXES, is_remote
from tfnoise.data.clip_list import LIST_NAME, ORIGINAL, Clip, list_path, read_list
from tfnoise.errors import InputError

__all__ = ["Clip", "list_clips"]


def list_clips(folder: str | os.PathLike[str], degradation: str = ORIGINAL) -> list[Clip]:
    """The clips of a folder.

    Args:
      folder: a folder; or one audio file, which gives one clip; or the URL of either, where a folder must
        have a pmqd.csv.
      degradation: which of the clips on a pmqd.csv: those of this degradation_type, or "all". Files without a
        list count as originals.

    Returns:
      One clip or more: in the list's order, or sorted by path below the folder. A file that is on the list
      but absent is here too; reading it reports that.

    Raises:
      InputError: when the folder is absent or holds no such clip, or its list cannot be used.
    """
    folder = os.fspath(folder)
    if is_remote(folder) and not folder.lower().endswith(AUDIO_SUFFIXES):
        clips = _remote_clips(folder)
    elif is_remote(folder) or os.path.isfile(folder):
        clips = [Clip(path=folder, id=os.path.basename(folder))]
    elif not os.path.isdir(folder):
        raise InputError(f"{folder}: no such folder; check the name")
    elif os.path.isfile(list_path(folder)):
        clips = read_list(folder)
    else:
        clips = [Clip(path=os.path.join(folder, name), id=name) for name in _audio_below(folder)]
    if not clips:
        kinds = ", ".join(AUDIO_SUFFIXES)
        raise InputError(
            f"{folder}: holds no audio; name a folder with a {LIST_NAME} or with files ending in {kinds}"
        )
    chosen = [clip for clip in clips if degradation in ("all", clip.degradation)]
    if not chosen:
        known = ", ".join(sorted({clip.degradation for clip in clips}))
        raise InputError(
            f"{folder}: has no clip of the degradation {degradation!r}; ask for one of: all, {known}"
        )
    return chosen


def _audio_below(folder: str) -> list[str]:
    """The paths of the audio files below a folder, relative to it, with forward slashes, sorted."""
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            # A leading dot marks what systems leave beside audio ("._song.wav"), which is not audio.
            if not name.startswith(".") and name.lower().endswith(AUDIO_SUFFIXES):
                found.append(Path(parent, name).relative_to(folder).as_posix())
    return sorted(found)


def _remote_clips(folder: str) -> list[Clip]:
    import tensorflow as tf
    import tensorflow_io  # noqa: F401  (registers the file systems of URLs)

    try:
        return read_list(folder)
    except tf.errors.OpError as error:
        path = list_path(folder)
        reason = " ".join(error.message.split()).rstrip(".")
        raise InputError(
            f"{path}: cannot be fetched ({reason}); a remote folder must have this list: it cannot be walked"
        ) from error
