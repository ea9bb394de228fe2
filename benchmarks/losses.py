"""The losses' speed and memory, against TensorFlow's MS-SSIM and a straightforward NLPD, and in training.

Times are of both in turns in one process; memory is of each in a fresh process, which `python -m
benchmarks.losses LOSS WHICH DIRECTION` is, where WHICH is 0 for ours and 1 for the other.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.measuring import compare, growth_bytes, in_fresh_process, range_text
from tfnoise.cli.output import say, table
from tfnoise.cli.progress import Progress
from tfnoise.losses import NLPDParameters, ms_ssim, nlpd, published_parameters
from tfnoise.losses.nlpd import LOW_PASS

SHAPE = (16, 256, 256, 1)
"""Batch, height, width and channels of the images that the losses are compared on."""

_CALLS_FOR_MEMORY = 20

FORWARD, BOTH = "forward", "forward and backward"
DIRECTIONS = (FORWARD, BOTH)

Index = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

INDICES: dict[str, tuple[Index, Index]] = {
    "ms_ssim": (ms_ssim, lambda a, b: tf.image.ssim_multiscale(a, b, 1.0)),
    "nlpd": (nlpd, lambda a, b: straightforward_nlpd(a, b, published_parameters())),
}
"""By loss: ours, and what it is compared with."""

_TITLES = {"ms_ssim": "MS-SSIM", "nlpd": "NLPD"}

BASELINES = {"ms_ssim": "tf.image.ssim_multiscale", "nlpd": "straightforward NLPD"}
"""What the second of each pair is called."""


def report(rounds: int) -> dict[str, Any]:
    """Measures the losses and their share of a training step, and prints tables."""
    steps = len(INDICES) * (len(DIRECTIONS) * (rounds + 1) + rounds)
    with Progress(steps, label="measuring", unit="round") as progress:
        compared = compare_losses(rounds, progress.update)
        shares = training_share(rounds, progress.update)
    batch, height, width, channels = SHAPE
    say(f"Images [{batch}, {height}, {width}, {channels}], float32; medians of {rounds} rounds.\n")
    header = ["loss", "against", "direction", "speed-up", "range", "ms", "ms of it", "peak MB", "MB of it"]
    rows = [
        [
            _TITLES[row["loss"]],
            row["baseline"],
            row["direction"],
            f"{row['speedup']:.2f} x",
            range_text(row["speedup_range"]),
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
            range_text([100 * end for end in row["share_range"]]),
            f"{1e3 * row['loss_seconds']:.1f}",
            f"{1e3 * row['step_seconds']:.1f}",
        ]
        for row in shares
    ]
    say(table(rows, ["loss", "share", "range", "ms", "ms of the step"], "lrrrr"))
    say("\nPeak memory: growth of a fresh process that does nothing else; 1 MB is 10^6 bytes.")
    return {"shape": SHAPE, "losses": compared, "training": shares}


def _megabytes(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:.1f}"


def compare_losses(rounds: int, on_round: Callable[[], object] = lambda: None) -> list[dict[str, Any]]:
    """Each loss against its baseline, forward alone and with the gradient: a row a loss and direction.

    Args:
      rounds: timings of each, in turns.
      on_round: called after each round, to show progress.

    Returns:
      Rows with `loss`, `baseline`, `direction`, `speedup` (the median over rounds of the ratio of the two
      times), `speedup_range`, `seconds`, `baseline_seconds`, `rounds`, and `peak_bytes`,
      `baseline_peak_bytes` (None where the system does not tell).
    """
    a, b = _images(SHAPE)
    rows = []
    for loss, (ours, baseline) in INDICES.items():
        for direction in DIRECTIONS:
            comparison = compare(
                _run(ours, direction, a, b), _run(baseline, direction, a, b), rounds, on_round
            )
            rows.append(
                {
                    "loss": loss,
                    "baseline": BASELINES[loss],
                    "direction": direction,
                    **dataclasses.asdict(comparison),
                    "peak_bytes": in_fresh_process("benchmarks.losses", loss, 0, direction),
                    "baseline_peak_bytes": in_fresh_process("benchmarks.losses", loss, 1, direction),
                }
            )
            on_round()
    return rows


def training_share(rounds: int, on_round: Callable[[], object] = lambda: None) -> list[dict[str, Any]]:
    """The share of a training step at the default settings that each loss and its gradient take.

    Returns:
      Rows with `loss`, `share` (the median over rounds of the loss's time divided by the step's),
      `share_range`, `loss_seconds`, `step_seconds`, `rounds`.
    """
    from tfnoise.losses import loss_by_name
    from tfnoise.training import TrainingSettings, compiled_model

    rows = []
    for name in INDICES:
        settings = TrainingSettings(loss=name)
        model, _ = compiled_model(settings)
        side = settings.patch_size
        a, b = _images((settings.batch_size, side, side, 1))
        loss = loss_by_name(name, settings.ms_ssim_scales)
        step = tf.function(lambda images, model=model: model.train_step(images)["distortion"])
        comparison = compare(
            _run(loss.call, BOTH, a, b), lambda step=step, a=a: step(a).numpy(), rounds, on_round
        )
        low, high = comparison.speedup_range
        rows.append(
            {
                "loss": name,
                "share": 1 / comparison.speedup,
                "share_range": (1 / high, 1 / low),
                "loss_seconds": comparison.seconds,
                "step_seconds": comparison.baseline_seconds,
                "rounds": rounds,
            }
        )
    return rows


def straightforward_nlpd(
    a: tf.Tensor, b: tf.Tensor, parameters: NLPDParameters, epsilon: float = 1e-10
) -> tf.Tensor:
    """NLPD of the family "2016" as its formulas read: of images `[batch, height, width, 1]`, `[batch]`."""
    distances = []
    for band_a, band_b, sigma, weights in zip(
        _pyramid(a, parameters.scales), _pyramid(b, parameters.scales), parameters.sigma, parameters.weights
    ):
        difference = _normalised(band_a, sigma, weights) - _normalised(band_b, sigma, weights)
        distances.append(tf.sqrt(tf.reduce_mean(difference**2, axis=[1, 2, 3]) + epsilon))
    return tf.add_n(distances) / len(distances)


def _pyramid(images: tf.Tensor, scales: int) -> list[tf.Tensor]:
    bands = []
    low_pass = _kernel(np.outer(LOW_PASS, LOW_PASS))
    for _ in range(scales - 1):
        padded = tf.pad(images, [[0, 0], [2, 2], [2, 2], [0, 0]])
        low = tf.nn.conv2d(padded, low_pass, strides=2, padding="VALID")
        enlarged = tf.raw_ops.ResizeBilinear(images=low, size=tf.shape(images)[1:3])
        bands.append(images - tf.nn.conv2d(enlarged, low_pass, strides=1, padding="SAME"))
        images = low
    return [*bands, images]


def _normalised(band: tf.Tensor, sigma: float, weights: tuple[tuple[float, ...], ...]) -> tf.Tensor:
    around = tf.nn.conv2d(tf.abs(band), _kernel(np.asarray(weights)), strides=1, padding="SAME")
    return band / (sigma + around)


def _kernel(taps: np.ndarray) -> tf.Tensor:
    return tf.constant(taps[:, :, None, None], tf.float32)


def _images(shape: tuple[int, ...]) -> tuple[tf.Tensor, tf.Tensor]:
    random = np.random.default_rng(0)
    a = random.uniform(size=shape)
    b = 0.5 * a + 0.5 * random.uniform(size=shape)
    return tf.constant(a, tf.float32), tf.constant(b, tf.float32)


def _run(index: Index, direction: str, a: tf.Tensor, b: tf.Tensor) -> Callable[[], object]:
    """One evaluation of the mean index, and of its gradient towards `b` if asked for, to the end."""

    @tf.function
    def forward(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(index(a, b))

    @tf.function
    def both(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(b)
            value = tf.reduce_mean(index(a, b))
        return value, tape.gradient(value, b)

    function = forward if direction == FORWARD else both
    function.get_concrete_function(a, b)
    # On a CPU a call returns when all of its results are there; waiting for one serves elsewhere.
    return lambda: tf.nest.flatten(function(a, b))[0].numpy()


def _print_peak(loss: str, which: str, direction: str) -> None:
    a, b = _images(SHAPE)
    run = _run(INDICES[loss][int(which)], direction, a, b)

    def often() -> None:
        # What runs at the same time differs from call to call, and the need with it.
        for _ in range(_CALLS_FOR_MEMORY):
            run()

    print(json.dumps(growth_bytes(often)))


if __name__ == "__main__":
    _print_peak(*sys.argv[1:])
