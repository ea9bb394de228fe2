"""The synthesised clips: of the right form, different from each other, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from tfnoise.audio import FrontEnd, waveform_to_image
from tfnoise.data import synthetic_clips


def test_form():
    clips = synthetic_clips()
    names, genres, waveforms = zip(*clips)
    assert len(set(names)) == len(clips) >= 12
    assert {genre: genres.count(genre) for genre in genres} == {"plucked": 5, "drums": 4, "voice": 5}
    for waveform in waveforms:
        assert waveform.dtype == np.float32 and waveform.shape == (65600,)
        assert np.max(np.abs(waveform)) == pytest.approx(0.8, abs=1e-6)
        assert np.sqrt(np.mean(waveform**2)) > 0.03


def test_seed_decides_everything():
    once, again, other = (synthetic_clips(8000, 1.0, seed=seed) for seed in (3, 3, 4))
    for first, second, third in zip(once, again, other):
        assert first[0] == second[0] == third[0]
        np.testing.assert_array_equal(first[2], second[2])
        assert np.max(np.abs(first[2] - third[2])) > 0.01


@pytest.mark.parametrize("rate", [4000, 16000, 48000])
def test_any_rate(rate):
    for name, _, waveform in synthetic_clips(rate, 0.5):
        assert len(waveform) == rate // 2 and np.all(np.isfinite(waveform)), name


def test_images_look_like_sound_not_like_noise():
    for name, genre, waveform in synthetic_clips(duration_s=2.0):
        image, _ = waveform_to_image(waveform, FrontEnd())
        image = image.numpy()[..., 0]
        # Neighbouring pixels of uniform noise differ by 1/3 on average.
        across, along = (np.mean(np.abs(np.diff(image, axis=axis))) for axis in (0, 1))
        assert min(across, along) < 0.1, name
        assert 0.05 < np.mean(image) < 0.75, name
        if genre == "drums":
            assert np.std(image.mean(axis=0)) > 0.05, name


def test_refuses():
    with pytest.raises(ValueError, match="sample_rate_hz"):
        synthetic_clips(2000)
    with pytest.raises(ValueError, match="duration_s"):
        synthetic_clips(duration_s=0.1)
