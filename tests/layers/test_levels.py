"""The levels bottleneck: hard symbols forward, the soft assignment's gradient backward, a fixed rate."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.layers import LEVELS, LevelsBottleneck, bpp_of, latent_channels_for


def latent(*shape: int) -> np.ndarray:
    return np.random.RandomState(0).uniform(-1, 1, size=shape).astype(np.float32)


def soft_assignment(values: np.ndarray, levels: int, s: float) -> np.ndarray:
    """`sum_j c_j softmax_j(-s (z - c_j)^2)` in float64."""
    centres = np.linspace(-1, 1, levels)
    exponents = -s * (values[..., None] - centres) ** 2
    shares = np.exp(exponents - exponents.max(axis=-1, keepdims=True))
    return (centres * shares).sum(axis=-1) / shares.sum(axis=-1)


def gradient(bottleneck: LevelsBottleneck, values: np.ndarray) -> np.ndarray:
    values = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        quantized, _ = bottleneck(values, training=True)
        total = tf.reduce_sum(quantized)
    return tape.gradient(total, values).numpy()


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("training", [True, False])
def test_forward_values_are_exactly_the_nearest_levels(levels, training):
    values, centres = latent(2, 5, 7, 8), np.linspace(-1, 1, levels, dtype=np.float32)
    bottleneck = LevelsBottleneck(levels)
    quantized, _ = bottleneck(values, training=training)
    nearest = np.abs(values[..., None] - centres).argmin(axis=-1)
    np.testing.assert_array_equal(bottleneck.symbols(values), nearest)
    np.testing.assert_array_equal(quantized, bottleneck.centres.numpy()[nearest])
    np.testing.assert_allclose(bottleneck.centres, centres, atol=1e-6)


@pytest.mark.parametrize("levels", LEVELS)
def test_symbols_beyond_the_last_levels_half_way_between_two_and_of_levels(levels):
    bottleneck, centres = LevelsBottleneck(levels), np.linspace(-1, 1, levels)
    ends = bottleneck.symbols(np.float32([-1e30, -1, 1, 1e30])).numpy().tolist()
    assert ends == [0, 0, levels - 1, levels - 1]
    halfway = np.float32((centres[1:] + centres[:-1]) / 2)
    symbols = bottleneck.symbols(halfway).numpy()
    assert all(symbol in (index, index + 1) for index, symbol in enumerate(symbols))
    assert tf.function(bottleneck.symbols)(halfway).numpy().tolist() == symbols.tolist()
    # Zero between two levels goes to the even symbol.
    assert levels > 2 or symbols.tolist() == [0]
    symbols = np.random.RandomState(0).randint(0, levels, size=(2, 3, 3, 5))
    np.testing.assert_array_equal(bottleneck.symbols(bottleneck.dequantize(symbols)), symbols)


@pytest.mark.parametrize("s", [0.3, 1.0, 20.0])
@pytest.mark.parametrize("levels", LEVELS)
def test_gradient_is_that_of_the_soft_assignment_of_two_levels_a_hyperbolic_tangent(levels, s):
    values = latent(1, 4, 4, 4)
    exact, slope = values.astype(np.float64), gradient(LevelsBottleneck(levels, s), values)
    expected = (soft_assignment(exact + 1e-5, levels, s) - soft_assignment(exact - 1e-5, levels, s)) / 2e-5
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-4)
    if (levels, s) == (2, 1.0):
        np.testing.assert_allclose(slope, 2 / np.cosh(2 * values) ** 2, rtol=1e-4)


@pytest.mark.parametrize("levels", LEVELS)
def test_a_large_s_stays_finite(levels):
    values = np.concatenate([latent(1, 8, 8, 8).ravel(), np.linspace(-1, 1, 31), [0, 1e3]]).astype(np.float32)
    bottleneck, values = LevelsBottleneck(levels, 1e4), values.reshape(1, 1, 1, -1)
    assert np.isfinite(bottleneck(values)[0]).all() and np.isfinite(gradient(bottleneck, values)).all()


@pytest.mark.parametrize("levels, bits", zip(LEVELS, (1, 2, 3, 4)))
def test_the_rate_is_the_symbols_fixed_length_and_half_precision_is_quantized_in_float32(levels, bits):
    quantized, rates = LevelsBottleneck(levels)(tf.cast(latent(3, 4, 5, 6), tf.bfloat16))
    assert quantized.dtype == tf.float32
    assert rates.numpy().tolist() == [4 * 5 * 6 * bits] * 3


@pytest.mark.parametrize("levels, channels", [(2, 128), (4, 64), (16, 32)])
def test_latent_channels_for_inverts_bpp_of(levels, channels):
    assert latent_channels_for(0.5, levels) == channels
    for count in (1, 3, 77, 512):
        assert latent_channels_for(bpp_of(count, levels), levels) == count


@pytest.mark.parametrize(
    "bpp, levels, nearest",
    [(0.501, 2, "0.5 or 0.50390625"), (0.5, 8, "0.4921875 or 0.50390625"), (0.001, 2, "0.00390625")],
)
def test_an_impossible_rate_is_refused_with_the_nearest_ones(bpp, levels, nearest):
    with pytest.raises(ValueError) as caught:
        latent_channels_for(bpp, levels)
    assert str(caught.value).endswith(f"the nearest: {nearest}")
    for rate in nearest.split(" or "):
        latent_channels_for(float(rate), levels)


@pytest.mark.parametrize(
    "call, values, words",
    [
        (
            lambda bpp: latent_channels_for(bpp, 2),
            [0.0, -0.5, np.nan, np.inf],
            "bpp must be a positive number",
        ),
        (lambda levels: latent_channels_for(0.5, levels), [0, 1, 3, 32], "one of 2, 4, 8, 16"),
        (LevelsBottleneck, [0, 1, 3, 32], "one of 2, 4, 8, 16"),
        (lambda s: LevelsBottleneck(2, s), [0.0, -1.0, np.inf, np.nan], "quantizer_s"),
    ],
    ids=["bpp", "levels", "levels of a layer", "quantizer_s"],
)
def test_impossible_numbers_are_refused(call, values, words):
    for value in values:
        with pytest.raises(ValueError, match=words):
            call(value)


def test_works_and_is_saved_in_a_functional_model(tmp_path):
    inputs = tf.keras.Input([4, 4, 3])
    quantized, bits = LevelsBottleneck(4, 2.0)(tf.keras.layers.Dense(3, activation="tanh")(inputs))
    model = tf.keras.Model(inputs, [quantized, bits])
    model.save(tmp_path / "levels.keras")
    loaded = tf.keras.models.load_model(tmp_path / "levels.keras")
    values = latent(2, 4, 4, 3)
    for result, expected in zip(loaded(values), model(values)):
        np.testing.assert_array_equal(result, expected)
    assert loaded.layers[-1].quantizer_s == 2.0
