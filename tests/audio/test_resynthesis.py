"""Image to sound to image: near, at the right level and length."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.audio import (
    FrontEnd,
    image_to_waveform,
    mel_spectrogram,
    mel_to_image,
    read,
    resample,
    to_mono,
    waveform_to_image,
)
from tfnoise.data import list_clips, synthetic_clips

SYNTHETIC = np.stack(
    [np.asarray(clip[2], np.float32) for clip in synthetic_clips(16000, duration_s=1.0, seed=0)]
)


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
def test_round_trip(front_end, bound):
    image, reference = waveform_to_image(SYNTHETIC[:4], front_end)
    sound = image_to_waveform(image, reference, front_end)
    assert sound.dtype == tf.float32 and sound.shape == (4, front_end.samples(image.shape[2]))
    assert np.all(error(SYNTHETIC[:4, : sound.shape[1]], sound, front_end) < bound)


def test_natural_clips(natural_folder):
    """The error that the README states, with room for other machines."""
    waveforms = []
    for clip in list_clips(natural_folder)[::10]:
        samples, rate_hz = read(clip.path)
        waveforms.append(resample(to_mono(samples), rate_hz, 16000))
    waveforms = np.stack(waveforms)
    image, reference = waveform_to_image(waveforms, FrontEnd())
    compiled = tf.function(lambda image, reference: image_to_waveform(image, reference, FrontEnd()))
    errors = error(waveforms[:, : FrontEnd().samples(264)], compiled(image, reference), FrontEnd())
    assert errors.mean() < 0.0005 and errors.max() < 0.0015


def test_level_length_and_silence():
    waveforms = np.stack([SYNTHETIC[0], 0.001 * SYNTHETIC[0], 0 * SYNTHETIC[0]])
    image, reference = waveform_to_image(waveforms, FrontEnd())
    sound = image_to_waveform(image, reference, FrontEnd(), samples=16000).numpy()
    assert sound.shape == (3, 16000)
    assert np.all(sound[2] == 0)
    # The two images differ by rounding, which the iterations can amplify; the energy hardly changes.
    energies = np.sqrt(np.mean(np.square(sound[:2]), 1)) / np.sqrt(np.mean(np.square(waveforms[:2]), 1))
    np.testing.assert_allclose(energies, 1, atol=0.1)
    assert (
        np.max(np.abs(image_to_waveform(image[0], reference[0], FrontEnd(), samples=16000) - sound[0])) < 0.05
    )


def test_refuses_images_of_another_front_end():
    with pytest.raises(ValueError, match=r"\[..., 128, frames, 1\], not of shape \(64, 20, 1\)"):
        image_to_waveform(np.zeros([64, 20, 1], np.float32), 0.0, FrontEnd())
    with pytest.raises(ValueError, match="frames, 1"):
        image_to_waveform(np.zeros([128, 20], np.float32), 0.0, FrontEnd())
