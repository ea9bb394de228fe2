"""The work of bin/benchmark: one kind of measurement by its name, as a table or JSON."""

from __future__ import annotations

import datetime
import os
import platform
from typing import Any

from absl import flags

import tfnoise
from tfnoise.cli import benchmark_audio, benchmark_codec, benchmark_serving, benchmark_training
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.errors import UsageError

FLAGS = flags.FLAGS
_TITLES = {"ms_ssim": "MS-SSIM", "nlpd": "NLPD"}


def benchmark_from_flags(arguments: list[str]) -> int:
    """Measures as the arguments and flags of bin/benchmark say; returns the exit status."""
    kinds = {
        "losses": _losses,
        "audio": benchmark_audio.audio,
        "codec": benchmark_codec.codec,
        "pipeline": benchmark_audio.pipeline,
        "training": benchmark_training.training,
        "serving": benchmark_serving.serving,
    }
    if len(arguments) != 1 or arguments[0] not in kinds:
        raise UsageError(f"{' '.join(arguments)}: name one of: {', '.join(kinds)}")
    report = kinds[arguments[0]]()
    if json_requested():
        print_json({**_where(), **report})
    return 0


def _losses() -> dict[str, Any]:
    from tfnoise.benchmarks import losses

    rounds = FLAGS.rounds
    steps = len(losses.INDICES) * (len(losses.DIRECTIONS) * (rounds + 1) + rounds)
    with Progress(steps, label="measuring", unit="round") as progress:
        compared = losses.compare_losses(rounds, progress.update)
        shares = losses.training_share(rounds, progress.update)
    batch, height, width, channels = losses.SHAPE
    say(f"Images [{batch}, {height}, {width}, {channels}], float32; medians of {rounds} rounds.\n")
    header = ["loss", "against", "direction", "speed-up", "range", "ms", "ms of it", "peak MB", "MB of it"]
    rows = [
        [
            _TITLES[row["loss"]],
            row["baseline"],
            row["direction"],
            f"{row['speedup']:.2f} x",
            _range(row["speedup_range"]),
            f"{1e3 * row['seconds']:.1f}",
            f"{1e3 * row['baseline_seconds']:.1f}",
            _megabytes(row["peak_bytes"]),
            _megabytes(row["baseline_peak_bytes"]),
        ]
        for row in compared
    ]
    say(table(rows, header, "lllrrrrrr"))
    say("\nShare of a training step at the default settings that the loss and its gradient take:\n")
    rows = [
        [
            _TITLES[row["loss"]],
            f"{100 * row['share']:.1f} %",
            _range([100 * end for end in row["share_range"]]),
            f"{1e3 * row['loss_seconds']:.1f}",
            f"{1e3 * row['step_seconds']:.1f}",
        ]
        for row in shares
    ]
    say(table(rows, ["loss", "share", "range", "ms", "ms of the step"], "lrrrr"))
    say("\nPeak memory: growth of a fresh process that does nothing else; 1 MB is 10^6 bytes.")
    return {"shape": losses.SHAPE, "losses": compared, "training": shares}


def _where() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "tfnoise": tfnoise.__version__,
        "machine": f"{platform.machine()}, {_processor()}",
        "cores": len(os.sched_getaffinity(0)),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def _range(ends: Any) -> str:
    low, high = ends
    return f"{low:.2f} to {high:.2f}"


def _megabytes(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:.1f}"
