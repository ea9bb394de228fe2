"""Whether a list of clips and the files beside it belong together."""

from __future__ import annotations

import collections
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from tfnoise.audio.files import probe
from tfnoise.data.clip_list import HIGHEST_RATING, LOWEST_RATING, Clip
from tfnoise.errors import InputError

_FOLDER = "audio"


def audio_names(folder: str | os.PathLike[str]) -> list[str]:
    """The files below a folder's audio/, relative to it with forward slashes, sorted.

    Those that systems leave under a leading dot ("._song.wav") are not among them.
    """
    audio = Path(folder, _FOLDER)
    found = (path for path in audio.rglob("*") if not path.is_dir() and not path.name.startswith("."))
    return sorted(path.relative_to(audio).as_posix() for path in found)


def list_problems(clips: Sequence[Clip], names: Collection[str]) -> list[str]:
    """What is wrong between a list of clips, as PMQD's, and the files of its audio/.

    Args:
      clips: all clips of the list, as `read_list` gives them.
      names: the files that audio/ holds, named relative to it with forward slashes.

    Returns:
      One line a problem: an id or a file that stands in several rows, a rating outside of 1 to 5, a row
      without its file, a file without a row. None for a clip without a rating.
    """
    problems = []
    ids = collections.Counter(clip.id for clip in clips)
    problems += [f"id {name!r} stands in {count} rows" for name, count in ids.items() if count > 1]
    files = collections.Counter(os.path.normpath(clip.path) for clip in clips)
    problems += [
        f"{os.path.basename(path)!r} is the file of {count} rows"
        for path, count in files.items()
        if count > 1
    ]
    present, listed = frozenset(names), set()
    for clip in clips:
        # Written so that NaN, which compares false, is a problem too.
        if clip.rating is not None and not LOWEST_RATING <= clip.rating <= HIGHEST_RATING:
            problems.append(
                f"id {clip.id!r}: the rating {clip.rating:g} is not from {LOWEST_RATING} to {HIGHEST_RATING}"
            )
        found = _names_below_audio(clip.path) & present
        if not found:
            problems.append(f"id {clip.id!r}: its file {os.path.basename(clip.path)!r} is not in {_FOLDER}/")
        listed |= found
    problems += [f"{name!r} in {_FOLDER}/ has no row" for name in sorted(present - listed)]
    return problems


def odd_files(clips: Sequence[Clip]) -> dict[str, str]:
    """Files of another sample rate or length than most of a set, which in PMQD are all alike.

    Args:
      clips: the set. Of each file the header is read; one that cannot be is left to who reads the file.

    Returns:
      By path one line that names it, its form and the others'.
    """
    forms = {}
    for path in dict.fromkeys(clip.path for clip in clips):
        try:
            info = probe(path)
        except InputError:
            continue
        forms[path] = (info.samples, info.sample_rate_hz)
    if not forms:
        return {}
    [(usual, _)] = collections.Counter(forms.values()).most_common(1)
    return {
        path: "{}: has {} samples at {} Hz where the others have {} at {} Hz".format(path, *form, *usual)
        for path, form in forms.items()
        if form != usual
    }


def _names_below_audio(path: str) -> set[str]:
    """What the list may have called a clip: folders above or below may be named audio as well."""
    parts = os.path.normpath(path).split(os.sep)
    return {os.sep.join(parts[n + 1 :]) for n, part in enumerate(parts) if part == _FOLDER}
