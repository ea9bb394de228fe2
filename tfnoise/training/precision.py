"""Which precision a training computes in: bfloat16 where the processor has it and a trial shows it faster."""

from __future__ import annotations

import contextlib
import statistics
import time
from pathlib import Path

import tensorflow as tf

from tfnoise.layers import AnalysisTransform, SynthesisTransform

_NATIVE_FLAGS = {"amx_bf16", "avx512_bf16"}
_ROUNDS = 3


def has_native_bfloat16() -> bool:
    """Whether the accelerator, or else the processor, multiplies bfloat16 itself."""
    if tf.config.list_logical_devices("TPU"):
        return True
    for gpu in tf.config.list_physical_devices("GPU"):
        capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        return capability >= (8, 0)
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("flags"):
                return bool(_NATIVE_FLAGS & set(line.split()))
    return False


def faster_precision(filters: int, kernel_size: int, patch_size: int, batch_size: int) -> str:
    """The precision in which a trial of the transforms is faster; float32 where bfloat16 is not native.

    Args:
      filters, kernel_size: of the transforms.
      patch_size, batch_size: of the images, pixels and images.
    """
    if not has_native_bfloat16():
        return "float32"
    images = tf.random.stateless_uniform([batch_size, patch_size, patch_size, 1], [0, 0])
    steps = {name: _step(name, filters, kernel_size, images) for name in ("float32", "bfloat16")}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(_ROUNDS):
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - begin)
    return min(steps, key=lambda name: statistics.median(times[name]))


def _step(precision: str, filters: int, kernel_size: int, images: tf.Tensor):
    """A function that takes a step of the transforms forward and back, compiled and run once."""
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        analysis = AnalysisTransform(filters, filters, kernel_size)
        synthesis = SynthesisTransform(filters, 1, kernel_size)
        synthesis(analysis(images))
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
    variables = [*analysis.trainable_variables, *synthesis.trainable_variables]

    @tf.function
    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            reconstruction = synthesis(analysis(images, training=True), training=True)
            loss = tf.reduce_mean(tf.square(tf.cast(reconstruction, tf.float32) - images))
        return tape.gradient(loss, variables)

    def step() -> None:
        gradients()[0].numpy()

    step()
    return step
