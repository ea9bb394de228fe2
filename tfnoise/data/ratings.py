"""Pairs of a reference and a degraded clip that listeners have rated: from a CSV file or PMQD's list."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import os

from tfnoise.audio.files import is_remote
from tfnoise.data.clip_list import ORIGINAL, list_text, originals_of, read_list, stays_inside
from tfnoise.errors import InputError

RATING_COLUMNS = ("rating", "rating_mean")
"""The names that a column of ratings may have; the first that is there counts."""

_AUDIO_FOLDER = "audio"
_LARGEST_FIELD = 1 << 16
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
    folder = audio_dir or os.path.dirname(path)
    if not os.path.isfile(path):
        kind = "is a folder; name a CSV file" if os.path.isdir(path) else "no such file; check the name"
        raise InputError(f"{path}: {kind}")
    csv.field_size_limit(_LARGEST_FIELD)
    pairs, problems = [], []
    try:
        rows = csv.DictReader(io.StringIO(list_text(path), newline=""), strict=True)
        header = list(rows.fieldnames or ())
        candidates = (rating_column,) if rating_column else RATING_COLUMNS
        rating_name = next((name for name in candidates if name in header), None)
        missing = [name for name in ("reference", "degraded") if name not in header]
        missing += [] if rating_name else [" or ".join(candidates)]
        if missing:
            has = ", ".join(header) or "none"
            raise InputError(f"{path}: has no column {', '.join(missing)} (it has {has}); name it in line 1")
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            try:
                pairs.append(_pair(row, rating_name, folder, where))
            except InputError as error:
                problems.append(str(error))
    except csv.Error as error:
        raise InputError(f"{path}: is not a readable CSV file ({error}); export it again") from error
    return pairs, problems


def _pair(row: dict[str, str | None], rating_name: str, folder: str, where: str) -> RatedPair:
    rating = (row[rating_name] or "").strip()
    if not rating:
        raise InputError(f"{where}: {rating_name} is empty")
    try:
        value = float(rating)
    except ValueError:
        value = math.nan
    if not abs(value) <= _LARGEST_RATING:
        raise InputError(f"{where}: {rating_name} {rating!r} is not a number")
    reference, degraded = (_found(folder, row[name] or "", where) for name in ("reference", "degraded"))
    return RatedPair(reference, degraded, value, (row.get("condition") or "").strip() or None)


def _found(folder: str, name: str, where: str) -> str:
    name = name.strip()
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise InputError(f"{where}: {name[:40]!r}... is no usable file name")
    if not name or not stays_inside(name):
        raise InputError(f"{where}: {name!r} must name a file inside {folder or '.'}")
    for below in ("", _AUDIO_FOLDER):
        path = os.path.join(folder, below, name)
        if os.path.isfile(path):
            return path
    raise InputError(f"{where}: there is no {name} in {folder or '.'} or its {_AUDIO_FOLDER}/")


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
