"""The work of bin/compress, bin/decompress and bin/info."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags

import tfnoise
from tfnoise.audio import read, to_mono
from tfnoise.cli.models import DEFAULT_MODEL, EXPORT_DIR, check_bpp, checked_settings
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.sound_files import FORMATS, write_sound
from tfnoise.cli.targets import targets
from tfnoise.codec.container import read_header, summary, unpack_front_end
from tfnoise.data import list_clips
from tfnoise.errors import InputError
from tfnoise.files import replacing

FLAGS = flags.FLAGS
SUFFIX = ".tfn"
# Where the shipped models are.
_CLONE = Path(tfnoise.__file__).resolve().parents[1]
DAMAGED = 3


def compress_from_flags(arguments: Sequence[str]) -> int:
    """Compresses as the arguments and flags of bin/compress say; returns the exit status."""
    check_bpp(FLAGS.bpp)
    chosen = targets(
        arguments,
        FLAGS.output,
        lambda argument: [clip.path for clip in list_clips(argument, "all")],
        lambda source: Path(source).stem + SUFFIX,
        (SUFFIX,),
        None if FLAGS.force else "--force",
    )
    codec = _codec(FLAGS.model or DEFAULT_MODEL, FLAGS.bpp)
    rows, problems = _each(chosen, "compressing", lambda source, target: _compress(codec, source, target))
    if rows:
        cells = [
            [row["path"], f"{row['duration_s']:.1f}", f"{row['bpp_payload']:.3f}", f"{row['kbps']:.2f}"]
            for row in rows
        ]
        say(table(cells, ["wrote", "s", "bpp", "kbps"], "lrrr"))
    if any(row["downmixed"] for row in rows):
        say("Several channels were averaged to one; --stereo keeps two.")
    return _finish(rows, problems)


def _compress(codec: Any, source: str, target: Path) -> dict[str, Any]:
    begin_s = time.monotonic()
    samples, rate_hz = read(source)
    kept = samples[:, :2] if FLAGS.stereo and samples.shape[1] > 1 else to_mono(samples)
    downmixed = samples.shape[1] > 1 and kept.ndim == 1
    data = codec.compress(kept, rate_hz, FLAGS.bpp, downmixed)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary:
        temporary.write_bytes(data)
    row = _described(target)
    return {"source": source, "downmixed": downmixed, "seconds": time.monotonic() - begin_s, **row}


def decompress_from_flags(arguments: Sequence[str]) -> int:
    """Decompresses as the arguments and flags of bin/decompress say; returns the exit status."""
    chosen = targets(
        arguments,
        FLAGS.output,
        _coded_files,
        lambda source: Path(source).stem + ".wav",
        tuple(FORMATS),
        None if FLAGS.force else "--force",
    )
    codecs: dict[str, Any] = {}
    rows, problems = _each(
        chosen, "decompressing", lambda source, target: _decompress(codecs, source, target)
    )
    for row in rows:
        say(f"wrote {row['path']}")
        for problem in row["damage"]:
            say(f"  {problem}")
        if row["turned_down_db"] > 0:
            say(f"  turned down by {row['turned_down_db']:.1f} dB, so that it does not clip")
    status = _finish(rows, problems)
    return status or (DAMAGED if any(row["damage"] for row in rows) else 0)


def _decompress(codecs: dict[str, Any], source: str, target: Path) -> dict[str, Any]:
    begin_s = time.monotonic()
    data = Path(source).read_bytes()
    fingerprint = read_header(data).fingerprint
    if fingerprint not in codecs:
        codecs[fingerprint] = _codec(_path_of(fingerprint), None)
    waveform, rate_hz, damage = codecs[fingerprint].decompress_with_damage(
        data, FLAGS.on_damage, FLAGS.iterations
    )
    turned_down_db = write_sound(target, waveform, rate_hz)
    return {
        "source": source,
        "path": str(target),
        "sample_rate_hz": rate_hz,
        "samples": len(waveform),
        "damage": damage,
        "turned_down_db": turned_down_db,
        "seconds": time.monotonic() - begin_s,
    }


def info_from_flags(arguments: Sequence[str]) -> int:
    """Tells of files as bin/info does; returns the exit status."""
    rows, problems = [], []
    for source in dict.fromkeys(path for argument in arguments for path in _coded_files(argument)):
        try:
            rows.append(_described(Path(source)))
        except InputError as error:
            problems.append(_named(source, error))
    if rows:
        header = ["file", "s", "channels", "bpp", "of file", "kbps", "blocks", "intact", "model"]
        cells = [
            [
                row["path"],
                f"{row['duration_s']:.2f}",
                row["channels"],
                f"{row['bpp_payload']:.3f}",
                f"{row['bpp_file']:.3f}",
                row["kbps"] and f"{row['kbps']:.2f}",
                row["blocks"],
                "yes" if row["intact"] else "no",
                row["model"][:12],
            ]
            for row in rows
        ]
        say(table(cells, header, "lrrrrrrll"))
    for row in rows:
        if not row["intact"]:
            say(f"{row['path']}: {row['problem']}")
    status = _finish(rows, problems)
    return status or (DAMAGED if any(not row["intact"] for row in rows) else 0)


def _each(
    chosen: dict[str, Path], label: str, work: Callable[[str, Path], dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """What became of each file, and a line for each that could not be used."""
    rows, problems = [], []
    with Progress(len(chosen), label=label, unit="file") as progress:
        for source, target in chosen.items():
            try:
                rows.append(work(source, target))
            except InputError as error:
                problems.append(_named(source, error))
            progress.update(1, file=Path(source).name)
    return rows, problems


def _described(path: Path) -> dict[str, Any]:
    """What a file is, without decoding it."""
    with open(path, "rb") as source:
        found = summary(source)
    header, size = found.header, path.stat().st_size
    mels = unpack_front_end(header.front_end).mels
    frames = found.frames or 0
    pixels = max(1, mels * frames * header.channels)
    duration_s = (found.samples or 0) / header.sample_rate_hz
    return {
        "path": str(path),
        "bpp_payload": 8 * found.payload_bytes / pixels,
        "bpp_file": 8 * size / pixels,
        "kbps": 8 * size / duration_s / 1000 if duration_s else None,
        "duration_s": duration_s,
        "sample_rate_hz": header.sample_rate_hz,
        "channels": header.channels,
        "blocks": found.blocks,
        "intact": found.intact,
        "problem": found.first_problem,
        "model": header.fingerprint,
    }


def _coded_files(argument: str) -> list[str]:
    """A file, or the .tfn files below a folder, sorted."""
    if not os.path.isdir(argument):
        if not os.path.isfile(argument):
            raise InputError(f"{argument}: no such file; check the name")
        return [argument]
    found = sorted(str(path) for path in Path(argument).rglob(f"*{SUFFIX}") if path.is_file())
    if not found:
        raise InputError(f"{argument}: holds no {SUFFIX} files; name a folder with some")
    return found


def _path_of(fingerprint: str) -> str:
    """The model of a file: the one that was named, or the one with the fingerprint wherever it lies."""
    if FLAGS.model:
        return FLAGS.model
    found = tfnoise.codec.find(fingerprint, [EXPORT_DIR, _CLONE / EXPORT_DIR])
    if found is None:
        remedy = f"no model below {EXPORT_DIR} has it; name the model with --model"
        raise InputError(f"it was coded with the model {fingerprint}: {remedy}")
    return str(found)


def _codec(path: str, bpp: float | None) -> Any:
    if path == DEFAULT_MODEL and not Path(path).is_dir():
        shipped = _CLONE / DEFAULT_MODEL
        if not shipped.is_dir():
            remedy = "train one with bin/train and name it with --model"
            raise InputError(f"{path}: there is no such model here; {remedy}")
        path = str(shipped)
    checked_settings(path, bpp)
    return tfnoise.codec.Codec.load(path)


def _named(source: str, error: Exception) -> str:
    text = str(error)
    return text if text.startswith(source) else f"{source}: {text}"


def _finish(rows: list[dict[str, Any]], problems: list[str]) -> int:
    """Reports what failed; all failed is an error of the whole."""
    if problems and not rows:
        more = f" (and {len(problems) - 1} more files)" if len(problems) > 1 else ""
        raise InputError(problems[0] + more)
    for problem in problems:
        say(f"left out: {problem}")
    if json_requested():
        print_json({"files": rows, "left_out": problems})
    return 1 if problems else 0
