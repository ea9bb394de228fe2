"""Scores of sounds: known values, and the front end alone beside a model."""

from __future__ import annotations

import numpy as np
import pytest

from tfnoise.audio import FrontEnd, waveform_to_image
from tfnoise.data import synthetic_clips
from tfnoise.evaluation import (
    ClipImage,
    log_spectral_distance_db,
    mel_mse,
    score_sounds,
    sound_scores,
    spectral_convergence,
)
from tfnoise.evaluation.report import sound_table

FRONT_END = FrontEnd(sample_rate_hz=8000, n_fft=256, hop=64, mels=32)
# Loud enough everywhere that no level is below the floor.
NOISE = np.random.default_rng(0).normal(0, 0.1, [2, 4000]).astype(np.float32)


def test_known_values():
    for metric in (log_spectral_distance_db, spectral_convergence, mel_mse):
        np.testing.assert_array_equal(metric(NOISE, NOISE, FRONT_END), [0, 0])
    # Phase does not count.
    assert max(sound_scores(NOISE[0], -NOISE[0], FRONT_END).values()) < 1e-6
    half = NOISE * np.array([[0.5], [2.0]], np.float32)
    np.testing.assert_allclose(log_spectral_distance_db(NOISE, half, FRONT_END), 20 * np.log10(2), rtol=1e-3)
    np.testing.assert_allclose(spectral_convergence(NOISE, half, FRONT_END), [0.5, 1.0], rtol=1e-4)
    # 6.02 dB of 80, and what is above the reference's peak is cut.
    expected = (20 * np.log10(2) / 80) ** 2
    assert mel_mse(NOISE, half, FRONT_END).numpy()[0] == pytest.approx(expected, rel=1e-3)
    assert 0.9 * expected < mel_mse(NOISE, half, FRONT_END)[1] < expected


def test_the_floor_is_80_db_below_the_peak():
    time_s = np.arange(4000) / 8000
    tone = np.sin(2 * np.pi * 1000 * time_s).astype(np.float32)[None]
    silent = np.zeros_like(tone)
    assert 0 < log_spectral_distance_db(tone, silent, FRONT_END)[0] <= 80
    assert spectral_convergence(tone, silent, FRONT_END).numpy()[0] == pytest.approx(1)
    assert spectral_convergence(silent, tone, FRONT_END)[0] == 0
    assert np.isfinite(log_spectral_distance_db(silent, tone, FRONT_END)[0])


def clips() -> list[ClipImage]:
    images = []
    for name, genre, waveform in synthetic_clips(8000, duration_s=1.0, seed=0)[:4]:
        waveform = np.asarray(waveform, np.float32)
        image, reference = waveform_to_image(waveform, FRONT_END)
        images.append(ClipImage(name, name, genre, image.numpy(), "", float(reference), waveform))
    return [*images, ClipImage("bad", "bad.wav", None, images[0].image[:, :0], "bad.wav: is silent")]


def test_what_a_model_loses_is_beside_what_the_front_end_loses():
    alone = score_sounds(lambda image: image, clips(), FRONT_END)
    coarse = score_sounds(lambda image: np.round(image * 4) / 4, clips(), FRONT_END)
    assert [clip.id for clip in alone.clips] == [clip.id for clip in clips()[:4]]
    for name in ("log_spectral_distance_db", "spectral_convergence", "mel_mse"):
        assert np.all(alone.values(name) < coarse.values(name)) and np.all(alone.values(name) > 0)
    assert alone.values("mel_mse").max() < 0.003
    assert sum(len(alone.values("mel_mse", genre)) for genre in alone.genres) == 4
    header, rows, _ = sound_table({"front end alone": alone, "coarse": coarse})
    assert [row[0] for row in rows] == ["front end alone", "coarse"] and len(header) == len(rows[0]) == 5
