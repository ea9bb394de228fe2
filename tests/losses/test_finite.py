"""Values and gradients stay finite where formulas divide by, or take roots of, next to nothing."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.losses import numpy_twins as twins
from tfnoise.autoencoder import Autoencoder
from tfnoise.losses import ms_ssim, nlpd, ssim

INDICES = {
    "ssim": ssim,
    "ms_ssim": lambda a, b: ms_ssim(a, b, scales=3),
    "nlpd_2016": nlpd,
    "nlpd_2017": lambda a, b: nlpd(a, b, family="2017", scales=5),
}
SIDE = 64


def noise(count: int = 2, seed: int = 0) -> np.ndarray:
    return twins.noise(count, SIDE, SIDE, 1, seed=seed)


CHECKERBOARD = np.float32(np.indices([SIDE, SIDE]).sum(axis=0) % 2)[None, ..., None]


def constant(value: float) -> np.ndarray:
    return np.full([1, SIDE, SIDE, 1], value, np.float32)


ONE_ROW = np.float32(1e-7) * (np.arange(SIDE) == SIDE // 2)[None, :, None, None]
PAIRS = {
    "identical": (noise(), noise()),
    "identical constants": (constant(0.5), constant(0.5)),
    "black and black": (constant(0), constant(0)),
    "black and white": (constant(0), constant(1)),
    "constant and noise": (constant(0.3), noise(1)),
    "anti-correlated": (noise(), 1 - noise()),
    "checkerboard and its inverse": (CHECKERBOARD, 1 - CHECKERBOARD),
    "checkerboard and itself": (CHECKERBOARD, CHECKERBOARD),
    "checkerboard and a constant": (CHECKERBOARD, constant(0.5)),
    "a difference of 1e-7": (noise(), noise() + np.float32(1e-7)),
    "a difference of 1e-7 in one row": (constant(0.5), constant(0.5) + ONE_ROW),
    "bright": (0.999 + 0.001 * noise(), 0.999 + 0.001 * noise(seed=1)),
}


def value_and_gradients(name: str):
    @tf.function(reduce_retracing=True)
    def run(a: tf.Tensor, b: tf.Tensor):
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            value = INDICES[name](a, b)
        return value, *tape.gradient(value, [a, b])

    return run


@pytest.mark.parametrize("name", INDICES)
def test_special_pairs_and_noise_against_an_untrained_decoder(name):
    tf.keras.utils.set_random_seed(0)
    decoder = (noise(4), Autoencoder(filters=16)(noise(4)))
    run = value_and_gradients(name)
    for pair, (a, b) in {**PAIRS, "untrained decoder": decoder}.items():
        for result in run(tf.constant(a), tf.convert_to_tensor(b)):
            assert np.isfinite(result).all(), pair


@pytest.mark.parametrize("name", INDICES)
def test_a_thousand_random_pairs_of_any_contrast(name):
    random, run = np.random.RandomState(0), value_and_gradients(name)
    for _ in range(20):
        a, b = (random.uniform(size=(50, SIDE, SIDE, 1)) for _ in range(2))
        contrast, mixture = (10 ** random.uniform(-6, 0, (50, 1, 1, 1)) for _ in range(2))
        level = random.uniform(0, 1 - contrast)
        pair = (level + contrast * image for image in (a, (1 - mixture) * a + mixture * b))
        for result in run(*(tf.constant(image, tf.float32) for image in pair)):
            assert np.isfinite(result).all()


@pytest.mark.parametrize("name", INDICES)
def test_the_gradients_of_both_images_change_places_with_them(name):
    run = value_and_gradients(name)
    a, b = (tf.constant(noise(seed=seed), tf.float64) for seed in (0, 1))
    b = 0.5 * a + 0.5 * b
    value, of_a, of_b = run(a, b)
    swapped, of_second, of_first = run(b, a)
    np.testing.assert_allclose(value, swapped, rtol=1e-12)
    np.testing.assert_allclose(of_a, of_first, atol=1e-14)
    np.testing.assert_allclose(of_b, of_second, atol=1e-14)


@pytest.mark.parametrize("name", INDICES)
def test_identity_symmetry_and_monotony_in_added_noise(name):
    index = INDICES[name]
    a, added = noise(3), noise(3, seed=1) - 0.5
    best = 0 if name.startswith("nlpd") else 1
    np.testing.assert_allclose(index(a, a), [best] * 3, atol=2e-5)
    off = [np.abs(index(a, a + share * added) - best) for share in (0, 0.02, 0.1, 0.3, 0.8)]
    assert (np.diff(off, axis=0) > 0).all()
    b = a + 0.3 * added
    np.testing.assert_allclose(index(a, b), index(b, a), rtol=1e-6)


def test_ms_ssim_of_bright_nearly_constant_images_keeps_its_digits_in_float32():
    for level, contrast in [(0.999, 1e-3), (0.97, 1e-2), (0.5, 1e-4)]:
        pair = [level + contrast * (noise(seed=seed) - 0.5) for seed in (0, 1)]
        exact = ms_ssim(*(image.astype(np.float64) for image in pair), scales=3)
        np.testing.assert_allclose(ms_ssim(*pair, scales=3), exact, atol=2e-6)
