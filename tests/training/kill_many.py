#!/usr/bin/env python3
"""Kills a short training at random moments, many times in a row, and checks that nothing was lost.

    python -m tests.training.kill_many [KILLS] [SEED]

Each time it is started again with the same command. It must resume from the last checkpoint that was there
when it was killed, and the weights at the end must be those of an undisturbed training, bit for bit. A run
that is done before all kills were made is followed by another one. Takes some 15 seconds a kill.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.scripts import REPOSITORY
from tests.training.test_kills import assert_same, start, weights

STEPS = 400
LATEST_S = 18.0


def main(kills: int = 50, seed: int = 0) -> None:
    """Kills, and reports; an assertion fails where something was lost."""
    moments = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="tfnoise-kills-"))

    def begin(name: str):
        flags = [f"--steps_per_epoch={STEPS // 2}", f"--run_dir={name}", f"--name={name}"]
        return start(REPOSITORY, folder, "--checkpoint_every=10", *flags)

    def finish(name: str) -> dict:
        process = begin(name)
        assert process.wait(timeout=600) == 0, process.log.read_text()
        return weights(folder / name, STEPS)

    expected = finish("undisturbed")
    done, runs, resumed = 0, 0, 0
    while done < kills:
        runs += 1
        name, finished = f"run_{runs}", False
        while not finished and done < kills:
            before = newest(folder / name)
            process = begin(name)
            time.sleep(moments.uniform(0.5, LATEST_S))
            finished = process.poll() is not None
            if not finished:
                process.kill()
                done += 1
            text = process.log.read_text()
            assert process.wait() == (0 if finished else -9), text
            assert "damaged" not in text and "Traceback" not in text, text
            for step in re.findall(r"resuming from step (\d+)", text):
                resumed += 1
                assert int(step) == before, (before, text)
            print(f"kill {done}: was at step {before}, now {newest(folder / name)}", flush=True)
        assert_same(finish(name), expected)
        print(f"{name}: the weights are those of the undisturbed run")
    print(f"{done} kills over {runs} runs, resumed {resumed} times: nothing was lost")


def newest(run_dir: Path) -> int:
    """The step of the newest checkpoint, 0 for none."""
    indices = (run_dir / "checkpoints").glob("step-*.index")
    return max((int(path.stem.split("-")[1]) for path in indices), default=0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
