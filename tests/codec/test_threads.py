"""Symbols do not depend on threads or processes."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tfnoise.codec import Codec
from tfnoise.data import synthetic_clips

_DIGEST = """
import hashlib, io, sys
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[3]))
tf.config.threading.set_inter_op_parallelism_threads(int(sys.argv[3]))
from tfnoise.codec import Codec
blocks = Codec.load(sys.argv[1], precision=sys.argv[4]).symbols_of(open(sys.argv[2], "rb"))
print(hashlib.sha256(b"".join(block.symbols.tobytes() for block in blocks)).hexdigest())
"""


@pytest.fixture
def sound(tmp_path):
    clips = synthetic_clips(8000, duration_s=1.0, seed=3)
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.concatenate([clip[2] for clip in clips]), 8000)
    return path


@pytest.mark.parametrize("bottleneck", ["entropy", pytest.param("levels", marks=pytest.mark.slow)])
def test_symbols_of_one_thread_are_those_of_two(run_process, models, sound, tmp_path, bottleneck):
    model = models / "saved_models" / bottleneck
    coded = {}
    for threads in (1, 2):
        coded[threads] = tmp_path / f"{threads}.tfn"
        done = run_process(
            "compress", sound, "-o", coded[threads], f"--model={model}", f"--threads={threads}"
        )
        assert done.status == 0, done.stderr
    assert coded[1].read_bytes() == coded[2].read_bytes()
    blocks = Codec.load(model).symbols_of(io.BytesIO(coded[1].read_bytes()))
    expected = hashlib.sha256(b"".join(block.symbols.tobytes() for block in blocks)).hexdigest()
    for threads, precision in ((1, "float32"), (2, "bfloat16")):
        command = [sys.executable, "-c", _DIGEST, str(model), str(coded[1]), str(threads), precision]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stdout.strip() == expected, done.stderr
    for flags in (["--threads=1"], ["--precision=bfloat16"]):
        arguments = [coded[1], "-o", "out.wav", f"--model={model}", "--force", "--iterations=1", *flags]
        done = run_process("decompress", *arguments)
        assert done.status == 0 and soundfile.info(tmp_path / "out.wav").frames == 14 * 8000, done.stderr
