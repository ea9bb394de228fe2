"""Images a second of a training against plain Keras on the same network: in turns, in one process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.measuring import free_ports, module_environment, range_text
from tfnoise.autoencoder import Autoencoder
from tfnoise.cli.output import say, table
from tfnoise.cli.progress import Progress
from tfnoise.training import TrainingRun, TrainingSettings, has_native_bfloat16, make_strategy

STEPS = 30
"""Steps of a round; two more before them are not timed."""

_TITLES = {"mse": "MSE", "ms_ssim": "MS-SSIM", "nlpd": "NLPD"}
_WARM_STEPS = 2
_MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001)


class _Enough(Exception):
    """Ends a training after a round."""


def report(rounds: int) -> dict[str, Any]:
    """Measures trainers in turns, and two workers, and prints a table."""
    with Progress(rounds, label="measuring", unit="round") as progress:
        rows = compare_trainers(rounds, progress.update)
    cells = [
        [
            row["trainer"],
            _TITLES.get(row["loss"], row["loss"]),
            row["precision"],
            f"{1e3 * row['step_seconds']:.1f}",
            f"{row['images_per_s']:.0f}",
            f"{row['of_floor']:.2f}",
            range_text(row["of_floor_range"]),
        ]
        for row in rows
    ]
    say(f"Steps of the default settings, medians of {rounds} rounds of {STEPS} steps:\n")
    header = ["trainer", "loss", "precision", "ms", "images/s", "of plain MSE", "range"]
    say(table(cells, header, "lllrrrr"))
    say("\nmeasuring two workers on this machine")
    workers = several_workers(2)
    say(f"two workers that share the batch: {workers['images_per_s']:.0f} images/s")
    return {"trainers": rows, "workers": workers, "native_bfloat16": has_native_bfloat16()}


def compare_trainers(rounds: int, on_round: Callable[[], Any] = lambda: None) -> list[dict[str, Any]]:
    """Our trainer, with noise, bottleneck, logs and curves, beside `fit` of the same model on an array.

    Args:
      rounds: timings of each, in turns.
      on_round: called after each round.

    Returns:
      Rows with `trainer`, `loss`, `precision`, `step_seconds` (the median), `images_per_s`, and over the
      rounds `of_floor`, the time relative to plain MSE in float32 (median), with `of_floor_range`.
    """
    with tempfile.TemporaryDirectory(prefix="tfnoise-training-") as scratch:
        runs: dict[tuple[str, str, str], Callable[[], float]] = {}
        for precision in ("float32", "bfloat16"):
            runs["Keras fit", "mse", precision] = _keras_round("mse", precision)
            if precision == "float32":
                runs["Keras fit", "tf.image.ssim_multiscale", precision] = _keras_round(
                    _tensorflows_ms_ssim, precision
                )
            for loss in ("mse", "ms_ssim", "nlpd"):
                folder = Path(scratch, f"{loss}_{precision}")
                runs["ours", loss, precision] = _our_round(loss, precision, folder)
        times: dict[tuple[str, str, str], list[float]] = {key: [] for key in runs}
        for run in runs.values():
            run()
        for _ in range(rounds):
            for key, run in runs.items():
                times[key].append(run())
            on_round()
    floor = times["Keras fit", "mse", "float32"]
    batch = TrainingSettings().batch_size
    rows = []
    for (trainer, loss, precision), seconds in times.items():
        ratios = [own / base for own, base in zip(seconds, floor)]
        rows.append(
            {
                "trainer": trainer,
                "loss": loss,
                "precision": precision,
                "step_seconds": statistics.median(seconds),
                "images_per_s": batch / statistics.median(seconds),
                "of_floor": statistics.median(ratios),
                "of_floor_range": [min(ratios), max(ratios)],
                "rounds": rounds,
            }
        )
    return rows


def several_workers(count: int) -> dict[str, Any]:
    """Images a second of workers on this machine that share the default batch, trained with MS-SSIM.

    Raises:
      RuntimeError: a worker failed.
    """
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    with tempfile.TemporaryDirectory(prefix="tfnoise-training-") as scratch:
        processes = []
        for index in range(count):
            config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment = module_environment(TF_CONFIG=json.dumps(config))
            command = [sys.executable, "-m", "benchmarks.training", scratch]
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        answers = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError("a worker failed")
    step_seconds = max(json.loads(answer)["step_seconds"] for answer in answers)
    return {
        "workers": count,
        "step_seconds": step_seconds,
        "images_per_s": TrainingSettings().batch_size / step_seconds,
    }


def _keras_round(loss: Any, precision: str) -> Callable[[], float]:
    """Seconds a step of an epoch of `fit`."""
    settings = TrainingSettings()
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        model = Autoencoder(bpp=settings.bpp, filters=settings.filters)
        model.compile(tf.keras.optimizers.Adam(settings.learning_rate), loss=loss)
        shape = ((STEPS + _WARM_STEPS) * settings.batch_size, settings.patch_size, settings.patch_size, 1)
        images = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
        model.fit(images, epochs=1, batch_size=settings.batch_size, verbose=0)
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)

    def round_() -> float:
        # As of ours, the start of an epoch does not count.
        moments: list[float] = []
        clock = tf.keras.callbacks.LambdaCallback(
            on_batch_end=lambda batch, logs: moments.append(time.perf_counter())
        )
        model.fit(images, epochs=1, batch_size=settings.batch_size, verbose=0, callbacks=[clock])
        return (moments[-1] - moments[_WARM_STEPS - 1]) / STEPS

    return round_


def _our_round(
    loss: str, precision: str, folder: Path, strategy: tf.distribute.Strategy | None = None
) -> Callable[[], float]:
    """Seconds a step of a stretch of a training."""
    settings = TrainingSettings(loss=loss, precision=precision, epochs=1, steps_per_epoch=10**6)
    policy = tf.keras.mixed_precision.global_policy()
    try:
        run = TrainingRun(settings, folder, strategy)
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)

    def round_() -> float:
        moments: list[float] = []

        def on_step(logs: dict[str, float]) -> None:
            moments.append(time.perf_counter())
            if len(moments) == STEPS + _WARM_STEPS:
                raise _Enough

        try:
            run.train(10**6, on_step, lambda *arguments: None)
        except _Enough:
            pass
        return (moments[-1] - moments[_WARM_STEPS - 1]) / STEPS

    return round_


def _tensorflows_ms_ssim(targets: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    weights = np.array(_MS_SSIM_WEIGHTS) / sum(_MS_SSIM_WEIGHTS)
    return 1 - tf.image.ssim_multiscale(targets, tf.cast(images, tf.float32), 1.0, power_factors=weights)


if __name__ == "__main__":
    _measured = _our_round("ms_ssim", "float32", Path(sys.argv[1]), make_strategy("multi_worker"))
    _measured()
    print(json.dumps({"step_seconds": _measured()}))
