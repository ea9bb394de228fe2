"""The part of bin/benchmark that is about training."""

from __future__ import annotations

from typing import Any

from absl import flags

from tfnoise.cli.output import say, table
from tfnoise.cli.progress import Progress

FLAGS = flags.FLAGS
_TITLES = {"mse": "MSE", "ms_ssim": "MS-SSIM", "nlpd": "NLPD"}


def training() -> dict[str, Any]:
    """Measures trainers in turns, and two workers."""
    from tfnoise.benchmarks import training as measured
    from tfnoise.training.precision import has_native_bfloat16

    with Progress(FLAGS.rounds, label="measuring", unit="round") as progress:
        rows = measured.compare_trainers(FLAGS.rounds, progress.update)
    cells = [
        [
            row["trainer"],
            _TITLES.get(row["loss"], row["loss"]),
            row["precision"],
            f"{1e3 * row['step_seconds']:.1f}",
            f"{row['images_per_s']:.0f}",
            f"{row['of_floor']:.2f}",
            " to ".join(f"{end:.2f}" for end in row["of_floor_range"]),
        ]
        for row in rows
    ]
    say(f"Steps of the default settings, medians of {FLAGS.rounds} rounds of {measured.STEPS} steps:\n")
    header = ["trainer", "loss", "precision", "ms", "images/s", "of plain MSE", "range"]
    say(table(cells, header, "lllrrrr"))
    say("\nmeasuring two workers on this machine")
    workers = measured.several_workers(2)
    say(f"two workers that share the batch: {workers['images_per_s']:.0f} images/s")
    return {"trainers": rows, "workers": workers, "native_bfloat16": has_native_bfloat16()}
