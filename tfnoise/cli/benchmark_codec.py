"""The part of bin/benchmark that is about the codec."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from tfnoise.cli import coding
from tfnoise.cli.output import say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.shared_flags import check_bpp, picture_path
from tfnoise.errors import InputError, UsageError

FLAGS = flags.FLAGS
PARTS = ("images", "curve", "bits", "speed", "memory")
_SPEED_S = 120
_MEMORY_S = (60, 600, 3600)
_BITS_BPP = (0.25, 0.5, 1.0)
_CODECS = 4


def codec() -> dict[str, Any]:
    """Measures a codec, part by part."""
    parts = list(FLAGS.parts)
    if not parts or set(parts) - set(PARTS):
        raise UsageError(f"--parts={','.join(parts)}: name some of {','.join(PARTS)}")
    check_bpp(FLAGS.bpp)
    if FLAGS.part != "all" and FLAGS.data is None:
        raise UsageError(f"--part={FLAGS.part}: of which folder? Name it with --data")
    plot = picture_path(FLAGS.plot, FLAGS.overwrite, "codec") if "curve" in parts else None
    found_codec = coding.codec_to_compress(FLAGS.model, None)
    model = found_codec.model
    report: dict[str, Any] = {
        "model": str(model.path),
        "fingerprint": found_codec.fingerprint,
        "data": FLAGS.data,
        "part": FLAGS.part,
    }
    # First, while no clips are in memory.
    if "memory" in parts:
        report["memory"] = _memory(str(model.path))
    if "speed" in parts:
        report["speed"] = _speed(found_codec)
    if set(parts) & {"images", "curve", "bits"}:
        images = _images(model)
        report["clips"] = len(images)
        if "bits" in parts:
            report["bits"] = _bits(model, images)
        if "images" in parts:
            report.update(_rate_distortion(model, images))
        if "curve" in parts:
            report["curve"] = _curve(model, images, plot)
            report["plot"] = plot
    return report


def _images(model: Any) -> list[Any]:
    from tfnoise.data import list_clips
    from tfnoise.data.splits import halves
    from tfnoise.evaluation import clip_images, spread, synthetic_clip_images

    if FLAGS.data is None:
        images = list(synthetic_clip_images(model.front_end))
    else:
        clips = list_clips(FLAGS.data)
        if FLAGS.part != "all":
            clips = dict(zip(("odd", "even"), halves(clips)))[FLAGS.part]
        if FLAGS.clips:
            clips = [clips[place] for place in spread(len(clips), FLAGS.clips)]
        images = []
        with Progress(len(clips), label="reading", unit="clip") as progress:
            for image in clip_images(clips, model.front_end):
                images.append(image)
                progress.update()
    for image in images:
        if image.problem:
            say(f"left out: {image.problem}")
    images = [image for image in images if not image.problem]
    if not images:
        raise InputError(f"{FLAGS.data}: none of its clips can be used; name another folder")
    return images


def _memory(model_path: str) -> list[dict[str, Any]]:
    from tfnoise.benchmarks import codec as measured

    rows = []
    with tempfile.TemporaryDirectory(prefix="tfnoise-codec-") as scratch:
        with Progress(len(_MEMORY_S), label="measuring memory", unit="duration") as progress:
            for duration_s in _MEMORY_S:
                rows.append(measured.memory(model_path, duration_s, scratch))
                progress.update()
    cells = [
        [f"{row['duration_s'] / 60:g}", *(f"{row[f'{what}_bytes'] / 1e6:.0f}" for what in _WAYS)]
        for row in rows
    ]
    say("Peak memory above the idle process, MB of 10^6 bytes:\n")
    say(table(cells, ["minutes", *_WAYS], "rrr") + "\n")
    return rows


_WAYS = ("compress", "decompress")


def _speed(found_codec: Any) -> list[dict[str, Any]]:
    from tfnoise.audio import read, to_mono
    from tfnoise.benchmarks import codec as measured
    from tfnoise.data import list_clips, synthetic_clips

    rate_hz, sounds = 48_000, []
    if FLAGS.data is None:
        sounds = [np.asarray(clip[2], np.float32) for clip in synthetic_clips(rate_hz, seed=0)]
    else:
        for clip in list_clips(FLAGS.data):
            samples, found_hz = read(clip.path)
            rate_hz = found_hz if not sounds else rate_hz
            if found_hz == rate_hz:
                sounds.append(to_mono(samples))
    waveform = np.resize(np.concatenate(sounds), _SPEED_S * rate_hz)
    with Progress(FLAGS.rounds, label="measuring speed", unit="round") as progress:
        rows = measured.speed(found_codec, waveform, rate_hz, FLAGS.rounds, progress.update)
    cells = [
        [
            row["what"],
            f"{row['real_time_factor']:.0f} x",
            " to ".join(f"{end:.0f}" for end in row["real_time_factor_range"]),
            f"{row['seconds']:.2f}",
        ]
        for row in rows
    ]
    say(f"Speed on {_SPEED_S} s of sound at {rate_hz} Hz, medians of {FLAGS.rounds} rounds:\n")
    say(table(cells, ["what", "real time", "range", "s"], "lrrr") + "\n")
    return rows


def _bits(model: Any, images: Sequence[Any]) -> list[dict[str, Any]]:
    from tfnoise.benchmarks import codec as measured

    rates = _BITS_BPP if model.settings["architecture"]["bottleneck"] == "entropy" else (model.bpp,)
    rows = measured.bits_against_estimate(model, images, rates)
    header = ["bpp", "strings", "estimated bits", "payload bits", "more", "most a string"]
    cells = [
        [
            f"{row['bpp_target']:g}",
            row["strings"],
            f"{row['estimated_bits']:.0f}",
            row["payload_bits"],
            f"{100 * (row['payload_bits'] / row['estimated_bits'] - 1):.3f} %",
            f"{row['extra_bits_max']:.1f}",
        ]
        for row in rows
    ]
    say("Strings beside the information of their symbols:\n")
    say(table(cells, header, "rrrrrr") + "\n")
    return rows


def _rate_distortion(model: Any, images: Sequence[Any]) -> dict[str, Any]:
    from tfnoise.benchmarks import codec as measured

    found = {}
    for count, key in (("payload", "rate_distortion"), ("file", "rate_distortion_files")):
        with Progress(_CODECS * len(images), label=f"coding, {count}", unit="image") as progress:
            found[key], _ = measured.rate_distortion(
                model, images, FLAGS.bpp, count, lambda clip: progress.update()
            )
        say(f"At most {FLAGS.bpp:g} bits per pixel of {count}:\n")
        _say_rates(found[key])
    return found


def _curve(model: Any, images: Sequence[Any], plot: Any) -> list[dict[str, Any]]:
    from tfnoise.benchmarks import codec as measured
    from tfnoise.evaluation import save_figure
    from tfnoise.evaluation.rate_curves import rate_figure

    rows: list[dict[str, Any]] = []
    rates = measured.CURVE_BPP if model.settings["architecture"]["bottleneck"] == "entropy" else (model.bpp,)
    for bpp in rates:
        with Progress(_CODECS * len(images), label=f"curve, {bpp:g} bpp", unit="image") as progress:
            found, finest = measured.rate_distortion(
                model, images, bpp, "payload", lambda clip: progress.update()
            )
        rows.extend(found)
        if 2 * finest > len(images):
            break
    say("The curve, payload against payload:\n")
    _say_rates(rows)
    if plot is not None:
        plot.parent.mkdir(parents=True, exist_ok=True)
        save_figure(rate_figure(rows, f"{model.name} and codecs of images, {len(images)} mel images"), plot)
        say(f"wrote {plot}")
    return rows


def _say_rates(rows: Sequence[dict[str, Any]]) -> None:
    cells = [
        [
            row["codec"],
            row["clips"],
            f"{row['bpp_target']:g}",
            f"{row['bpp']:.4f}",
            f"{row['bpp_max']:.4f}",
            f"{row['mse']:.5f}",
            f"{row['nlpd']:.4f}",
            f"{row['ms_ssim']:.4f}",
        ]
        for row in rows
    ]
    header = ["codec", "clips", "at most", "bpp", "largest", "MSE", "NLPD", "MS-SSIM-4"]
    say(table(cells, header, "lrrrrrrr") + "\n")
