"""Trainings that are killed and resumed end with the weights of an undisturbed one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.measuring import free_ports

TINY = "--loss=nlpd --filters=8 --patch_size=32 --batch_size=4 --epochs=2 --steps_per_epoch=10".split()
STEPS = 20


def weights(run_dir: Path, step: int = STEPS) -> dict[str, np.ndarray]:
    """All of a checkpoint but the means behind the logs, and the best epoch's loss, which is such a mean."""
    reader = tf.train.load_checkpoint(str(run_dir / "checkpoints" / f"step-{step}"))
    names = reader.get_variable_to_shape_map()
    skipped = ("_trackers", "_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter", "best/", "epochs_since_best")
    return {name: reader.get_tensor(name) for name in names if not any(part in name for part in skipped)}


def assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray], atol: float = 0.0) -> None:
    assert set(a) == set(b) and len(a) > 50
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=0, atol=atol, err_msg=name)


def start(repo_root: Path, folder: Path, *flags: str, tf_config: dict | None = None) -> subprocess.Popen:
    environment = {**os.environ, **({"TF_CONFIG": json.dumps(tf_config)} if tf_config else {})}
    command = [sys.executable, str(repo_root / "bin" / "train"), *TINY, *flags]
    # A file, not a pipe: nobody reads while the process runs.
    with open(folder / f"log_{time.monotonic_ns()}", "w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment)
    process.log = Path(log.name)
    return process


def output_of(process: subprocess.Popen) -> str:
    """What a process that ends well has printed."""
    assert process.wait(timeout=300) == 0, process.log.read_text()
    return process.log.read_text()


def wait_for(condition, process: subprocess.Popen, timeout_s: float = 240) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert process.poll() is None, process.log.read_text()
        assert time.monotonic() < end, process.log.read_text()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(repo_root, tmp_path_factory) -> Path:
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    output_of(start(repo_root, folder, "--run_dir=entropy", "--name=m"))
    return folder / "entropy"


@pytest.mark.slow
def test_kill_9_loses_nothing_that_was_checkpointed(repo_root, tmp_path, undisturbed, run_script):
    flags = ["--run_dir=run", "--name=m", "--checkpoint_every=2"]
    for reached in (4, 10):
        process = start(repo_root, tmp_path, *flags)
        wait_for((tmp_path / "run" / "checkpoints" / f"step-{reached}.index").exists, process)
        process.kill()
        process.wait()
    assert "resuming from step" in output_of(start(repo_root, tmp_path, *flags))
    assert_same(weights(tmp_path / "run"), weights(undisturbed))
    assert "this training is finished" in run_script("train", *TINY, *flags).stdout


@pytest.mark.slow
def test_a_signal_finishes_the_step_and_saves(repo_root, tmp_path, undisturbed):
    flags = ["--run_dir=run", "--name=m", "--checkpoint_every=1000"]
    process = start(repo_root, tmp_path, *flags)
    # The first step is being traced, which takes seconds.
    wait_for((tmp_path / "run" / "checkpoints" / "step-0.index").exists, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 143
    text = process.log.read_text()
    assert "stopped by SIGTERM at step" in text and "Traceback" not in text
    step = int(text.split("stopped by SIGTERM at step ")[1].split(";")[0])
    assert (tmp_path / "run" / "checkpoints" / f"step-{step}.index").exists()
    text = output_of(start(repo_root, tmp_path, *flags))
    assert f"resuming from step {step}" in text or step == STEPS
    assert_same(weights(tmp_path / "run"), weights(undisturbed))


def start_two(repo_root: Path, folder: Path, *flags: str) -> list[subprocess.Popen]:
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": index}} for index in range(2)]
    flags = ("--strategy=multi_worker", "--run_dir=run", "--name=m", *flags)
    return [start(repo_root, folder, *flags, tf_config=task) for task in tasks]


@pytest.mark.slow
def test_two_workers_reach_the_weights_of_one_and_outlive_a_kill(repo_root, tmp_path, undisturbed):
    """Both workers share a batch; one is killed on the way, the other ends with a message, both resume."""
    flags = ["--checkpoint_every=5", "--export=best"]
    workers = start_two(repo_root, tmp_path, *flags)
    wait_for((tmp_path / "run" / "checkpoints" / "step-10.index").exists, workers[0])
    workers[1].kill()
    begin = time.monotonic()
    workers[0].wait(timeout=120)
    text = workers[0].log.read_text()
    if workers[0].returncode == 0:
        pytest.skip("the first worker was done before the second could be killed")
    assert time.monotonic() - begin < 60
    assert workers[0].returncode == 1 and "another worker is gone" in text.splitlines()[-1], text
    assert not (tmp_path / "saved_models").exists()
    for worker in start_two(repo_root, tmp_path, *flags):
        assert "resuming from step 1" in output_of(worker)
    assert_same(weights(tmp_path / "run"), weights(undisturbed), atol=2e-5)
    assert [path.name for path in (tmp_path / "saved_models" / "m").iterdir()] == ["1"]
