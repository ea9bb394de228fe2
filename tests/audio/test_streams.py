"""Image to sound, whole and in chunks: near, at the right level and length, without seams."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

from tests.sounds import natural, synthetic
from tfnoise.audio import (
    FrontEnd,
    MelStream,
    SoundStream,
    image_to_waveform,
    mel_spectrogram,
    mel_to_image,
    recording_to_image,
    streams,
    waveform_chunks,
    waveform_to_image,
)

SMALL = FrontEnd(sample_rate_hz=8000, n_fft=256, hop=64, mels=32)


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    """28 s at 8 kHz."""
    return synthetic(8000, 2.0, seed=1).ravel()


@pytest.fixture(params=[True, False], ids=["centred", "not centred"])
def front_end(request) -> FrontEnd:
    return FrontEnd(sample_rate_hz=8000, n_fft=256, hop=64, mels=32, centre=request.param)


def test_image_in_parts_is_the_whole_image(recording, monkeypatch, front_end):
    monkeypatch.setattr(streams, "_ANALYSED_FRAMES", 100)
    for samples in (len(recording), 64 * 300 + 13):
        image, reference = recording_to_image(recording[:samples], front_end)
        expected, expected_reference = waveform_to_image(recording[:samples], front_end)
        assert reference == pytest.approx(float(expected_reference), abs=1e-4)
        assert image.dtype == np.float32 and image.shape == expected.shape
        np.testing.assert_allclose(image, expected, atol=1e-4)


@pytest.mark.parametrize("frames", [3, 64, 65, 117, 118, 250])
def test_lengths(recording, front_end, frames):
    most = front_end.samples(frames + 1) - 1
    image, reference = recording_to_image(recording[:most], front_end)
    assert image.shape[1] == frames
    for samples in (None, most):
        done = []
        chunks = waveform_chunks(image, reference, front_end, 2, samples, 64, on_chunk=done.append)
        sound = np.concatenate(list(chunks))
        assert len(sound) == (samples or front_end.samples(frames)) and sound.dtype == np.float32
        assert sum(done) == frames and np.all(np.isfinite(sound))


def test_pieces_of_any_size_give_the_same(recording, monkeypatch, front_end):
    monkeypatch.setattr(streams, "_ANALYSED_FRAMES", 100)
    for samples in (5000, 6400 + 255, 6400 + 256, 30011):
        whole = np.concatenate([*MelStream(front_end).push(recording[:samples])] or [np.zeros([32, 0])], 1)
        expected, reference = recording_to_image(recording[:samples], front_end)
        stream, mels = MelStream(front_end), []
        for first in range(0, samples, 777):
            mels.extend(stream.push(recording[first : min(first + 777, samples)]))
        assert np.array_equal(np.concatenate([np.zeros([32, 0], np.float32), *mels], 1), whole)
        mel = np.concatenate([*mels, *stream.finish()], 1)
        np.testing.assert_array_equal(mel_to_image(mel, reference, front_end), expected)
        sound = list(waveform_chunks(expected, reference, front_end, 2, samples, 64))
        stream, pieces = SoundStream(front_end, reference, 2, 64), []
        for first in range(0, expected.shape[1], 50):
            pieces.extend(stream.push(expected[:, first : first + 50]))
        pieces.extend(stream.finish(samples))
        np.testing.assert_array_equal(np.concatenate(pieces), np.concatenate(sound))
        assert sum(map(len, pieces)) == samples


def test_one_chunk_is_image_to_waveform_and_silence_stays_silent(recording):
    image, reference = recording_to_image(recording[:8000], SMALL)
    [sound] = waveform_chunks(image, reference, SMALL, 3, 8000)
    np.testing.assert_allclose(sound, image_to_waveform(image, reference, SMALL, 3, 8000), atol=1e-3)
    # Silence in chunks.
    image, reference = recording_to_image(np.zeros(20000, np.float32), SMALL)
    sound = np.concatenate(list(waveform_chunks(image, reference, SMALL, samples=20000, chunk_frames=64)))
    assert sound.shape == (20000,) and np.all(sound == 0)


def test_seams_do_not_show(recording):
    image, reference = recording_to_image(recording, SMALL)
    overlap, chunk_frames = 8, 100

    def errors(sound: np.ndarray) -> np.ndarray:
        again = mel_to_image(mel_spectrogram(sound, SMALL), reference, SMALL)
        return np.mean(np.square(again - image), axis=(0, 2))

    chunks = list(waveform_chunks(image, reference, SMALL, 32, len(recording), chunk_frames))
    sound = np.concatenate(chunks)
    assert len(chunks) > 30
    seams = np.arange(chunk_frames - overlap, image.shape[1] - 2 * overlap, chunk_frames - overlap)
    near = (seams[:, None] + np.arange(-4, overlap + 4)).ravel()
    whole = image_to_waveform(image, reference, SMALL, samples=len(recording)).numpy()
    assert errors(sound)[near].mean() < 1.25 * errors(whole)[near].mean()
    assert errors(sound).mean() < 1.1 * errors(whole).mean()
    # No click: no step between samples that the whole has not.
    assert np.abs(np.diff(sound)).max() < 1.5 * np.abs(np.diff(whole)).max()


SYNTHETIC = synthetic()


def error(waveform: np.ndarray, sound: tf.Tensor, front_end: FrontEnd) -> np.ndarray:
    """Of each clip the mean squared difference of the two images, on the first one's scale."""
    image, reference = waveform_to_image(waveform, front_end)
    again = mel_to_image(mel_spectrogram(sound, front_end), reference, front_end)
    return np.mean(np.square(again - image), axis=(1, 2, 3))


@pytest.mark.parametrize(
    "front_end,bound",
    [
        (FrontEnd(), 0.002),
        (FrontEnd(power=1.0, n_fft=512, hop=128, mels=64), 0.003),
        (FrontEnd(n_fft=2048, hop=64, mels=512, power=1.0, centre=False), 0.003),
    ],
)
def test_there_and_back(front_end, bound):
    image, reference = waveform_to_image(SYNTHETIC[:4], front_end)
    sound = image_to_waveform(image, reference, front_end)
    assert sound.dtype == tf.float32 and sound.shape == (4, front_end.samples(image.shape[2]))
    assert np.all(error(SYNTHETIC[:4, : sound.shape[1]], sound, front_end) < bound)


def test_natural_clips_survive(natural_folder):
    """The error that the README states, with room for other machines."""
    waveforms = natural(natural_folder, 10)
    image, reference = waveform_to_image(waveforms, FrontEnd())
    compiled = tf.function(lambda image, reference: image_to_waveform(image, reference, FrontEnd()))
    errors = error(waveforms[:, : FrontEnd().samples(264)], compiled(image, reference), FrontEnd())
    assert errors.mean() < 0.0005 and errors.max() < 0.0015


def test_level_length_and_silence():
    waveforms = np.stack([SYNTHETIC[0], 0.001 * SYNTHETIC[0], 0 * SYNTHETIC[0]])
    image, reference = waveform_to_image(waveforms, FrontEnd())
    sound = image_to_waveform(image, reference, FrontEnd(), samples=16000).numpy()
    assert sound.shape == (3, 16000) and np.all(sound[2] == 0)
    # The two images differ by rounding, which the iterations can amplify; the energy hardly changes.
    energies = np.sqrt(np.mean(np.square(sound[:2]), 1)) / np.sqrt(np.mean(np.square(waveforms[:2]), 1))
    np.testing.assert_allclose(energies, 1, atol=0.1)
    alone = image_to_waveform(image[0], reference[0], FrontEnd(), samples=16000)
    assert np.max(np.abs(alone - sound[0])) < 0.05


def test_refuses_images_of_another_front_end():
    for shape in ((64, 20, 1), (128, 20)):
        with pytest.raises(ValueError, match=re.escape(f"[..., 128, frames, 1], not of shape {shape}")):
            image_to_waveform(np.zeros(shape, np.float32), 0.0, FrontEnd())
