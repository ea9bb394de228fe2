"""Recordings in chunks: the same image, the same length, and seams that do not show."""

from __future__ import annotations

import numpy as np
import pytest

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
from tfnoise.data import synthetic_clips

SMALL = FrontEnd(sample_rate_hz=8000, n_fft=256, hop=64, mels=32)


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    """28 s at 8 kHz."""
    clips = synthetic_clips(8000, duration_s=2.0, seed=1)
    return np.concatenate([np.asarray(clip[2], np.float32) for clip in clips])


@pytest.mark.parametrize("centre", [True, False])
def test_image_in_parts_is_the_whole_image(recording, monkeypatch, centre):
    front_end = FrontEnd(sample_rate_hz=8000, n_fft=256, hop=64, mels=32, centre=centre)
    monkeypatch.setattr(streams, "_ANALYSED_FRAMES", 100)
    for samples in (len(recording), 64 * 300 + 13):
        image, reference = recording_to_image(recording[:samples], front_end)
        expected, expected_reference = waveform_to_image(recording[:samples], front_end)
        assert reference == pytest.approx(float(expected_reference), abs=1e-4)
        assert image.dtype == np.float32 and image.shape == expected.shape
        np.testing.assert_allclose(image, expected, atol=1e-4)


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("frames", [3, 64, 65, 117, 118, 250])
def test_lengths(recording, centre, frames):
    front_end = FrontEnd(sample_rate_hz=8000, n_fft=256, hop=64, mels=32, centre=centre)
    most = front_end.samples(frames + 1) - 1
    image, reference = recording_to_image(recording[:most], front_end)
    assert image.shape[1] == frames
    for samples in (None, most):
        done = []
        chunks = waveform_chunks(image, reference, front_end, 2, samples, 64, on_chunk=done.append)
        sound = np.concatenate(list(chunks))
        assert len(sound) == (samples or front_end.samples(frames)) and sound.dtype == np.float32
        assert sum(done) == frames and np.all(np.isfinite(sound))


@pytest.mark.parametrize("centre", [True, False])
def test_pieces_of_any_size_give_the_same(recording, monkeypatch, centre):
    front_end = FrontEnd(sample_rate_hz=8000, n_fft=256, hop=64, mels=32, centre=centre)
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


def test_one_chunk_is_image_to_waveform(recording):
    image, reference = recording_to_image(recording[:8000], SMALL)
    [sound] = waveform_chunks(image, reference, SMALL, 3, 8000)
    np.testing.assert_allclose(sound, image_to_waveform(image, reference, SMALL, 3, 8000), atol=1e-3)


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


def test_silence():
    image, reference = recording_to_image(np.zeros(20000, np.float32), SMALL)
    sound = np.concatenate(list(waveform_chunks(image, reference, SMALL, samples=20000, chunk_frames=64)))
    assert sound.shape == (20000,) and np.all(sound == 0)
