"""What bin/compress, bin/decompress and bin/info share: files of models and of code, progress, the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tfnoise
from tfnoise.audio import probe
from tfnoise.cli.models import DEFAULT_MODEL, EXPORT_DIR, checked_settings
from tfnoise.cli.output import json_requested, print_json, say
from tfnoise.cli.progress import Progress
from tfnoise.cli.sound_files import FORMATS
from tfnoise.cli.targets import targets
from tfnoise.codec import Codec, find
from tfnoise.codec.container import read_header
from tfnoise.data import list_clips
from tfnoise.errors import InputError

SUFFIX = ".tfn"
DAMAGED = 3
"""The exit status where a file is damaged, and what could be done was done."""

# What concerns one file, and leaves the others as they are.
_OF_ONE_FILE = (InputError, OSError, UnicodeError)
# Where the shipped models are.
_CLONE = Path(tfnoise.__file__).resolve().parents[1]


def codec_to_compress(path: str | None, bpp: float | None) -> Codec:
    """The codec that --model names, or the default one: below the working folder, else the shipped one.

    Raises:
      InputError: there is no such model, or it cannot code sound.
      UsageError: it has a fixed rate, and --bpp asks for one.
    """
    if path is None:
        path = shipped(DEFAULT_MODEL)
        if not Path(path).is_dir():
            remedy = "train one with bin/train and name it with --model"
            raise InputError(f"{path}: there is no such model here; {remedy}")
    checked_settings(path, bpp)
    return Codec.load(path)


def shipped(folder: str) -> str:
    """A folder below the working folder, or where there is none that of the clone, if it is there."""
    cloned = _CLONE / folder
    return folder if Path(folder).is_dir() or not cloned.is_dir() else str(cloned)


def path_of_model(fingerprint: str) -> str | None:
    """The folder of the model with a fingerprint, below the working folder's models or the shipped ones."""
    found = find(fingerprint, [EXPORT_DIR, _CLONE / EXPORT_DIR])
    return None if found is None else str(found)


def coded_files(argument: str) -> list[str]:
    """A file, or the .tfn files below a folder, sorted.

    Raises:
      InputError: there is none.
    """
    if not os.path.isdir(argument):
        if not os.path.isfile(argument):
            raise InputError(f"{argument}: no such file; check the name")
        return [argument]
    found = sorted(str(path) for path in Path(argument).rglob(f"*{SUFFIX}") if path.is_file())
    if not found:
        raise InputError(f"{argument}: holds no {SUFFIX} files; name a folder with some")
    return found


def coding_targets(arguments: Sequence[str], output: str | None, force: bool) -> dict[str, Path]:
    """The .tfn file to write for each audio file of the arguments, by --output and --force; see `targets`."""
    return targets(
        arguments,
        output,
        lambda argument: [clip.path for clip in list_clips(argument, "all")],
        lambda source: Path(source).stem + SUFFIX,
        (SUFFIX,),
        None if force else "--force",
    )


def decoding_targets(arguments: Sequence[str], output: str | None, force: bool) -> dict[str, Path]:
    """The audio file to write for each .tfn file of the arguments, by --output and --force; see `targets`."""
    return targets(
        arguments,
        output,
        coded_files,
        lambda source: Path(source).stem + ".wav",
        tuple(FORMATS),
        None if force else "--force",
    )


def seconds_of_sound(source: str) -> float:
    """The length of an audio file."""
    info = probe(source)
    return info.samples / info.sample_rate_hz


def seconds_coded(source: str) -> float:
    """The length of the sound of a .tfn file; 0 where its header does not tell."""
    with open(source, "rb") as stream:
        header = read_header(stream)
    return (header.samples or 0) / header.sample_rate_hz


class SecondsOfSound:
    """A progress bar that counts seconds of sound over several files.

    Args:
      label: what is going on.
      seconds: of each file, as far as known beforehand.
    """

    def __init__(self, label: str, seconds: Sequence[float]):
        self._progress = Progress(round(sum(seconds)), label=label, unit="s")
        self._before_s, self._file_s, self._in_file_s = 0.0, 0.0, 0.0

    def __enter__(self) -> SecondsOfSound:
        self._progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.__exit__(*error)

    def begin(self, name: str, seconds: float) -> None:
        """A file of so many seconds begins."""
        self._file_s, self._in_file_s = seconds, 0.0
        self._show(file=name)

    def end(self) -> None:
        """The file is done, whatever was told of it."""
        self._before_s += self._file_s
        self._file_s = self._in_file_s = 0.0
        self._show()

    def advance(self, seconds: float) -> None:
        """So much more of the file is done."""
        self._in_file_s = min(self._in_file_s + seconds, self._file_s)
        self._show()

    def _show(self, **values: str) -> None:
        now = int(self._before_s + self._in_file_s)
        self._progress.update(max(0, now - self._progress.n), **values)


def each(
    chosen: dict[str, Path],
    label: str,
    seconds: Callable[[str], float],
    work: Callable[[str, Path, Callable[[float], None]], dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[str]]:
    """Does the work on each file, and goes on where one cannot be used.

    Args:
      chosen: result by input.
      label: what is going on.
      seconds: the length of an input.
      work: of input, result, and what to tell of seconds done.

    Returns:
      What became of each file, and a line for each that could not be used.
    """
    lengths: dict[str, float] = {}
    problems, rows = [], []
    for source in chosen:
        try:
            lengths[source] = seconds(source)
        except _OF_ONE_FILE as error:
            problems.append(named(source, error))
    with SecondsOfSound(label, list(lengths.values())) as progress:
        for source in lengths:
            progress.begin(Path(source).name, lengths[source])
            try:
                rows.append(work(source, chosen[source], progress.advance))
            except _OF_ONE_FILE as error:
                problems.append(named(source, error))
            progress.end()
    return rows, problems


def named(source: str, error: Exception) -> str:
    """The error's line, with the file's name before it."""
    text = str(error).replace('on_damage="conceal"', "--on_damage=conceal")
    if isinstance(error, UnicodeError):
        text = "its name is no text; rename it"
    elif isinstance(error, OSError):
        text = f"{error.strerror or error}; check the file, its permissions and the space on the disk"
    return text if text.startswith(source) else f"{source}: {text}"


def finish(rows: list[dict[str, Any]], problems: list[str]) -> int:
    """Reports what failed, and gives the exit status; all failed is an error of the whole.

    Raises:
      InputError: there are no rows.
    """
    if problems and not rows:
        more = f" (and {len(problems) - 1} more files)" if len(problems) > 1 else ""
        raise InputError(problems[0] + more)
    for problem in problems:
        say(f"left out: {problem}")
    if json_requested():
        print_json({"files": rows, "left_out": problems})
    return 1 if problems else 0
