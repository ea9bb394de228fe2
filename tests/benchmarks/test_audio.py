"""The benchmarks of sound: they run, and without librosa they say what to do."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

from benchmarks import audio
from benchmarks.librosa_process import LibrosaProcess
from tfnoise.audio import FrontEnd
from tfnoise.data import synthetic_clips


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    return np.stack([clip[2] for clip in synthetic_clips(16000, duration_s=0.5, seed=0)[:3]])


@pytest.fixture
def librosa():
    python = os.environ.get("TFNOISE_LIBROSA_PYTHON")
    if not python:
        pytest.skip("needs an interpreter that has librosa, named by TFNOISE_LIBROSA_PYTHON")
    with LibrosaProcess(python) as process:
        yield process


def test_without_librosa_it_says_so(run_script):
    done = run_script("benchmark", "audio", f"--librosa_python={sys.executable}")
    assert done.status == 1 and "No module named 'librosa'" in done.stderr
    assert sys.executable in done.stderr and len(done.stderr.strip().splitlines()) == 1
    unnamed = run_script("benchmark", "audio")
    assert unnamed.status == 2 and "pip install -r benchmarks/requirements-librosa.txt" in unnamed.stderr
    absent = run_script("benchmark", "audio", "--librosa_python=/nowhere/python")
    assert absent.status == 1 and "/nowhere/python: cannot be run" in absent.stderr


@pytest.mark.slow
def test_the_pipeline_is_measured(run_script):
    done = run_script("benchmark", "pipeline", "--clips=5", "--json")
    assert done.status == 0, done.stderr
    runs = json.loads(done.stdout)["runs"]
    states = ("first time", "from the cache")
    assert [(run["clips"], run["state"]) for run in runs] == [(n, state) for n in (1, 5) for state in states]
    assert all(run["seconds"] > 0 and run["peak_bytes"] > 1e8 for run in runs)


def test_mel_equals_librosas(librosa, clips):
    for row in audio.equality(clips, 16000, librosa, lambda: None):
        assert row["mel"] < 1e-5 and row["image"] < 1e-3


def test_quality_against_librosa(librosa, clips):
    front_end = FrontEnd()
    ways = {row["method"]: row for row in audio.round_trip(clips, front_end, librosa)}
    assert ways["ours"]["mel_mse"] < ways["librosa"]["mel_mse"]
    phases = {(row["method"], row["iterations"]): row for row in audio.phases(clips, front_end, librosa)}
    ours = phases["accelerated, gradient start (ours)", 32]["spectral_convergence"]
    assert ours <= phases["librosa, fast Griffin-Lim", 32]["spectral_convergence"]


def test_speed_has_a_row_for_each_way(librosa, clips, monkeypatch):
    monkeypatch.setattr(audio, "_REPEATS", dict.fromkeys(audio.SPEED_CALLS, 1))
    rows = audio.speed(clips, FrontEnd(), librosa, 1)
    assert [row["what"] for row in rows] == [what for what in audio.SPEED_CALLS for _ in range(2)]
    assert all(row["seconds"] > 0 and row["baseline_seconds"] > 0 for row in rows)
