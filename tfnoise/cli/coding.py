"""What bin/compress, bin/decompress, bin/info and bin/client share: models, .tfn files, progress, the end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfnoise
from tfnoise.cli.output import print_json, say
from tfnoise.cli.progress import Progress
from tfnoise.cli.shared_flags import DEFAULT_MODEL, EXPORT_DIR, checked_settings
from tfnoise.cli.sound_files import FORMATS, targets
from tfnoise.errors import InputError

if TYPE_CHECKING:
    from tfnoise.codec import Codec

SUFFIX = ".tfn"
DAMAGED = 3
"""The exit status where a file is damaged, and what could be done was done."""

# Errors that concern one file, and leave the others as they are.
_FILE_ERRORS = (InputError, OSError, UnicodeError)
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
    return tfnoise.codec.Codec.load(path)


def shipped(folder: str) -> str:
    """A folder below the working folder, or where there is none that of the clone, if it exists."""
    cloned = _CLONE / folder
    return folder if Path(folder).is_dir() or not cloned.is_dir() else str(cloned)


def path_of_model(fingerprint: str) -> str | None:
    """The folder of the model with a fingerprint, below the working folder's models or the shipped ones."""
    path = tfnoise.codec.find(fingerprint, [EXPORT_DIR, _CLONE / EXPORT_DIR])
    return None if path is None else str(path)


def coded_files(argument: str) -> list[str]:
    """A file, or the .tfn files below a folder, sorted.

    Raises:
      InputError: there is none.
    """
    if not os.path.isdir(argument):
        if not os.path.isfile(argument):
            raise InputError(f"{argument}: no such file; check the name")
        return [argument]
    files = sorted(str(path) for path in Path(argument).rglob(f"*{SUFFIX}") if path.is_file())
    if not files:
        raise InputError(f"{argument}: holds no {SUFFIX} files; name a folder with some")
    return files


def coding_targets(arguments: Sequence[str], output: str | None, force: bool) -> dict[str, Path]:
    """The .tfn file to write for each audio file of the arguments, by --output and --force; see `targets`."""
    return targets(
        arguments,
        output,
        lambda argument: [clip.path for clip in tfnoise.data.list_clips(argument, "all")],
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
    info = tfnoise.audio.probe(source)
    return info.samples / info.sample_rate_hz


def seconds_coded(source: str) -> float:
    """The length of the sound of a .tfn file; 0 where its header does not say."""
    with open(source, "rb") as stream:
        header = tfnoise.codec.read_header(stream)
    return (header.samples or 0) / header.sample_rate_hz


def file_summary(path: Path, codec: Codec | None) -> dict[str, Any]:
    """What a .tfn file is, without decoding its sound; with its model also the information of its symbols.

    Raises:
      BitstreamError: it is no .tfn file.
    """
    with open(path, "rb") as source:
        summary = tfnoise.codec.summary(source)
        header, size = summary.header, path.stat().st_size
        estimate = None
        if codec is not None:
            source.seek(0)
            estimate = codec.estimated_bits(source)
    mels = tfnoise.codec.unpack_front_end(header.front_end).mels
    # The length of an open stream that was cut short is unknown.
    pixels = mels * (summary.frames or 0) * header.channels
    duration_s = None if summary.samples is None else summary.samples / header.sample_rate_hz
    return {
        "path": str(path),
        "bpp_estimated": None if estimate is None or not pixels else estimate / pixels,
        "bpp_payload": 8 * summary.payload_bytes / pixels if pixels else None,
        "bpp_file": 8 * size / pixels if pixels else None,
        "kbps": 8 * size / duration_s / 1000 if duration_s else None,
        "duration_s": duration_s,
        "sample_rate_hz": header.sample_rate_hz,
        "samples": summary.samples,
        "channels": header.channels,
        "downmixed": header.downmixed,
        "bytes": size,
        "blocks": summary.blocks,
        "intact": summary.intact,
        "problem": summary.first_problem,
        "finest_step": header.step_index == 0,
        "silent": bool(tfnoise.audio.is_silent(header.reference_db)),
        "model": header.fingerprint,
    }


def each(
    targets: dict[str, Path],
    label: str,
    seconds: Callable[[str], float],
    work: Callable[[str, Path, Callable[[float], None]], dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[str]]:
    """Does the work on each file, and continues where one cannot be used.

    Args:
      targets: path of the result by input.
      label: what the progress bar says.
      seconds: gives the length of an input.
      work: function of the input, the result's path and a callback that takes the seconds done since its
        last call; gives the file's row.

    Returns:
      The rows, with "source" and "seconds" (of work), and a line for each file that could not be used.
    """
    lengths_s: dict[str, float] = {}
    problems, rows = [], []
    for source in targets:
        try:
            lengths_s[source] = seconds(source)
        except _FILE_ERRORS as error:
            problems.append(named(source, error))
    done_s = end_s = 0.0
    with Progress(round(sum(lengths_s.values())), label=label, unit="s") as progress:

        def advance(seconds: float, **postfix: str) -> None:
            nonlocal done_s
            done_s = min(done_s + seconds, end_s)
            progress.update(max(0, int(done_s) - progress.n), **postfix)

        for source, length_s in lengths_s.items():
            end_s += length_s
            advance(0.0, file=Path(source).name)
            begin_s = time.monotonic()
            try:
                row = work(source, targets[source], advance)
                rows.append({"source": source, **row, "seconds": time.monotonic() - begin_s})
            except _FILE_ERRORS as error:
                problems.append(named(source, error))
            advance(length_s)
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
    """Reports which files failed, and gives the exit status.

    Raises:
      InputError: all files failed.
    """
    if problems and not rows:
        more = f" (and {len(problems) - 1} more files)" if len(problems) > 1 else ""
        raise InputError(problems[0] + more)
    for problem in problems:
        say(f"skipped: {problem}")
    print_json({"files": rows, "left_out": problems})
    return 1 if problems else 0
