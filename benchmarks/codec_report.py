"""The parts of `bin/benchmark codec`, as tables and a picture."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import codec as measured
from benchmarks.measuring import range_text
from tfnoise.audio import read, to_mono
from tfnoise.cli.output import say, table
from tfnoise.cli.progress import Progress
from tfnoise.codec import Codec, LoadedModel
from tfnoise.data import list_clips, synthetic_clips
from tfnoise.data.splits import odd_even_split
from tfnoise.errors import InputError
from tfnoise.evaluation import (
    ClipImage,
    clip_images,
    evenly_spaced_indices,
    save_figure,
    synthetic_clip_images,
)
from tfnoise.evaluation.plots import rate_figure

_SPEED_S = 120
_MEMORY_S = (60, 600, 3600)
_BITS_BPP = (0.25, 0.5, 1.0)
_CODECS = 4
_RATE_DIGITS = {"bpp": 4, "bpp_max": 4, "mse": 5, "nlpd": 4, "ms_ssim": 4}
_DIRECTIONS = ("compress", "decompress")


@dataclass(frozen=True)
class Clips:
    """Which clips are coded.

    Attributes:
      folder: of audio; None: synthesised clips.
      part: "all", "odd" or "even": every second clip of the folder.
      count: how many of them; None: all.
    """

    folder: str | None
    part: str = "all"
    count: int | None = None

    def images(self, model: LoadedModel) -> list[ClipImage]:
        """The images of those that can be used.

        Raises:
          InputError: there is none.
        """
        if self.folder is None:
            images = list(synthetic_clip_images(model.front_end))
        else:
            clips = list_clips(self.folder)
            if self.part != "all":
                clips = dict(zip(("odd", "even"), odd_even_split(clips)))[self.part]
            if self.count:
                clips = [clips[index] for index in evenly_spaced_indices(len(clips), self.count)]
            images = []
            with Progress(len(clips), label="reading", unit="clip") as progress:
                for image in clip_images(clips, model.front_end):
                    images.append(image)
                    progress.update()
        for image in images:
            if image.problem:
                say(f"skipped: {image.problem}")
        images = [image for image in images if not image.problem]
        if not images:
            raise InputError(f"{self.folder}: none of its clips can be used; name another folder")
        return images

    def waveform(self) -> tuple[np.ndarray, int]:
        """Clips one after the other, floats `[samples]`, and their sample rate in Hz, the first one's."""
        if self.folder is None:
            rate_hz = 48_000
            sounds = [(clip[2], rate_hz) for clip in synthetic_clips(rate_hz, seed=0)]
        else:
            sounds = [read(clip.path) for clip in list_clips(self.folder)]
            rate_hz = sounds[0][1]
        alike = [to_mono(samples) for samples, hz in sounds if hz == rate_hz]
        return np.concatenate(alike), rate_hz


def report(
    codec: Codec, parts: Sequence[str], clips: Clips, bpp: float, rounds: int, plot: Path | None
) -> dict[str, Any]:
    """Measures a codec, part by part, and prints tables.

    Args:
      codec: the codec.
      parts: some of "images", "curve", "bits", "speed", "memory".
      clips: what is coded.
      bpp: rate of the comparison of "images".
      rounds: timings of "speed".
      plot: file for the picture of "curve", or None.
    """
    model = codec.model
    figures: dict[str, Any] = {
        "model": str(model.path),
        "fingerprint": codec.fingerprint,
        "data": clips.folder,
        "part": clips.part,
    }
    # First, while no clips are in memory.
    if "memory" in parts:
        figures["memory"] = _memory(str(model.path))
    if "speed" in parts:
        figures["speed"] = _speed(codec, *clips.waveform(), rounds)
    if set(parts) & {"images", "curve", "bits"}:
        images = clips.images(model)
        figures["clips"] = len(images)
        if "bits" in parts:
            figures["bits"] = _bits(model, images)
        if "images" in parts:
            figures["rate_distortion"] = _rates(model, images, bpp, "payload")
            figures["rate_distortion_files"] = _rates(model, images, bpp, "file")
        if "curve" in parts:
            figures["curve"] = _curve(model, images, plot)
            figures["plot"] = plot
    return figures


def _memory(model_path: str) -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="tfnoise-codec-") as scratch:
        with Progress(len(_MEMORY_S), label="measuring memory", unit="duration") as progress:
            for duration_s in _MEMORY_S:
                rows.append(measured.memory(model_path, duration_s, scratch))
                progress.update()
    cells = [
        [f"{row['duration_s'] / 60:g}", *(f"{row[f'{what}_bytes'] / 1e6:.0f}" for what in _DIRECTIONS)]
        for row in rows
    ]
    say("Peak memory above the idle process, MB of 10^6 bytes:\n")
    say(table(cells, ["minutes", *_DIRECTIONS], "rrr") + "\n")
    return rows


def _speed(codec: Codec, waveform: np.ndarray, rate_hz: int, rounds: int) -> list[dict[str, Any]]:
    waveform = np.resize(waveform, _SPEED_S * rate_hz)
    with Progress(rounds, label="measuring speed", unit="round") as progress:
        rows = measured.speed(codec, waveform, rate_hz, rounds, progress.update)
    cells = [
        [
            row["what"],
            f"{row['real_time_factor']:.0f} x",
            range_text(row["real_time_factor_range"], 0),
            f"{row['seconds']:.2f}",
        ]
        for row in rows
    ]
    say(f"Speed on {_SPEED_S} s of sound at {rate_hz} Hz, medians of {rounds} rounds:\n")
    say(table(cells, ["what", "real time", "range", "s"], "lrrr") + "\n")
    return rows


def _bits(model: LoadedModel, images: Sequence[ClipImage]) -> list[dict[str, Any]]:
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


def _rates(model: LoadedModel, images: Sequence[ClipImage], bpp: float, count: str) -> list[dict[str, Any]]:
    with Progress(_CODECS * len(images), label=f"coding, {count}", unit="image") as progress:
        rows, _ = measured.rate_distortion(model, images, bpp, count, lambda clip: progress.update())
    say(f"At most {bpp:g} bits per pixel of {count}:\n")
    _say_rates(rows)
    return rows


def _curve(model: LoadedModel, images: Sequence[ClipImage], plot: Path | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    rates = measured.CURVE_BPP if model.settings["architecture"]["bottleneck"] == "entropy" else (model.bpp,)
    for bpp in rates:
        with Progress(_CODECS * len(images), label=f"curve, {bpp:g} bpp", unit="image") as progress:
            of_rate, finest = measured.rate_distortion(
                model, images, bpp, "payload", lambda clip: progress.update()
            )
        rows.extend(of_rate)
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
            *(f"{row[name]:.{digits}f}" for name, digits in _RATE_DIGITS.items()),
        ]
        for row in rows
    ]
    header = ["codec", "clips", "at most", "bpp", "largest", "MSE", "NLPD", "MS-SSIM-4"]
    say(table(cells, header, "lrrrrrrr") + "\n")
