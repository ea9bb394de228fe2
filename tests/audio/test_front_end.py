"""The front end: equal to librosa's golden values, a NumPy twin, and invertible."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.audio import (
    REFERENCE_FLOOR_DB,
    FrontEnd,
    image_to_mel,
    is_silent,
    mel_filterbank,
    mel_spectrogram,
    reference_db,
    waveform_to_image,
)

GOLDEN = Path(__file__).parents[1] / "golden"
_spec = importlib.util.spec_from_file_location("make_mel_golden", GOLDEN / "make_mel_golden.py")
golden_maker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden_maker)

FINE = FrontEnd(**golden_maker.SETTINGS["fine"])


def mel_twin(waveform: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """`mel_spectrogram` in float64 NumPy, frame by frame."""
    if front_end.centre:
        waveform = np.pad(waveform, front_end.n_fft // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(front_end.n_fft) / front_end.n_fft)
    columns = []
    for start in range(0, len(waveform) - front_end.n_fft + 1, front_end.hop):
        spectrum = np.fft.rfft(window * waveform[start : start + front_end.n_fft].astype(np.float64))
        columns.append(mel_filterbank(front_end).astype(np.float64) @ np.abs(spectrum) ** front_end.power)
    return np.stack(columns, axis=1)


def noise(samples: int, scale: float = 0.3, seed: int = 0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).uniform(-1, 1, samples)).astype(np.float32)


@pytest.mark.parametrize("name", golden_maker.SETTINGS)
def test_equals_librosa(name):
    front_end = FrontEnd(**golden_maker.SETTINGS[name])
    golden = np.load(GOLDEN / "mel_golden.npz")
    waveform = golden_maker.signal(front_end.sample_rate_hz)
    mel = mel_spectrogram(waveform, front_end).numpy()
    assert mel.shape == tuple(golden[f"{name}_shape"]) and front_end.frames(len(waveform)) == mel.shape[1]
    frame_stride, filter_stride = golden_maker.STRIDES[name]
    expected, peak = golden[f"{name}_mel"], golden[f"{name}_max"]
    np.testing.assert_allclose(mel[:, ::frame_stride], expected, rtol=0, atol=1e-6 * peak)
    relative = expected.astype(np.float64) / peak
    decibels = 20 / front_end.power * np.log10(np.maximum(relative, 1e-30))
    image = waveform_to_image(waveform, front_end)[0].numpy()[:, ::frame_stride, 0]
    np.testing.assert_allclose(image, np.clip(1 + decibels / front_end.top_db, 0, 1), rtol=0, atol=5e-5)
    np.testing.assert_allclose(mel.max(), peak, rtol=1e-5)
    filters = mel_filterbank(front_end)
    assert filters.dtype == np.float32 and filters.shape == (front_end.mels, front_end.n_fft // 2 + 1)
    np.testing.assert_allclose(filters[::filter_stride], golden[f"{name}_filters"], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    "front_end",
    [
        FrontEnd(),
        FrontEnd(n_fft=400, hop=160, mels=40, f_min_hz=50.0, f_max_hz=7000.0, power=1.0),
        FrontEnd(n_fft=255, hop=100, mels=20, power=1.5),
        FrontEnd(n_fft=512, hop=512, mels=32, centre=False),
    ],
)
@pytest.mark.parametrize("samples", [1024, 5000])
def test_equals_numpy_twin(front_end, samples):
    waveform = noise(samples)
    twin = mel_twin(waveform, front_end)
    mel = mel_spectrogram(waveform, front_end).numpy()
    assert mel.dtype == np.float32 and mel.shape == twin.shape == (front_end.mels, front_end.frames(samples))
    np.testing.assert_allclose(mel, twin, rtol=0, atol=1e-5 * twin.max())


def test_batch_equals_single_clips():
    waveforms = np.stack([noise(3000, 0.5), noise(3000, 0.01, seed=1)])
    batch, references = waveform_to_image(waveforms, FrontEnd())
    assert batch.shape == (2, 128, 12, 1) and references.shape == (2,)
    for row, waveform in enumerate(waveforms):
        image, reference = waveform_to_image(waveform, FrontEnd())
        np.testing.assert_allclose(batch[row], image, atol=1e-5)
        np.testing.assert_allclose(references[row], reference, atol=1e-4)
    assert references[0] - references[1] > 30


@pytest.mark.parametrize("front_end", [FrontEnd(), FINE])
def test_dynamic_shapes_in_one_graph(front_end):
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)])
    def graph(waveforms):
        traces.append(1)
        return waveform_to_image(waveforms, front_end)

    for batch, samples in ((1, 2100), (3, 4096), (2, 2500)):
        waveforms = np.stack([noise(samples, seed=row) for row in range(batch)])
        image, reference = graph(waveforms)
        eager_image, eager_reference = waveform_to_image(waveforms, front_end)
        assert image.shape == (batch, front_end.mels, front_end.frames(samples), 1)
        np.testing.assert_allclose(image, eager_image, atol=1e-5)
        np.testing.assert_allclose(reference, eager_reference, atol=1e-4)
    assert len(traces) == 1


@pytest.mark.parametrize(
    "front_end", [FrontEnd(), FINE, FrontEnd(power=0.5, top_db=180.0), FrontEnd(top_db=10.0)]
)
def test_round_trip(front_end):
    rate_hz = front_end.sample_rate_hz
    waveform = golden_maker.signal(rate_hz) * np.linspace(1, 1e-3, rate_hz).astype("f")
    mel = mel_spectrogram(waveform, front_end)
    image, reference = waveform_to_image(waveform, front_end)
    assert image.dtype == tf.float32 and image.shape == (*mel.shape, 1)
    assert np.max(image) == pytest.approx(1.0, abs=1e-6) and np.min(image) >= 0
    again = image_to_mel(image, reference, front_end).numpy()
    above = image.numpy()[..., 0] > 0
    assert above.mean() > 0.01
    np.testing.assert_allclose(again[above], mel.numpy()[above], rtol=1e-4)
    lowest = np.max(mel) * 10 ** (-front_end.top_db * front_end.power / 20)
    np.testing.assert_allclose(again[~above], lowest, rtol=1e-4)
    assert np.all(mel.numpy()[~above] <= lowest * 1.0001)


@pytest.mark.parametrize("power,times", [(2.0, 10), (1.0, 20)])
def test_reference_is_the_peak_in_decibels(power, times):
    front_end = FrontEnd(power=power)
    mel = mel_spectrogram(noise(4000), front_end)
    np.testing.assert_allclose(reference_db(mel, front_end), times * np.log10(np.max(mel)), rtol=1e-5)
    # Half the amplitude is 6.02 dB less, and the same image.
    image, reference = waveform_to_image(noise(4000), front_end)
    half_image, half_reference = waveform_to_image(noise(4000) / 2, front_end)
    np.testing.assert_allclose(reference - half_reference, 20 * np.log10(2), atol=1e-4)
    np.testing.assert_allclose(image, half_image, atol=1e-5)


@pytest.mark.parametrize("power", [2.0, 1.0])
def test_silence_is_black_and_stays_silent(power):
    front_end = FrontEnd(power=power)
    image, reference = waveform_to_image(np.float32([[1], [0], [1e-9]]) * noise(4000), front_end)
    assert np.all(reference[1:] == REFERENCE_FLOOR_DB)
    np.testing.assert_array_equal(is_silent(reference), [False, True, True])
    assert np.max(image[0]) > 0.99 and np.all(image[1:].numpy() == 0) and np.all(np.isfinite(image))
    mel = image_to_mel(tf.ones_like(image), reference, front_end)
    assert np.all(mel[0] > 0) and np.all(mel[1:].numpy() == 0)


def test_one_sample_is_enough_when_centred_and_other_waveforms_are_refused():
    image, _ = waveform_to_image(np.array([0.5], np.float32), FrontEnd())
    assert image.shape == (128, 1, 1) and np.max(image) == pytest.approx(1.0, abs=1e-6)
    for waveform, front_end, words in (
        (np.zeros(2047, np.float32), FINE, "2047 samples.*2048 or more"),
        (np.zeros(0, np.float32), FrontEnd(), "0 samples.*1 or more"),
        (np.zeros((2, 3, 4), np.float32), FrontEnd(), r"\[batch, samples\]"),
        (np.zeros(4000, np.int16), FrontEnd(), "floats.*int16"),
    ):
        with pytest.raises(ValueError, match=words):
            mel_spectrogram(waveform, front_end)


@pytest.mark.parametrize(
    "name,values,words",
    [
        ("sample_rate_hz", [0, 16000.5], "sample_rate_hz"),
        ("n_fft", [1, "1024"], "n_fft"),
        ("hop", [0], "hop"),
        ("hop", [1025], "hop must be at most n_fft"),
        ("mels", [True], "mels"),
        ("f_min_hz", [-1.0], "f_min_hz"),
        ("f_min_hz", [8000.0], "f_min_hz < f_max_hz"),
        ("f_max_hz", [8001.0], "half the sample rate"),
        ("f_max_hz", [float("nan")], "f_max_hz must be a finite"),
        ("power", [0.0, 3.0], "power"),
        ("top_db", [0.0, float("inf")], "top_db"),
        ("centre", [1], "centre"),
    ],
)
def test_refuses_settings(name, values, words):
    for value in values:
        with pytest.raises(ValueError, match=words):
            FrontEnd(**{name: value})


def test_settings_survive_json():
    for front_end in (FrontEnd(), FINE, FrontEnd(sample_rate_hz=np.int64(8000), top_db=np.float32(60))):
        again = FrontEnd.from_dict(json.loads(json.dumps(front_end.to_dict())))
        assert again == front_end and hash(again) == hash(front_end)
    with pytest.raises(ValueError, match="colour"):
        FrontEnd.from_dict({"colour": "red"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        FrontEnd().hop = 3
    # The filterbank is cached, and safe.
    assert mel_filterbank(FrontEnd()) is mel_filterbank(FrontEnd())
    with pytest.raises(ValueError):
        mel_filterbank(FrontEnd())[0, 0] = 1


@pytest.mark.parametrize("front_end", [FrontEnd(), FINE, FrontEnd(n_fft=255, hop=100, mels=20)])
def test_counts_of_frames_and_samples(front_end):
    assert front_end.frames(0) == front_end.samples(0) == 0
    for frames in (1, 2, 16, 264):
        samples = front_end.samples(frames)
        assert front_end.frames(samples) == frames
        assert samples == 1 or front_end.frames(samples - 1) == frames - 1
    assert FrontEnd().duration_s(250) == 4.0
    # A clip of PMQD, 201,984 samples at 48 kHz.
    assert FrontEnd().frames(67328) == 264 and FINE.frames(67538) == 1024
