"""A list of clips in the form of PMQD, the Perceived Music Quality Dataset: pmqd.csv beside audio/.

Source: Hilmkil, Thomé, Arpteg, "Perceiving Music Quality with GANs", 2020, github.com/Peltarion/pmqd.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import os
import re
from collections.abc import Sequence

from tfnoise.audio.files import is_remote
from tfnoise.errors import InputError

#: The list's file name, and the columns that it must have.
LIST_NAME = "pmqd.csv"
COLUMNS = (
    "id",
    "genre",
    "artist",
    "title",
    "degradation_type",
    "degradation_intensity",
    "rating",
    "sample_start",
    "sample_filename",
)
#: The scale that listeners rate on: bad to excellent.
LOWEST_RATING, HIGHEST_RATING = 1, 5
#: The condition of a clip that nothing was done to.
ORIGINAL = "original"


@dataclasses.dataclass(frozen=True)
class Clip:
    """One piece of audio, and what is known about it.

    Attributes:
      path: the file or URL; it need not exist, reading it reports that.
      id: its name in its set: the list's, or the path below the folder.
      genre: the genre, or None.
      degradation: "original", or what was done to it: "distortion", "limiter", "lowpass", "noise".
      intensity: how strongly, in the degradation's own unit; 0 for originals.
      rating: listeners' median opinion from 1 (bad) to 5 (excellent), or None.
      artist: the artist, or None.
      title: the title of the piece that it was cut from, or None.
      sample_start: where it begins in that piece, as the list has it, or None.
      first_sample: where it begins in the file, in samples at the file's rate.
      sample_count: how many samples per channel of the file it has; None: to the file's end.
    """

    path: str
    id: str
    genre: str | None = None
    degradation: str = ORIGINAL
    intensity: float = 0.0
    rating: float | None = None
    artist: str | None = None
    title: str | None = None
    sample_start: float | None = None
    first_sample: int = 0
    sample_count: int | None = None


def list_path(folder: str) -> str:
    """Where the list of a folder would be."""
    return _joined(folder, LIST_NAME)


def _joined(folder: str, *names: str) -> str:
    return "/".join((folder.rstrip("/"), *names)) if is_remote(folder) else os.path.join(folder, *names)


def read_list(folder: str, bad_ratings: dict[str, str] | None = None) -> list[Clip]:
    """All clips of a folder's pmqd.csv, in its order.

    Args:
      folder: the folder, or its URL, that holds pmqd.csv and audio/.
      bad_ratings: if given, gets by the clip's id what is wrong with a rating that is no number from 1 to 5,
        and the clip None for its rating; without it such a rating is an error.

    Returns:
      The clips. Whether their files exist is not looked at.

    Raises:
      InputError: when the list cannot be read, lacks a column, or a row has a value that cannot be used,
        among them a file name that leads out of audio/ and an id that another row has.
    """
    path = list_path(folder)
    try:
        rows = csv.DictReader(io.StringIO(list_text(path), newline=""), strict=True)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise InputError(f"{path}: has no column {', '.join(missing)}; add it to the header line")
        clips: dict[str, Clip] = {}
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            clip = _clip(folder, row, where, bad_ratings)
            if clip.id in clips:
                raise InputError(f"{where}: the id {clip.id!r} is another row's too; give each row its own")
            clips[clip.id] = clip
        return list(clips.values())
    except csv.Error as error:
        raise InputError(f"{path}: is not a readable CSV file ({error}); export it again") from error


def list_text(path: str) -> str:
    """The text of a CSV file, here or at a URL.

    Raises:
      InputError: it cannot be opened, or is no UTF-8.
    """
    try:
        if is_remote(path):
            import tensorflow as tf

            with tf.io.gfile.GFile(path, "rb") as source:
                content = source.read()
        else:
            with open(path, "rb") as source:
                content = source.read()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text; save it as UTF-8") from error


def _clip(folder: str, row: dict[str, str | None], where: str, bad_ratings: dict[str, str] | None) -> Clip:
    if None in row or any(row[name] is None for name in COLUMNS):
        raise InputError(f"{where}: has another number of fields than the header line; mend the line")
    cells = {name: row[name].strip() for name in COLUMNS}
    name = cells["sample_filename"]
    if not stays_inside(name):
        raise InputError(f"{where}: sample_filename {name!r} must name a file inside audio/; mend the line")
    try:
        rating = _number(cells, "rating", where)
        if rating is not None and not LOWEST_RATING <= rating <= HIGHEST_RATING:
            scale = f"{LOWEST_RATING} to {HIGHEST_RATING}"
            raise InputError(f"{where}: rating {rating:g} is not within {scale}; mend it or leave it empty")
    except InputError as error:
        if bad_ratings is None:
            raise
        bad_ratings[cells["id"]] = str(error)
        rating = None
    return Clip(
        path=_joined(folder, "audio", name),
        id=cells["id"],
        genre=cells["genre"] or None,
        degradation=cells["degradation_type"] or ORIGINAL,
        intensity=_number(cells, "degradation_intensity", where) or 0.0,
        rating=rating,
        artist=cells["artist"] or None,
        title=cells["title"] or None,
        sample_start=_number(cells, "sample_start", where),
    )


def originals_of(listed: Sequence[Clip], clips: Sequence[Clip]) -> list[Clip | None]:
    """Of each clip the one that it was made of: the original of the same artist, title and start.

    Args:
      listed: all clips of the list.
      clips: some of them.

    Returns:
      A clip each, an original's its own; None where the list has none.
    """
    originals = {_piece(clip): clip for clip in listed if clip.degradation == ORIGINAL}
    return [clip if clip.degradation == ORIGINAL else originals.get(_piece(clip)) for clip in clips]


def _piece(clip: Clip) -> tuple[str | None, str | None, float | None, int]:
    return clip.artist, clip.title, clip.sample_start, clip.first_sample


def stays_inside(name: str) -> bool:
    """Whether a file name from a list, joined to a folder, can only mean something inside of the folder."""
    parts = re.split(r"[/\\]", name)
    leads_out = "\0" in name or ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", name)
    return not leads_out and not is_remote(name)


def _number(cells: dict[str, str], name: str, where: str) -> float | None:
    text = cells[name]
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {name} {text!r} is not a number; mend the line or leave the field empty")
    return value
