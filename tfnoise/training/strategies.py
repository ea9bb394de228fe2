"""Where and in which precision a training computes: one device, several, or several machines (tf.distribute).

Several workers follow the conventions of tf.distribute: each runs the same command, and the environment
variable TF_CONFIG names all workers and this one:

    TF_CONFIG='{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'

The first is the chief: its files are the run's.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from tfnoise.errors import InputError, UsageError
from tfnoise.layers import AnalysisTransform, SynthesisTransform
from tfnoise.training.settings import TrainingSettings

LOST_WORKER = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)
"""What TensorFlow raises where another worker is gone."""

STRATEGIES = ("default", "mirrored", "multi_worker", "tpu")

_ROUNDS = 3


def make_strategy(strategy: str) -> tf.distribute.Strategy:
    """The `tf.distribute` strategy of a name; to be called before TensorFlow computes anything.

    >>> make_strategy("default").num_replicas_in_sync
    1

    Args:
      strategy: "default" (one device), "mirrored" (all GPUs of this machine), "multi_worker" (TF_CONFIG's) or
        "tpu" (the one that TensorFlow's resolver finds; never run here).

    Raises:
      UsageError: an unknown name, or an invalid TF_CONFIG.
      InputError: the devices are not there.
    """
    if strategy not in STRATEGIES:
        raise UsageError(f"`strategy`={strategy}: must be one of {', '.join(STRATEGIES)}")
    if strategy == "mirrored":
        if not tf.config.list_physical_devices("GPU"):
            raise InputError("`strategy`=mirrored: this machine has no GPU; leave `strategy` out")
        return tf.distribute.MirroredStrategy()
    if strategy == "multi_worker":
        check_tf_config()
        return tf.distribute.MultiWorkerMirroredStrategy()
    if strategy == "tpu":
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
        except (ValueError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0][:120]
            raise InputError(f"`strategy`=tpu: no TPU is found ({reason}); leave `strategy` out") from None
        return tf.distribute.TPUStrategy(resolver)
    return tf.distribute.get_strategy()


def check_tf_config() -> None:
    """Raises UsageError unless TF_CONFIG names workers and which of them this is."""
    text = os.environ.get("TF_CONFIG", "")
    example = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
    if not text:
        raise UsageError(f"`strategy`=multi_worker: needs TF_CONFIG in the environment, as {example}")
    try:
        config = json.loads(text)
        workers = config["cluster"]["worker"]
        chiefs = config["cluster"].get("chief", [])
        kind, index = config["task"]["type"], config["task"]["index"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"TF_CONFIG={text[:80]!r}: invalid; it must be as {example}") from None
    strangers = sorted(set(config["cluster"]) - {"worker", "chief"})
    if strangers:
        raise UsageError(f"TF_CONFIG: has tasks {', '.join(strangers)}; only workers and a chief train here")
    tasks = {"worker": workers, "chief": chiefs}
    for addresses in tasks.values():
        if not isinstance(addresses, list) or any(":" not in str(address) for address in addresses):
            raise UsageError(f"TF_CONFIG: its workers must be addresses HOST:PORT, as {example}")
    if kind not in tasks or not isinstance(index, int) or not 0 <= index < len(tasks[kind]):
        raise UsageError(f"TF_CONFIG: there is no task {kind} {index} in its cluster; see {example}")
    if len({*workers, *chiefs}) != len(workers) + len(chiefs):
        raise UsageError("TF_CONFIG: an address comes twice; each worker needs its own")


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process's files are the run's."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type or isinstance(strategy, tf.distribute.TPUStrategy):
        return True
    chief = "chief" if "chief" in resolver.cluster_spec().as_dict() else "worker"
    return resolver.task_type == chief and resolver.task_id == 0


def workers_of(strategy: tf.distribute.Strategy) -> int:
    """How many processes train together."""
    resolver = strategy.cluster_resolver
    if resolver is None or isinstance(strategy, tf.distribute.TPUStrategy):
        return 1
    return max(1, sum(map(len, resolver.cluster_spec().as_dict().values())))


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
                return not {"amx_bf16", "avx512_bf16"}.isdisjoint(line.split())
    return False


def faster_precision(settings: TrainingSettings) -> str:
    """The precision in which a trial of the transforms is faster; float32 where bfloat16 is not native."""
    if not has_native_bfloat16():
        return "float32"
    steps = {name: _step(name, settings) for name in ("float32", "bfloat16")}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(_ROUNDS):
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - begin)
    return min(steps, key=lambda name: statistics.median(times[name]))


def _step(precision: str, settings: TrainingSettings) -> Callable[[], None]:
    """A function that takes a step of the transforms forward and back, compiled and run once."""
    side, filters = settings.patch_size, settings.filters
    images = tf.random.stateless_uniform([settings.batch_size, side, side, 1], [0, 0])
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        analysis = AnalysisTransform(filters, filters, settings.kernel_size)
        synthesis = SynthesisTransform(filters, 1, settings.kernel_size)
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
