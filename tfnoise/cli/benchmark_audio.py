"""The part of bin/benchmark that is about sound: against librosa, and the pipeline from files to images."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from tfnoise.cli.output import say, table
from tfnoise.cli.progress import Progress
from tfnoise.errors import InputError

FLAGS = flags.FLAGS
_BATCH, _FILES = 16, 975
_TITLES = {"mel": "mel", "mel_inverse": "mel inverse", "griffin_lim": "phase, 32 iterations"}


def audio() -> dict[str, Any]:
    """Measures the front end against librosa."""
    from tfnoise.audio import FrontEnd, resample
    from tfnoise.benchmarks import audio as measured
    from tfnoise.benchmarks.librosa_process import LibrosaProcess

    front_end = FrontEnd()
    waveforms, rate_hz = _waveforms()
    clips = np.stack([resample(clip, rate_hz, front_end.sample_rate_hz) for clip in waveforms])
    steps = 2 * len(measured.SPEED_CALLS) * FLAGS.rounds + len(measured.RATES_HZ) + 3
    with LibrosaProcess(FLAGS.librosa_python) as librosa:
        with Progress(steps, label="measuring", unit="round") as progress:
            speed = measured.speed(clips, front_end, librosa, FLAGS.rounds, progress.update)
            equality = measured.equality(waveforms, rate_hz, librosa, progress.update)
            found = {}
            for what in (measured.magnitudes, measured.phases, measured.round_trip):
                found[what.__name__] = what(clips, front_end, librosa)
                progress.update()
        versions = librosa.versions
    duration_s = clips.shape[1] / front_end.sample_rate_hz
    say(f"{len(clips)} clips of {duration_s:.2f} s at 16 kHz; librosa {versions['librosa']}.\n")
    _say_audio(speed, equality, found)
    return {
        "clips": len(clips),
        "samples": clips.shape[1],
        "data": FLAGS.data,
        "versions": versions,
        "speed": speed,
        "equality": equality,
        **found,
    }


def _waveforms() -> tuple[np.ndarray, int]:
    """Clips of one length `[clips, samples]`, mono, and their sample rate in Hz."""
    from tfnoise.audio import read, to_mono
    from tfnoise.data import list_clips, synthetic_clips
    from tfnoise.evaluation import spread

    count = FLAGS.clips or _BATCH
    if FLAGS.data is None:
        made = [clip[2] for clip in synthetic_clips(48_000, seed=0)]
        return np.stack([np.asarray(made[n % len(made)], np.float32) for n in range(count)]), 48_000
    listed = list_clips(FLAGS.data)
    sounds = [read(listed[place].path) for place in spread(len(listed), count)]
    rates = {rate for _, rate in sounds}
    if len(rates) > 1:
        raise InputError(f"{FLAGS.data}: its clips have several sample rates; name a folder with one")
    length = min(len(samples) for samples, _ in sounds)
    return np.stack([to_mono(samples[:length]) for samples, _ in sounds]), rates.pop()


def _say_audio(speed: list[dict], equality: list[dict], found: dict[str, list[dict]]) -> None:
    rows = [
        [
            _TITLES[row["what"]],
            row["librosa"],
            f"{row['speedup']:.2f} x",
            f"{row['speedup_range'][0]:.2f} to {row['speedup_range'][1]:.2f}",
            f"{1e3 * row['seconds']:.1f}",
            f"{1e3 * row['baseline_seconds']:.1f}",
        ]
        for row in speed
    ]
    say("Speed of ours in one batch, medians:\n")
    say(table(rows, ["what", "librosa in", "speed-up", "range", "ms", "ms of librosa"], "llrrrr"))
    say("\nLargest differences from librosa's mel-spectrogram, relative to the clip's maximum, and image:\n")
    rows = [[row["sample_rate_hz"], f"{row['mel']:.1e}", f"{row['image']:.1e}"] for row in equality]
    say(table(rows, ["Hz", "mel", "image"], "rrr"))
    titles = {
        "magnitudes": "From the image to magnitudes, without a phase:",
        "phases": "From true magnitudes to sound:",
        "round_trip": "From the image to sound:",
    }
    for name, title in titles.items():
        header = list(found[name][0])
        say(f"\n{title}\n")
        rows = [[_cell(row[key]) for key in header] for row in found[name]]
        say(table(rows, [key.replace("_", " ") for key in header], "l" + "r" * (len(header) - 1)))


def _cell(value: Any) -> str:
    return f"{value:.5f}" if isinstance(value, float) else str(value)


def pipeline() -> dict[str, Any]:
    """Measures the pipeline on files of PMQD's format, all of them and a fifth."""
    from tfnoise.benchmarks import pipeline as measured
    from tfnoise.data import list_clips

    count = FLAGS.clips or _FILES
    sources = [clip.path for clip in list_clips(FLAGS.data)] if FLAGS.data else []
    rows = []
    with tempfile.TemporaryDirectory(prefix="tfnoise-pipeline-") as scratch:
        for clips in (max(1, count // 5), count):
            folder, cache = Path(scratch, str(clips)), Path(scratch, f"cache-{clips}")
            with Progress(clips, label="writing files", unit="file") as progress:
                measured.make_set(folder, clips, sources, progress.update)
            for state in ("first time", "from the cache"):
                say(f"measuring {clips} clips, {state}")
                rows.append({"state": state, **measured.measure(folder, cache)})
    say()
    cells = [
        [row["clips"], row["state"], f"{row['seconds']:.1f}", f"{row['peak_bytes'] / 1e6:.0f}"]
        for row in rows
    ]
    say(table(cells, ["clips", "images", "s", "peak MB"], "rlrr"))
    say("\nFresh processes; a megabyte is 10^6 bytes. TensorFlow itself takes some 500 of them.")
    return {"data": FLAGS.data, "runs": rows}
