"""Where a training runs: this machine, its accelerators, or several machines, on tf.distribute.

Several workers follow the conventions of tf.distribute: each runs the same command, and the environment
variable TF_CONFIG tells each of all and which it is:

    TF_CONFIG='{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'

The first is the chief: its files are the run's.
"""

from __future__ import annotations

import json
import os

import tensorflow as tf

from tfnoise.errors import InputError, UsageError

LOST_WORKER = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)
"""What TensorFlow raises where another worker is gone."""

STRATEGIES = ("default", "mirrored", "multi_worker", "tpu")


def make_strategy(name: str) -> tf.distribute.Strategy:
    """The strategy of a name; to be called before TensorFlow computes anything.

    Args:
      name: "default" (one device), "mirrored" (all GPUs of this machine), "multi_worker" (TF_CONFIG's) or
        "tpu" (the one that TensorFlow's resolver finds; never run here).

    Raises:
      UsageError: an unknown name, or a TF_CONFIG that makes no sense.
      InputError: the devices are not there.
    """
    if name not in STRATEGIES:
        raise UsageError(f"--strategy={name}: must be one of {', '.join(STRATEGIES)}")
    if name == "mirrored":
        if not tf.config.list_physical_devices("GPU"):
            raise InputError("--strategy=mirrored: this machine has no GPU; leave --strategy out")
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        check_tf_config()
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
        except (ValueError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0][:120]
            raise InputError(f"--strategy=tpu: no TPU is found ({reason}); leave --strategy out") from None
        return tf.distribute.TPUStrategy(resolver)
    return tf.distribute.get_strategy()


def check_tf_config() -> None:
    """Sees that TF_CONFIG names workers and which of them this is.

    Raises:
      UsageError: it does not; the message says what is wrong.
    """
    text = os.environ.get("TF_CONFIG", "")
    example = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
    if not text:
        raise UsageError(f"--strategy=multi_worker: needs TF_CONFIG in the environment, as {example}")
    try:
        config = json.loads(text)
        workers = config["cluster"]["worker"]
        chiefs = config["cluster"].get("chief", [])
        kind, index = config["task"]["type"], config["task"]["index"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"TF_CONFIG={text[:80]!r}: makes no sense; it must be as {example}") from None
    strangers = sorted(set(config["cluster"]) - {"worker", "chief"})
    if strangers:
        raise UsageError(f"TF_CONFIG: has tasks {', '.join(strangers)}; only workers and a chief train here")
    addresses = {"worker": workers, "chief": chiefs}
    for found in addresses.values():
        if not isinstance(found, list) or not all(isinstance(each, str) and ":" in each for each in found):
            raise UsageError(f"TF_CONFIG: its workers must be addresses HOST:PORT, as {example}")
    if kind not in addresses or not isinstance(index, int) or not 0 <= index < len(addresses[kind]):
        raise UsageError(f"TF_CONFIG: there is no task {kind} {index} in its cluster; see {example}")
    if len({*workers, *chiefs}) != len(workers) + len(chiefs):
        raise UsageError("TF_CONFIG: an address comes twice; each worker needs its own")


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process's files are the run's."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type or isinstance(strategy, tf.distribute.TPUStrategy):
        return True
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    return (
        resolver.task_type == "chief"
        or resolver.task_type == "worker"
        and resolver.task_id == 0
        and not has_chief
    )


def workers_of(strategy: tf.distribute.Strategy) -> int:
    """How many processes train together."""
    resolver = strategy.cluster_resolver
    if resolver is None or isinstance(strategy, tf.distribute.TPUStrategy):
        return 1
    return max(1, sum(map(len, resolver.cluster_spec().as_dict().values())))
