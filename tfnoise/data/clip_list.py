"""Lists of clips: a folder's pmqd.csv, in the form of PMQD, or every audio file below it; and their checks.

Source: Hilmkil, Thomé, Arpteg, "Perceiving Music Quality with GANs", 2020, github.com/Peltarion/pmqd.
"""

from __future__ import annotations

import collections
import contextlib
import csv
import dataclasses
import io
import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfnoise.audio.files import AUDIO_SUFFIXES, fetch, is_remote, probe
from tfnoise.errors import InputError

#: The list's file name, the columns that it must have, and the folder beside it that holds the clips.
LIST_NAME = "pmqd.csv"
COLUMNS = tuple(
    "id genre artist title degradation_type degradation_intensity rating sample_start sample_filename".split()
)
AUDIO_FOLDER = "audio"
#: The condition of a clip that nothing was done to.
ORIGINAL = "original"


@dataclasses.dataclass(frozen=True)
class Clip:
    """One piece of audio, and what is known about it.

    >>> Clip("pmqd/audio/a.wav", "0", genre="Rock").degradation
    'original'

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
      sample_count: number of samples per channel of the file that it has; None: to the file's end.
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


def list_clips(folder: str | os.PathLike[str], degradation: str = ORIGINAL) -> list[Clip]:
    """The clips of a folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "b.wav").touch()
    ...     [clip.id for clip in list_clips(folder)]
    ['b.wav']

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
    is_file = folder.lower().endswith(AUDIO_SUFFIXES) if is_remote(folder) else os.path.isfile(folder)
    if is_file:
        clips = [Clip(path=folder, id=os.path.basename(folder))]
    elif is_remote(folder) or os.path.isfile(list_path(folder)):
        clips = read_list(folder)
    elif not os.path.isdir(folder):
        raise InputError(f"{folder}: no such folder; check the name")
    else:
        names = [name for name in _files_below(folder) if name.lower().endswith(AUDIO_SUFFIXES)]
        clips = [Clip(path=os.path.join(folder, name), id=name) for name in names]
    if not clips:
        raise InputError(
            f"{folder}: holds no audio; name a folder with a {LIST_NAME} or with files ending in "
            f"{', '.join(AUDIO_SUFFIXES)}"
        )
    selected = [clip for clip in clips if degradation in ("all", clip.degradation)]
    if not selected:
        kinds = ", ".join(sorted({clip.degradation for clip in clips}))
        raise InputError(
            f"{folder}: has no clip of the degradation {degradation!r}; ask for one of: all, {kinds}"
        )
    return selected


def _files_below(folder: str) -> list[str]:
    """Paths of the files below a folder, relative to it, with forward slashes, sorted."""
    return sorted(
        Path(parent, name).relative_to(folder).as_posix()
        for parent, _, names in os.walk(folder)
        for name in names
        # A leading dot marks what systems leave beside audio ("._song.wav"), which is not audio.
        if not name.startswith(".")
    )


def list_path(folder: str) -> str:
    """Where the list of a folder, or of its URL, would be."""
    return _joined(folder, LIST_NAME)


def _joined(folder: str, *names: str) -> str:
    return "/".join((folder.rstrip("/"), *names)) if is_remote(folder) else os.path.join(folder, *names)


def read_list(folder: str, bad_ratings: dict[str, str] | None = None) -> list[Clip]:
    """All clips of a folder's pmqd.csv, in its order, whether their files exist or not.

    Args:
      folder: the folder, or its URL, that holds pmqd.csv and audio/.
      bad_ratings: if given, gets by the clip's id what is wrong with a rating that is no number from 1 to 5,
        and the clip None for its rating; without it such a rating is an error.

    Raises:
      InputError: when the list cannot be read, lacks a column, or a row has a value that cannot be used,
        among them a file name that leads out of audio/ and an id that another row has.
    """
    path = list_path(folder)
    header, rows = read_csv(path)
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InputError(f"{path}: has no column {', '.join(missing)}; add it to the header line")
    clips: dict[str, Clip] = {}
    for where, row in rows:
        clip = _clip(folder, row, where, bad_ratings)
        if clip.id in clips:
            raise InputError(f"{where}: the id {clip.id!r} is another row's too; give each row its own")
        clips[clip.id] = clip
    return list(clips.values())


def read_csv(path: str) -> tuple[list[str], list[tuple[str, dict[str | None, str | None]]]]:
    """The header of a CSV file, here or at a URL, and its rows, each with its place for messages.

    Raises:
      InputError: it cannot be opened or fetched, or is no UTF-8, or no CSV.
    """
    try:
        if is_remote(path):
            content = fetch(path, remedy="a remote folder must have this list: it cannot be walked")
        else:
            with open(path, "rb") as source:
                content = source.read()
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        return list(rows.fieldnames or ()), [(f"{path}, line {rows.line_num}", row) for row in rows]
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{path}: is not a readable CSV file ({error}); export it again") from error


def _clip(
    folder: str, row: dict[str | None, str | None], where: str, bad_ratings: dict[str, str] | None
) -> Clip:
    cells = {name: (row[name] or "").strip() for name in COLUMNS}
    if None in row or None in row.values():
        count = len([value for value in row.values() if isinstance(value, str)]) + len(row.get(None) or ())
        raise InputError(f"{where}: expected {len(row.keys() - {None})} fields, found {count}; fix the line")
    name = cells["sample_filename"]
    if not stays_inside(name):
        raise InputError(f"{where}: sample_filename {name!r} must name a file inside audio/; fix the line")
    try:
        rating = _number(cells, "rating", where)
        if rating is not None and not 1 <= rating <= 5:
            raise InputError(f"{where}: rating {rating:g} is not within 1 to 5; fix it or leave it empty")
    except InputError as error:
        if bad_ratings is None:
            raise
        bad_ratings[cells["id"]] = str(error)
        rating = None
    return Clip(
        path=_joined(folder, AUDIO_FOLDER, name),
        id=cells["id"],
        genre=cells["genre"] or None,
        degradation=cells["degradation_type"] or ORIGINAL,
        intensity=_number(cells, "degradation_intensity", where) or 0.0,
        rating=rating,
        artist=cells["artist"] or None,
        title=cells["title"] or None,
        sample_start=_number(cells, "sample_start", where),
    )


def _number(cells: dict[str, str], name: str, where: str) -> float | None:
    if not cells[name]:
        return None
    try:
        value = float(cells[name])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        problem = f"{name} {cells[name]!r} is not a number"
        raise InputError(f"{where}: {problem}; fix the line or leave the field empty")
    return value


def stays_inside(name: str) -> bool:
    """Whether a file name from a list, joined to a folder, can only mean something inside of the folder."""
    parts = re.split(r"[/\\]", name)
    leads_out = "\0" in name or ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", name)
    return not leads_out and not is_remote(name)


def originals_of(listed: Sequence[Clip], clips: Sequence[Clip]) -> list[Clip | None]:
    """Of each clip the one on the list that it was made of: the original of its artist, title and start.

    One for each of the clips: an original itself, and None where the list has none.
    """

    def piece(clip: Clip) -> tuple[str | None, str | None, float | None, int]:
        return clip.artist, clip.title, clip.sample_start, clip.first_sample

    originals = {piece(clip): clip for clip in listed if clip.degradation == ORIGINAL}
    return [clip if clip.degradation == ORIGINAL else originals.get(piece(clip)) for clip in clips]


def list_problems(folder: str | os.PathLike[str], clips: Sequence[Clip]) -> list[str]:
    """What is wrong between all clips of a folder's list, from `read_list`, and the files of its audio/.

    One line a problem: a file that stands in several rows, a row without its file, a file without a row.
    """
    audio = os.path.join(folder, AUDIO_FOLDER)
    files = dict.fromkeys(_files_below(audio))
    names = [Path(os.path.relpath(clip.path, audio)).as_posix() for clip in clips]
    rows = collections.Counter(names)
    problems = [f"{os.path.basename(name)!r} is the file of {n} rows" for name, n in rows.items() if n > 1]
    for clip, name in zip(clips, names):
        if name not in files:
            problems.append(f"id {clip.id!r}: its file {os.path.basename(name)!r} is not in {AUDIO_FOLDER}/")
    return problems + [f"{name!r} in {AUDIO_FOLDER}/ has no row" for name in files if name not in rows]


def odd_files(paths: Iterable[str]) -> dict[str, str]:
    """Files of another sample rate or length than most of a set: by path one line that names it and these.

    In PMQD all are alike. A file without a header is left to who reads the audio.
    """
    forms = {}
    for path in dict.fromkeys(paths):
        with contextlib.suppress(InputError):
            info = probe(path)
            forms[path] = (info.samples, info.sample_rate_hz)
    counts = collections.Counter(forms.values())
    usual = max(counts, key=counts.__getitem__, default=())
    return {
        path: "{}: has {} samples at {} Hz where the others have {} at {} Hz".format(path, *form, *usual)
        for path, form in forms.items()
        if form != usual
    }
