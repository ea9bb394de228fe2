"""The four degradations: known numbers, what they promise, and that more intensity is more damage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import stft, welch

from tests.sounds import tone
from tfnoise.audio.degradations import (
    DEGRADATIONS,
    clip_seed,
    cutoff_hz,
    degrade,
    distortion,
    limiter,
    lowpass,
    noise,
    pink_noise,
    reduction_db,
)
from tfnoise.data import synthetic_clips

RATE_HZ = 16000


@pytest.fixture(scope="module")
def clips() -> dict[str, np.ndarray]:
    return {name: waveform for name, _, waveform in synthetic_clips(RATE_HZ, 2.0)}


def rms(waveform: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


# All of them


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("shape", [(1,), (2,), (4001,), (4001, 1), (4001, 2), (3, 5)])
@pytest.mark.parametrize("intensity", [0, 37.5, 100])
def test_shape_type_and_input_are_kept(name, shape, intensity):
    waveform = np.random.default_rng(0).normal(0, 0.3, shape).astype(np.float32)
    before = waveform.copy()
    result = degrade(waveform, RATE_HZ, name, intensity)
    assert result.dtype == np.float32 and result.shape == shape and np.all(np.isfinite(result))
    np.testing.assert_array_equal(waveform, before)
    assert not np.shares_memory(result, waveform)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_silence_and_nothing_stay_and_tiny_and_huge_clips_stay_finite(name):
    for shape in [(1000,), (1000, 2), (0,), (0, 2)]:
        silence = np.zeros(shape, np.float32)
        np.testing.assert_array_equal(degrade(silence, RATE_HZ, name, 80), silence)
    for scale in np.float32([1e-44, 1e-30, 3.4e38]):
        waveform = scale * np.sign(tone(300, RATE_HZ, 0.1) + np.float32(0.01))
        assert all(np.all(np.isfinite(degrade(waveform, RATE_HZ, name, value))) for value in (0, 60, 100))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_clip_twice_as_loud_is_degraded_alike_and_two_equal_channels_are_one(name, clips):
    for waveform in (clips["drums_rock"], clips["voice_low"]):
        degraded = degrade(waveform, RATE_HZ, name, 60)
        np.testing.assert_allclose(degrade(2 * waveform, RATE_HZ, name, 60), 2 * degraded, rtol=0, atol=1e-6)
        stereo = degrade(np.stack([waveform, waveform], axis=1), RATE_HZ, name, 60)
        np.testing.assert_allclose(stereo[:, 0], degraded, rtol=0, atol=1e-7)
        assert np.array_equal(stereo[:, 0], stereo[:, 1]) == (name != "noise")


def spectral_difference_db(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of two spectrograms in dB, each over the 80 dB below its peak."""
    levels = []
    for waveform in (one, other):
        level = 20 * np.log10(np.abs(stft(waveform, RATE_HZ, nperseg=1024)[2]) + 1e-12)
        levels.append(np.maximum(level - level.max(), -80))
    return float(np.mean(np.abs(levels[0] - levels[1])))


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("clip", ["plucked_strum", "drums_fast", "voice_low"])
def test_damage_grows_with_intensity(name, clip, clips):
    # Below 35 the cut-off of the low-pass is above what a rate of 16 kHz holds.
    intensities = (35, 50, 65, 80, 100) if name == "lowpass" else (0, 10, 20, 35, 50, 65, 80, 100)
    waveform = clips[clip]
    degraded = [degrade(waveform, RATE_HZ, name, value) for value in intensities]
    damage = [spectral_difference_db(waveform, version) for version in degraded]
    assert np.all(np.diff(damage) > 0) and damage[-1] > 4, damage


@pytest.mark.parametrize(
    "change, words",
    [
        ({"intensity": -0.1}, "intensity"),
        ({"intensity": 100.1}, "intensity"),
        ({"intensity": np.nan}, "intensity"),
        ({"sample_rate_hz": 0}, "sample_rate_hz"),
        ({"sample_rate_hz": np.inf}, "sample_rate_hz"),
        ({"waveform": np.array([0, np.nan], np.float32)}, "NaN"),
        ({"waveform": np.array([0, -np.inf], np.float32)}, "infinity"),
        ({"waveform": np.zeros([2, 2, 2], np.float32)}, "shape"),
        ({"waveform": np.float32(1)}, "shape"),
        ({"waveform": np.zeros([4, 0], np.float32)}, "shape"),
        ({"degradation": "reverb"}, "distortion, limiter, lowpass, noise"),
    ],
)
def test_refuses(change, words):
    good = {"waveform": np.ones([4], np.float32), "sample_rate_hz": RATE_HZ, "intensity": 50}
    for name in DEGRADATIONS:
        with pytest.raises(ValueError, match=words):
            degrade(**{**good, "degradation": name, **change})


# Distortion


@pytest.mark.parametrize("intensity, k", [(0, 2.0), (50, 2 * 0.745 / 0.255), (100, 198.0)])
def test_the_waveshaper_has_its_formula(intensity, k):
    x = np.array([-1, -0.5, -0.01, 0, 0.01, 0.25, 0.5, 1])
    expected = (1 + k) * x / (1 + k * np.abs(x))
    np.testing.assert_allclose(distortion(0.4 * x, RATE_HZ, intensity), 0.4 * expected, rtol=1e-6)


def test_the_waveshaper_is_odd_and_keeps_the_peak(clips):
    waveform = clips["plucked_slow"]
    shaped = distortion(waveform, RATE_HZ, 70)
    np.testing.assert_array_equal(distortion(-waveform, RATE_HZ, 70), -shaped)
    assert np.max(np.abs(shaped)) == pytest.approx(0.8, rel=1e-6)


def test_the_channels_share_one_shape():
    stereo = tone(200, RATE_HZ, 1.0)[:, None] * np.float32([1, 0.1])
    shaped = distortion(stereo, RATE_HZ, 0)
    # At a tenth of the peak the slope is still steep: 3 * 0.1 / 1.2.
    assert np.max(shaped[:, 1]) == pytest.approx(0.25, abs=1e-3)


# Limiter


@pytest.mark.parametrize("intensity", [1, 20, 50, 100])
@pytest.mark.parametrize("name", ["plucked_strum", "drums_fast", "voice_sung"])
def test_the_peak_stays_what_it_was(intensity, name, clips):
    peak = np.max(np.abs(limiter(clips[name], RATE_HZ, intensity)))
    assert peak <= 0.8 * (1 + 1e-7) and peak == pytest.approx(0.8, rel=1e-6)


def test_the_gain_alone_keeps_the_threshold_and_is_smooth(clips):
    for waveform in (clips["drums_fast"], np.eye(1, 4000, 2000)[0], np.eye(1, 4000, 0)[0], np.ones(1)):
        envelope = np.abs(waveform).astype(np.float64)
        threshold = np.max(envelope) / 30
        reduction = reduction_db(envelope, threshold, RATE_HZ)
        needed = 20 * np.log10(np.maximum(envelope / threshold, 1))
        assert np.all(reduction >= needed - 1e-8)
        # 30 dB over the 5 ms of looking ahead, 81 samples, is 0.37 dB a sample; clipping would jump.
        assert np.all(np.abs(np.diff(reduction)) < 0.38)


def test_the_gain_falls_before_a_peak_and_recovers_at_its_rate():
    envelope = np.zeros(RATE_HZ)
    envelope[8000] = 1.0
    reduction = reduction_db(envelope, 0.1, RATE_HZ)
    assert reduction[8000] == pytest.approx(20)
    assert reduction[8000 - 82] < 1e-9 < 0.1 < reduction[8000 - 79]
    assert reduction[8000 - 40] == pytest.approx(10, abs=0.5)
    # 20 dB at 150 dB/s end after 2133 samples; 800 samples are 7.5 dB.
    assert reduction[9000] - reduction[9800] == pytest.approx(7.5, abs=0.01)
    assert 0 <= reduction[8000 + 2133 + 82] < 1e-9


def test_limiting_at_zero_is_nothing_and_the_channels_keep_their_balance(clips):
    waveform = clips["drums_rock"]
    np.testing.assert_array_equal(limiter(waveform, RATE_HZ, 0), waveform)
    stereo = np.stack([waveform, 0.25 * waveform], axis=1)
    limited = limiter(stereo, RATE_HZ, 70)
    np.testing.assert_allclose(limited[:, 1], 0.25 * limited[:, 0], rtol=0, atol=1e-7)


# Low-pass


@pytest.mark.parametrize("rate_hz", [44100, 48000, 96000])
@pytest.mark.parametrize("intensity", [60, 100])
def test_three_decibels_at_the_cut_off_and_twenty_four_an_octave_above(rate_hz, intensity):
    cutoff = cutoff_hz(intensity)
    for octaves, expected in ((-2, 0.0), (0, -3.01), (1, -24.1), (2, -48.2)):
        if cutoff * 2**octaves > rate_hz / 8:
            continue
        sound = tone(cutoff * 2**octaves, rate_hz, 1.0)
        settled = lowpass(sound, rate_hz, intensity)[rate_hz // 4 :]
        gain_db = 20 * np.log10(rms(settled) / rms(sound))
        assert gain_db == pytest.approx(expected, abs=0.1 if octaves <= 0 else 1.5), octaves


def test_the_filter_is_causal_and_each_channel_has_its_own():
    waveform = np.zeros([1000, 2], np.float32)
    waveform[300, 0] = 1
    filtered = lowpass(waveform, 48000, 90)
    assert np.all(filtered[:300] == 0) and filtered[300, 0] != 0 and np.all(filtered[:, 1] == 0)
    np.testing.assert_array_equal(filtered[:, 0], lowpass(waveform[:, 0], 48000, 90))


def test_the_cut_off_goes_from_20_khz_to_1_khz_in_equal_steps_of_pitch_and_does_nothing_above_nyquist():
    assert [cutoff_hz(value) for value in (0, 50, 100)] == pytest.approx([20000, np.sqrt(2e7), 1000])
    waveform = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
    np.testing.assert_array_equal(lowpass(waveform, 16000, 30), waveform)
    assert not np.array_equal(lowpass(waveform, 16000, 31), waveform)
    assert np.all(np.isfinite(lowpass(waveform, 2 * cutoff_hz(40) * 1.0000001, 40)))


# Noise


@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_the_noise_is_pink_from_20_hz_up(rate_hz):
    hz, power = welch(pink_noise(40 * rate_hz, rate_hz), rate_hz, nperseg=2 * rate_hz)
    octaves = []
    low = 20.0
    while 2 * low <= 0.45 * rate_hz:
        octaves.append(10 * np.log10(np.mean(power[(hz >= low) & (hz < 2 * low)])))
        low *= 2
    assert len(octaves) >= 8
    np.testing.assert_allclose(np.diff(octaves), -3.01, atol=1)
    assert octaves[0] - octaves[-1] == pytest.approx(3.01 * (len(octaves) - 1), abs=1)
    below = 10 * np.log10(np.mean(power[(hz >= 4) & (hz < 18)]))
    assert below == pytest.approx(10 * np.log10(np.mean(power[(hz > 19) & (hz < 22)])), abs=1.5)


def test_noise_shorter_than_a_low_note_has_the_low_notes_too():
    # Made at its own length of 5 ms it would hold nothing below 200 Hz, and its mean would be zero.
    means = [np.mean(pink_noise(80, RATE_HZ, seed)) for seed in range(50)]
    assert np.mean(np.square(means)) > 0.2


@pytest.mark.parametrize("intensity, expected_db", [(0, 25), (40, 15), (100, 0)])
def test_the_signal_to_noise_ratio_follows_the_intensity(intensity, expected_db, clips):
    waveform = np.stack([clips["voice_low"], clips["drums_rock"]], axis=1)
    added = noise(waveform, RATE_HZ, intensity) - waveform
    assert 20 * np.log10(rms(waveform) / rms(added)) == pytest.approx(expected_db, abs=0.01)
    assert rms(added[:, 0]) == pytest.approx(rms(added[:, 1]), rel=1e-4)


def test_the_seed_and_the_channel_decide_the_noise(clips):
    waveform = np.stack([clips["voice_low"]] * 2, axis=1)
    once, again, other = (noise(waveform, RATE_HZ, 50, seed) - waveform for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    with pytest.raises(ValueError, match="seed"):
        noise(waveform, RATE_HZ, 50, seed=-1)
    for one, two in ((once[:, 0], once[:, 1]), (once[:, 0], other[:, 0]), (once[:, 1], other[:, 0])):
        # Pink noise has few independent values; equal or shifted noise would be near 1.
        assert abs(np.corrcoef(one, two)[0, 1]) < 0.3
    # The channels must not be another seed's.
    assert not np.allclose(pink_noise(1000, RATE_HZ, 0, 1), pink_noise(1000, RATE_HZ, 1, 0))


def test_a_clips_seed_is_its_contents(clips):
    waveform = clips["voice_low"]
    changed = waveform.copy()
    changed[100] = np.nextafter(changed[100], np.float32(1))
    seeds = [clip_seed(waveform), clip_seed(waveform, 1), clip_seed(changed)]
    assert len(set(seeds)) == 3 and all(0 <= seed < 2**64 for seed in seeds)
    assert seeds[0] == clip_seed(waveform.copy()) == clip_seed(waveform[:, None])
    # Fixed, so that sets can be made again.
    assert clip_seed(np.zeros(4, np.float32)) == 1079985512072395280
