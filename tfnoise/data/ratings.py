"""Pairs of a reference and a degraded clip that listeners have rated: from a CSV file or PMQD's list."""

from __future__ import annotations

import dataclasses
import math
import os

from tfnoise.audio.files import is_remote
from tfnoise.data.clip_list import AUDIO_FOLDER, ORIGINAL, originals_of, read_csv, read_list, stays_inside
from tfnoise.errors import InputError

RATING_COLUMNS = ("rating", "rating_mean")
"""The names that a column of ratings may have; the first that is there counts."""

# Beyond this, squares of ratings would overflow.
_LARGEST_RATING = 1e100
_LONGEST_NAME = 200


@dataclasses.dataclass(frozen=True)
class RatedPair:
    """Two clips and what listeners thought of the second.

    Attributes:
      reference: path of the clip before anything was done to it.
      degraded: path of the clip that was rated.
      rating: the rating, on whatever scale; more is better.
      condition: what was done to it, or None.
    """

    reference: str
    degraded: str
    rating: float
    condition: str | None = None


def read_ratings(
    path: str, rating_column: str | None = None, audio_dir: str | None = None
) -> tuple[list[RatedPair], list[str]]:
    """The pairs of a CSV file with the columns reference, degraded and a rating.

    Args:
      path: the file.
      rating_column: which column; None: "rating", or else "rating_mean".
      audio_dir: the folder that file names are below; None: the file's own, or audio/ in it.

    Returns:
      The pairs in the file's order, and a line for each row that cannot be used: its rating is empty or no
      number, or its clips are not there.

    Raises:
      InputError: the file cannot be read, or lacks a column.
    """
    if not os.path.isfile(path):
        kind = "is a folder; name a CSV file" if os.path.isdir(path) else "no such file; check the name"
        raise InputError(f"{path}: {kind}")
    header, rows = read_csv(path)
    candidates = (rating_column,) if rating_column else RATING_COLUMNS
    rating_name = next((name for name in candidates if name in header), " or ".join(candidates))
    missing = [name for name in ("reference", "degraded", rating_name) if name not in header]
    if missing:
        has = ", ".join(header) or "none"
        raise InputError(f"{path}: has no column {', '.join(missing)} (it has {has}); name it in line 1")
    pairs, problems = [], []
    for where, row in rows:
        cells = {name: value.strip() for name, value in row.items() if isinstance(value, str) and name}
        try:
            pairs.append(_pair(cells, rating_name, audio_dir or os.path.dirname(path)))
        except InputError as error:
            problems.append(f"{where}: {error}")
    return pairs, problems


def _pair(cells: dict[str, str], rating_name: str, folder: str) -> RatedPair:
    text = cells.get(rating_name, "")
    if not text:
        raise InputError(f"{rating_name} is empty")
    try:
        rating = float(text)
    except ValueError:
        rating = math.nan
    if not abs(rating) <= _LARGEST_RATING:
        raise InputError(f"{rating_name} {text!r} is not a number")
    reference, degraded = (_path(folder, cells.get(name, "")) for name in ("reference", "degraded"))
    return RatedPair(reference, degraded, rating, cells.get("condition") or None)


def _path(folder: str, name: str) -> str:
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise InputError(f"{name[:40]!r}... is no usable file name")
    if not name or not stays_inside(name):
        raise InputError(f"{name!r} must name a file inside {folder or '.'}")
    for below in ("", AUDIO_FOLDER):
        path = os.path.join(folder, below, name)
        if os.path.isfile(path):
            return path
    raise InputError(f"there is no {name} in {folder or '.'} or its {AUDIO_FOLDER}/")


def pmqd_pairs(folder: str) -> tuple[list[RatedPair], list[str]]:
    """The degraded clips of PMQD's list, each with the original of the same artist, title and start.

    Args:
      folder: holds pmqd.csv and audio/.

    Returns:
      The pairs in the list's order, and a line for each degraded clip that has no rating, a rating that is no
      number, or no original.

    Raises:
      InputError: the list cannot be used.
    """
    if not is_remote(folder) and not os.path.isdir(folder):
        raise InputError(f"{folder}: no such folder; check the name")
    bad_ratings: dict[str, str] = {}
    clips = read_list(folder, bad_ratings)
    pairs, problems = [], []
    for clip, original in zip(clips, originals_of(clips, clips)):
        if clip.degradation == ORIGINAL:
            continue
        if clip.rating is None:
            problems.append(bad_ratings.get(clip.id, f"{folder}: the rating of clip {clip.id} is empty"))
        elif original is None:
            problems.append(f"{folder}: clip {clip.id} has no original of the same artist, title and start")
        else:
            pairs.append(RatedPair(original.path, clip.path, clip.rating, clip.degradation))
    if not pairs and not problems:
        raise InputError(f"{folder}: its list has no degraded clips; take PMQD's full list, with ratings")
    return pairs, problems
