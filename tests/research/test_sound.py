"""What a sound adds and what it lacks, in decibels."""

from __future__ import annotations

import numpy as np
import pytest

from tfnoise.audio import FrontEnd
from tfnoise.evaluation import bootstrap_paired
from tfnoise.research.sections import sound

FRONT_END = FrontEnd(sample_rate_hz=8000, n_fft=256, hop=64, mels=32)
# Loud enough everywhere that no level is below the floor.
NOISE = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)


def test_a_louder_sound_adds_and_a_quieter_one_lacks():
    octave = 20 * np.log10(2)
    assert sound.added_and_missing_db(NOISE, NOISE, FRONT_END) == (0, 0)
    assert sound.added_and_missing_db(NOISE, 2 * NOISE, FRONT_END) == pytest.approx((octave, 0), rel=1e-3)
    assert sound.added_and_missing_db(NOISE, NOISE / 2, FRONT_END) == pytest.approx((0, octave), rel=1e-3)


def test_noise_in_a_pause_is_added_and_silence_lacks_at_most_80_db():
    half = NOISE * (np.arange(4000) < 2000)
    added, missing = sound.added_and_missing_db(half, NOISE, FRONT_END)
    assert added > 20 and missing < 1
    added, missing = sound.added_and_missing_db(NOISE, 0 * NOISE, FRONT_END)
    assert added == 0 and 40 < missing <= 80
    assert np.isfinite(sound.added_and_missing_db(0 * NOISE, NOISE, FRONT_END)).all()


def test_rows_hold_means_ratios_and_clips_that_are_better():
    base = {name: np.array([1.0, 2.0, 3.0]) for name in sound.SCORES}
    scores = {name: np.array([0.5, 2.5, 1.5]) for name in sound.SCORES}
    row = sound._row(scores, base)["mel_mse"]
    expected = bootstrap_paired(scores["mel_mse"], base["mel_mse"], "ratio")
    assert (row["mean"], row["ratio"], row["below"]) == (1.5, 0.75, 2)
    assert (row["low"], row["high"]) == expected[1:]
