"""Gains, centroids and parts of errors where they are known, and responses of a known decoder."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.research.sections import ablation
from tfnoise.research.sections.ablation import EDGES, centroid, error, error_parts, squares, transfer

IMAGES = np.random.default_rng(0).uniform(size=[3, 128, 256])


def gain(originals, made) -> list[float]:
    return transfer(zip(originals, made))[0]


def test_the_gain_of_the_identity_is_1_of_a_half_a_half_and_of_nothing_0():
    assert gain(IMAGES, IMAGES) == pytest.approx([1] * 6)
    assert gain(IMAGES, 0.5 * IMAGES + 0.2) == pytest.approx([0.5] * 6)
    assert gain(IMAGES, 0 * IMAGES) == [0] * 6
    assert gain(IMAGES, -IMAGES) == pytest.approx([-1] * 6)


def test_a_low_pass_loses_what_is_fast_and_other_noise_has_no_gain():
    slow = np.fft.ifft2(np.fft.fft2(IMAGES) * (ablation.radial_frequency(128, 256) < 1 / 16)).real
    found = gain(IMAGES, slow)
    assert found[:2] == pytest.approx([1, 1], abs=0.1) and found[4:] == pytest.approx([0, 0], abs=0.01)
    others = np.random.default_rng(1).uniform(size=IMAGES.shape)
    assert gain(IMAGES, others)[2:] == pytest.approx([0] * 4, abs=0.1)


def test_the_energy_of_white_noise_is_as_the_areas_of_bands():
    [*shares, fast] = transfer(zip(IMAGES, IMAGES))[1]
    areas = np.diff([0, *np.pi * np.square(EDGES)])
    assert shares == pytest.approx(areas, rel=0.3) and fast == pytest.approx(1 - areas.sum(), rel=0.02)


def test_images_of_several_sizes_are_one_set_and_flat_ones_have_no_gain():
    pairs = [(IMAGES[0], IMAGES[0]), (IMAGES[1, :, :160], IMAGES[1, :, :160])]
    assert transfer(pairs)[0] == pytest.approx([1] * 6)
    assert transfer([(np.ones([32, 32]), np.ones([32, 32]))]) == ([0] * 6, [0] * 6)


def test_the_centroid_of_a_wave_is_its_frequency():
    across = np.cos(2 * np.pi * 8 * np.arange(64) / 64)
    assert centroid(np.tile(across, [64, 1])) == pytest.approx(8 / 64)
    assert centroid(across[:, None] * across) == pytest.approx(np.hypot(8, 8) / 64)
    assert centroid(np.zeros([64, 64])) == 0


def test_squares_are_whole_and_of_all_images():
    image = np.arange(40 * 50).reshape(40, 50, 1)
    found = squares([image, image])
    assert found.shape == (2 * 2 * 3, 256)
    np.testing.assert_array_equal(found[4].reshape(16, 16), image[16:32, 16:32, 0])


def test_the_parts_of_an_error_sum_to_it_and_are_what_they_are_called():
    original = squares(IMAGES[..., None])
    made = squares((0.3 * IMAGES + 0.4 * np.random.default_rng(1).uniform(size=IMAGES.shape))[..., None])
    parts = error_parts(original, made)
    assert sum(parts.values()) == pytest.approx(np.mean((original - made) ** 2))
    assert error_parts(original, original + 0.1) == pytest.approx(
        {"level": 0.01, "contrast": 0, "structure": 0}
    )
    means = original.mean(axis=1, keepdims=True)
    flat = error_parts(original, means + 0 * original)
    assert flat == pytest.approx({"level": 0, "contrast": np.mean(original.var(axis=1)), "structure": 0})
    mirrored = error_parts(original, 2 * means - original)
    assert mirrored == pytest.approx(
        {"level": 0, "contrast": 0, "structure": 4 * np.mean(original.var(axis=1))}
    )


def test_a_calibration_finds_what_was_done_to_all_pixels():
    original = squares(IMAGES[..., None])
    found = error(original, 0.2 * original + 0.4)
    assert found["calibrated"] == pytest.approx(0, abs=1e-12) and found["mse"] > 0.01
    assert found["level_line"] == pytest.approx([0.2, 0.4])
    assert found["contrast_line"] == pytest.approx([0.2, 0], abs=1e-9)


class Decoder:
    """Draws a square of its height for each symbol; the third channel is never in use."""

    heights = tf.constant([0.1, 0.3, 9.0])

    def analyse(self, images):
        means = tf.nn.avg_pool2d(images, 16, 16, "VALID") - 0.5
        return tf.concat([means, -means, 0 * means], axis=-1)

    def symbols(self, latent, index):
        return tf.cast(tf.round(10 * latent), tf.int32)

    def dequantize(self, symbols, index):
        return tf.cast(symbols, tf.float32)

    def synthesise(self, latent):
        cells = 0.5 + tf.reduce_sum(latent * self.heights, axis=-1, keepdims=True)
        return tf.repeat(tf.repeat(cells, 16, axis=1), 16, axis=2)


def test_responses_are_means_over_the_channels_in_use():
    clips = [image[..., None].astype(np.float32) for image in np.repeat(IMAGES[:, ::16], 16, axis=1)]
    found = ablation.responses(Decoder(), 0, [np.repeat(clip[:, ::16], 16, axis=1) for clip in clips])
    assert (found["in_use"], found["channels"]) == (2, 3)
    assert found["energy"] == pytest.approx(256 * (0.1**2 + 0.3**2) / 2, rel=1e-4)
    square = np.zeros([128, 128])
    square[64:80, 64:80] = 1
    assert found["centroid"] == pytest.approx(centroid(square), rel=1e-4)
    grey = np.full([32, 32, 1], 0.5, np.float32)
    unused = ablation.responses(Decoder(), 0, [grey])
    assert unused == {"in_use": 0, "channels": 3, "energy": None, "centroid": None}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"level": 0.05, "contrast": 0.01, "structure": 0.02}, "level 50 %, contrast 0 %, structure 50 %"),
        ({"level": 0.03, "contrast": 0.01, "structure": 0.03}, "agrees with the hypothesis"),
        ({"level": 0.07, "contrast": 0.01, "structure": 0.01}, "does not agree with the hypothesis"),
        ({"level": 0.07, "contrast": 0.01, "structure": 0.04}, "nothing to explain"),
    ],
)
def test_the_verdict_follows_the_figures(parts, expected):
    base = {"level": 0.07, "contrast": 0.01, "structure": 0.04}
    rows = {
        name: {"error": {"mse": sum(found.values()), "parts": found, "calibrated": 0.1}}
        for name, found in {"mse": base, "nlpd": parts, "ms_ssim": parts}.items()
    }
    assert expected in ablation._verdict("levels", rows)


def test_slow_waves_are_those_of_the_first_three_bands_by_their_energy():
    row = {"gain": {"noise": [1, 1, 1, 0, 0, 0], "clips": [0.5, 1, 1, 9, 9, 9]}}
    models = {bottleneck: dict.fromkeys(ablation.LOSSES, row) for bottleneck in ablation.BOTTLENECKS}
    energy = {"noise": [0.001, 0.003, 0.008, 0, 0, 0.988], "clips": [0.6, 0.1, 0.1, 0, 0, 0.2]}
    inputs = {name: {"energy": shares} for name, shares in energy.items()}
    text = ablation._slow({"models": models, "inputs": inputs})
    assert "1.2 % of the energy of noise and 80.0 % of the energy of clips" in text
    assert "levels, MSE: 1.0 and 0.62;" in text
