#!/usr/bin/env python3
"""Kills a short training at random moments, many times in a row, and sees that nothing was lost.

    python tests/training/kill_many.py [KILLS] [SEED]

Each time it is begun again with the same command. It must go on from the last checkpoint that was there when
it was killed, and the weights at the end must be those of a training that nobody disturbed, bit for bit. A
run that is done before all kills were made is followed by another one. Takes some 15 seconds a kill.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

REPOSITORY = Path(__file__).resolve().parents[2]
STEPS = 400
FLAGS = f"--loss=nlpd --filters=8 --patch_size=32 --batch_size=4 --epochs=2 --steps_per_epoch={STEPS // 2}"
LATEST_S = 18.0


def main(kills: int = 50, seed: int = 0) -> None:
    """Kills, and tells what became of it; exits with 1 where something was lost."""
    moments = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="tfnoise-kills-"))
    assert wait(start(folder, "undisturbed")) == 0, log_of(folder, "undisturbed")
    expected = weights(folder / "undisturbed")
    done, runs, resumed = 0, 0, []
    while done < kills:
        runs += 1
        name, finished = f"run_{runs}", False
        while not finished and done < kills:
            before = newest(folder / name)
            process = start(folder, name)
            time.sleep(moments.uniform(0.5, LATEST_S))
            finished = process.poll() is not None
            if finished:
                assert process.returncode == 0, log_of(folder, name)
            else:
                process.kill()
                process.wait()
                done += 1
            found = re.findall(r"resuming from step (\d+)", log_of(folder, name))
            assert "damaged" not in log_of(folder, name) and "Traceback" not in log_of(folder, name)
            if found:
                resumed.append(int(found[0]))
                assert int(found[0]) == before, (before, log_of(folder, name))
            print(f"kill {done}: was at step {before}, now {newest(folder / name)}", flush=True)
        assert wait(start(folder, name)) == 0, log_of(folder, name)
        ours = weights(folder / name)
        assert set(ours) == set(expected)
        for key, value in expected.items():
            np.testing.assert_array_equal(ours[key], value, err_msg=f"{name}: {key}")
        print(f"{name}: the weights are those of the undisturbed run")
    print(f"{done} kills over {runs} runs, resumed {len(resumed)} times: nothing was lost")


def start(folder: Path, name: str) -> subprocess.Popen:
    """Begins a training, or goes on with it."""
    flags = [*FLAGS.split(), "--checkpoint_every=10", f"--run_dir={name}", f"--name={name}"]
    with open(folder / f"{name}.log", "w") as log:
        command = [sys.executable, str(REPOSITORY / "bin" / "train"), *flags]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)


def wait(process: subprocess.Popen) -> int:
    """The exit status."""
    return process.wait(timeout=600)


def log_of(folder: Path, name: str) -> str:
    """What the last process of a run has said."""
    return (folder / f"{name}.log").read_text()


def newest(run_dir: Path) -> int:
    """The step of the newest checkpoint, 0 for none."""
    found = (run_dir / "checkpoints").glob("step-*.index")
    return max((int(path.stem.split("-")[1]) for path in found), default=0)


def weights(run_dir: Path) -> dict[str, np.ndarray]:
    """What a finished training has learned, and its optimizer's state."""
    reader = tf.train.load_checkpoint(str(run_dir / "checkpoints" / f"step-{STEPS}"))
    left_out = ("_trackers", "_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter", "best/", "epochs_since_best")
    names = [
        name for name in reader.get_variable_to_shape_map() if not any(part in name for part in left_out)
    ]
    return {name: reader.get_tensor(name) for name in names}


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
