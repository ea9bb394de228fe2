"""The flag --threads."""

from __future__ import annotations

from absl import flags

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the flag."""
    flags.DEFINE_integer("threads", None, "How many to use. (default: one a core)", lower_bound=1)


def use() -> None:
    """Does as the flag says; to be called before TensorFlow computes anything."""
    if FLAGS.threads is None:
        return
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(FLAGS.threads)
    tf.config.threading.set_inter_op_parallelism_threads(FLAGS.threads)
