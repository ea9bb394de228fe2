"""A small script that uses everything that scripts share, and a way to run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scripts import Result

_TOY = '''#!/usr/bin/env python3
"""Learn a toy from noise.

Example:
  bin/toy --loss=mse in.wav
"""
import sys
sys.path.insert(0, ROOT)
from tfnoise.cli import start
start.prepare()
from tfnoise.cli import app, output
from tfnoise.errors import InputError, UsageError
AT_LEAST = 0
POSITIONAL = WORDS
def define_flags(define):
    define.enum("loss", "mse", ["mse", "nlpd"], "What is minimised.")
    define.float("bpp", 0.5, "Target rate.")
    define.integer("steps", 3, "Steps.")
    define.boolean("overwrite", False, "Replace what is there.")
    define.string("output", None, "Where to write.", short_name="o")
    define.string("fail", "", "How to fail.")
def main(arguments, FLAGS):
    if FLAGS.fail == "input":
        raise InputError("in.wav: too short\\nmake it longer")
    if FLAGS.fail == "usage":
        raise UsageError("--levels needs --bottleneck=levels")
    if FLAGS.fail == "bug":
        raise TypeError("a bug")
    if FLAGS.fail == "interrupt":
        raise KeyboardInterrupt
    if FLAGS.fail.startswith("swallowed"):
        import os, signal
        from tfnoise.cli.progress import Progress
        with Progress(total=2) as progress:
            try:
                os.kill(os.getpid(), getattr(signal, FLAGS.fail.split()[1]))
            except KeyboardInterrupt:
                print("a callback lost it")
            progress.update()
    if FLAGS.fail == "status":
        return 7
    if FLAGS.fail == "tensorflow":
        import tensorflow as tf
        tf.io.read_file("/nowhere/at/all")
    if FLAGS.fail == "quiet":
        import tensorflow as tf, tensorflow_compression, tensorflow_io as tfio
        tf.function(lambda x: tf.nn.conv2d(x, tf.ones([3, 3, 1, 1]), 1, "SAME"))(tf.ones([1, 8, 8, 1]))
        tfio.audio.decode_flac
    for argument in arguments:
        open(argument).close()
    print("a stray print")
    if FLAGS.json:
        output.print_json({"loss": FLAGS.loss, "bpp": FLAGS.bpp, "steps": FLAGS.steps, "nan": float("nan")})
    else:
        output.say(f"{FLAGS.loss} {FLAGS.bpp} {FLAGS.output}" + " and on" * FLAGS.steps)
    if FLAGS.fail == "help":
        assert "tensorflow" not in sys.modules
if __name__ == "__main__":
    app.run(sys.modules[__name__])
'''


@pytest.fixture
def toy(tmp_path: Path, repo_root: Path) -> Callable[..., Result]:
    """Runs the script; `python` takes options of the interpreter, `positional` goes to `app.run`."""

    def run(
        *args: str,
        python: tuple[str, ...] = (),
        positional: str | None = "[IN...]",
        env: dict[str, str] | None = None,
    ) -> Result:
        script = tmp_path / "bin" / "toy"
        script.parent.mkdir(exist_ok=True)
        script.write_text(_TOY.replace("ROOT", repr(str(repo_root))).replace("WORDS", repr(positional)))
        done = subprocess.run(
            [sys.executable, *python, str(script), *args],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run
