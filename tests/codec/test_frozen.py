"""Frozen models: rates counted from integers, every image at or under its target."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_models import tiny_autoencoder
from tfnoise.autoencoder import Autoencoder
from tfnoise.codec import FrozenModel
from tfnoise.codec.step_choice import CODER_MARGIN_BITS


@pytest.fixture(scope="module")
def entropy_model() -> Autoencoder:
    return tiny_autoencoder(mels=32, gain=8, seed=3, bpp=0.05)


@pytest.fixture(scope="module")
def frozen(entropy_model) -> FrozenModel:
    return FrozenModel(entropy_model)


@pytest.fixture(scope="module")
def images() -> tf.Tensor:
    return tf.random.stateless_uniform([3, 64, 96, 1], [1, 2])


@pytest.mark.parametrize("index", [0, 10, 24, 60])
def test_bits_are_those_of_the_integer_tables(frozen, images, index):
    latent = frozen.analyse(images).numpy()
    steps, limits, counts = (variable.numpy() for variable in frozen.tables)
    symbols = np.clip(np.round(latent / steps[index]), -limits[index], limits[index]).astype(int)
    # The counts of a step as the documented layout has them, [channels, symbols].
    sizes = 8 * (2 * limits + 1)
    start = int(sizes[:index].sum())
    counts = counts[start : start + sizes[index]].reshape(8, -1).astype(np.float64)
    expected = np.zeros(len(latent))
    for channel in range(8):
        expected += (16 - np.log2(counts[channel][symbols[..., channel] + limits[index]])).sum(axis=(1, 2))
    np.testing.assert_allclose(frozen.bits_by_step(latent)[:, index], expected, rtol=1e-5)


@pytest.mark.parametrize("bpp", [0.02, 0.05, 0.1])
def test_every_image_stays_under_its_target_and_takes_the_finest_step_that_does(frozen, images, bpp):
    coded = frozen.code(images, bpp)
    bits = frozen.bits_by_step(frozen.analyse(images)).numpy()
    budget = bpp * 64 * 96 - CODER_MARGIN_BITS
    for row, index in enumerate(coded["step_index"].numpy()):
        assert coded["bpp"][row] <= bpp
        assert bits[row, index] <= budget
        assert (bits[row, :index] > budget).all()
    alone = frozen.code(images[1:2], bpp)
    np.testing.assert_allclose(coded["reconstruction"][1:2], alone["reconstruction"], atol=1e-6)
    np.testing.assert_array_equal(coded["step_index"][1:2], alone["step_index"])


def test_a_target_below_the_coarsest_step_takes_that_step_and_has_its_rate(frozen, images):
    coded = frozen.code(images, 1e-6)
    np.testing.assert_array_equal(coded["step_index"], [75, 75, 75])
    assert (coded["bpp"].numpy() > 1e-6).all()


def test_finer_steps_reconstruct_what_the_model_does_without_quantization(frozen, images):
    latent = frozen.analyse(images)
    exact = frozen.synthesise(latent)
    fine = frozen.code(images, 1e6)["reconstruction"]
    coarse = frozen.code(images, 0.02)["reconstruction"]
    assert tf.reduce_mean(abs(fine - exact)) < 0.1 * tf.reduce_mean(abs(coarse - exact))


def test_any_size_comes_back_in_that_size_and_any_value_stays_within_the_tables(frozen):
    assert frozen.code(tf.zeros([2, 50, 37, 1]), 0.5)["reconstruction"].shape == [2, 50, 37, 1]
    for value in (np.nan, np.inf, 1e30):
        latent = np.full([1, 2, 2, 8], value, np.float32)
        assert np.isfinite(frozen.bits_by_step(latent)).all()


def test_levels_count_their_fixed_length_and_code_hard_symbols(images):
    model = tiny_autoencoder("levels", 32, gain=8, seed=3, bpp=0.03125)
    frozen = FrozenModel(model)
    coded = frozen.code(images, 0.03125)
    np.testing.assert_allclose(coded["bpp"], 0.03125)
    np.testing.assert_allclose(coded["reconstruction"], model(images), atol=1e-6)


def test_fingerprint_follows_weights_and_settings_and_nothing_else(entropy_model, frozen):
    settings = {"filters": 8}
    before = frozen.fingerprint(settings)
    assert len(before) == 32 and before == FrozenModel(entropy_model).fingerprint(settings)
    assert before != frozen.fingerprint({"filters": 9})
    bias = entropy_model.synthesis.variables[-1]
    bias.assign_add(tf.ones_like(bias))
    changed = frozen.fingerprint(settings)
    bias.assign_sub(tf.ones_like(bias))
    assert changed != before
