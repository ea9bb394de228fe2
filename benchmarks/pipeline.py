"""Files of PMQD's format to images: time and memory of fresh processes, without and with the cache.

`python -m benchmarks.pipeline FOLDER CACHE` is such a process.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tfnoise
from benchmarks.measuring import in_fresh_process
from tfnoise.audio import read
from tfnoise.cli.output import say, table
from tfnoise.cli.progress import Progress
from tfnoise.data import list_clips
from tfnoise.data.clip_list import COLUMNS

RATE_HZ, SAMPLES, CHANNELS = 48_000, 201_984, 2
"""PMQD's clips, 24-bit WAV."""

_FILES = 975
_CONDITIONS = ("original", "distortion", "limiter", "lowpass", "noise")


def report(data: str | None, clips: int | None) -> dict[str, Any]:
    """Measures the pipeline on files of PMQD's format, all of them and a fifth, and prints a table.

    Args:
      data: folder of the audio that the files repeat; None: noise.
      clips: number of files; None: as many as PMQD has.
    """
    count = clips or _FILES
    sources = [clip.path for clip in list_clips(data)] if data else []
    rows = []
    with tempfile.TemporaryDirectory(prefix="tfnoise-pipeline-") as scratch:
        for number in (max(1, count // 5), count):
            folder, cache = Path(scratch, str(number)), Path(scratch, f"cache-{number}")
            with Progress(number, label="writing files", unit="file") as progress:
                make_set(folder, number, sources, progress.update)
            for state in ("first time", "from the cache"):
                say(f"measuring {number} clips, {state}")
                rows.append({"state": state, **measure(folder, cache)})
    say()
    cells = [
        [row["clips"], row["state"], f"{row['seconds']:.1f}", f"{row['peak_bytes'] / 1e6:.0f}"]
        for row in rows
    ]
    say(table(cells, ["clips", "images", "s", "peak MB"], "rlrr"))
    say("\nFresh processes; a megabyte is 10^6 bytes. TensorFlow itself takes some 500 of them.")
    return {"data": data, "runs": rows}


def make_set(
    folder: Path, clips: int, sources: list[str], on_clip: Callable[[], object] = lambda: None
) -> None:
    """Writes a list and so many files of PMQD's format, of the sources' sound or of noise.

    Args:
      folder: absent or empty.
      clips: how many.
      sources: files that are repeated; none: noise.
      on_clip: called after each.
    """
    import soundfile

    (folder / "audio").mkdir(parents=True)
    rows = [",".join(COLUMNS)]
    originals = max(1, clips // len(_CONDITIONS))
    for number in range(clips):
        name = f"{number}.wav"
        sound = _sound(number, sources)
        soundfile.write(folder / "audio" / name, sound, RATE_HZ, "PCM_24")
        condition = _CONDITIONS[min(number // originals, len(_CONDITIONS) - 1)]
        rows.append(f"{number},Rock,A,Piece {number % originals},{condition},0,,0,{name}")
        on_clip()
    (folder / "pmqd.csv").write_text("\n".join(rows) + "\n")


def _sound(number: int, sources: list[str]) -> np.ndarray:
    """`[SAMPLES, CHANNELS]`, no two alike."""
    if not sources:
        return np.random.default_rng(number).uniform(-0.5, 0.5, [SAMPLES, CHANNELS])
    sound, _ = read(sources[number % len(sources)])
    sound = np.resize(sound[:, :CHANNELS], [SAMPLES, CHANNELS])
    return np.roll(sound, number, 0)


def measure(folder: Path, cache: Path) -> dict[str, Any]:
    """Seconds, peak memory and images of one fresh process that reads all clips of a folder.

    Raises:
      RuntimeError: it failed.
    """
    return in_fresh_process("benchmarks.pipeline", folder, cache)


def _measured(folder: str, cache: str) -> dict[str, Any]:
    import tensorflow as tf

    tf.zeros([])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    begin = time.perf_counter()
    count = sum(1 for _ in tfnoise.data.pmqd(folder, "all", cache_dir=cache))
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"clips": count, "seconds": seconds, "peak_bytes": peak, "growth_bytes": peak - before}


if __name__ == "__main__":
    print(json.dumps(_measured(*sys.argv[1:])))
