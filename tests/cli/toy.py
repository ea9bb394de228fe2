"""Learn a toy from noise.

Example:
  bin/toy --loss=mse in.wav
"""

import os
import signal

from tfnoise.cli import output
from tfnoise.cli.progress import Progress
from tfnoise.errors import InputError, UsageError

POSITIONAL = "[IN...]"


def define_flags(define):
    define.enum("loss", "mse", ["mse", "nlpd"], "Training loss.")
    define.float("bpp", 0.5, "Target rate.")
    define.integer("steps", 3, "Steps.")
    define.boolean("overwrite", False, "Replace what is there.")
    define.string("output", None, "Where to write.", short_name="o")
    define.string("fail", "", "How to fail.")


def main(arguments, values):
    if values.fail == "input":
        raise InputError("in.wav: too short\nfor `bpp` or `filters`")
    if values.fail == "usage":
        raise UsageError("--levels needs --bottleneck=levels")
    if values.fail == "bug":
        raise TypeError("a bug")
    if values.fail == "interrupt":
        raise KeyboardInterrupt
    if values.fail.startswith("swallowed"):
        with Progress(total=2) as progress:
            try:
                os.kill(os.getpid(), getattr(signal, values.fail.split()[1]))
            except KeyboardInterrupt:
                print("a callback lost it")
            progress.update()
    if values.fail == "status":
        return 7
    if values.fail == "tensorflow":
        import tensorflow as tf

        tf.io.read_file("/nowhere/at/all")
    if values.fail == "quiet":
        import tensorflow as tf
        import tensorflow_compression  # noqa: F401
        import tensorflow_io as tfio

        tf.function(lambda x: tf.nn.conv2d(x, tf.ones([3, 3, 1, 1]), 1, "SAME"))(tf.ones([1, 8, 8, 1]))
        assert tfio.audio.decode_flac
    for argument in arguments:
        open(argument).close()
    print("a stray print")
    if values.json:
        output.print_json(
            {"loss": values.loss, "bpp": values.bpp, "steps": values.steps, "nan": float("nan")}
        )
    else:
        output.say(f"{values.loss} {values.bpp} {values.output}" + " and on" * values.steps)
    return None
