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
def test_values_beyond_the_last_levels_go_to_them(levels):
    values = np.array([-1e30, -1.0, 1.0, 1e30], np.float32).reshape(1, 1, 1, 4)
    symbols = LevelsBottleneck(levels).symbols(values)
    assert symbols.numpy().ravel().tolist() == [0, 0, levels - 1, levels - 1]


@pytest.mark.parametrize("levels", LEVELS)
def test_half_way_values_go_to_one_of_their_two_neighbours_always_the_same(levels):
    centres = np.linspace(-1, 1, levels)
    halfway = ((centres[1:] + centres[:-1]) / 2).astype(np.float32).reshape(1, 1, 1, -1)
    bottleneck = LevelsBottleneck(levels)
    symbols = bottleneck.symbols(halfway).numpy().ravel()
    assert all(symbol in (index, index + 1) for index, symbol in enumerate(symbols))
    compiled = tf.function(bottleneck.symbols)(halfway).numpy().ravel()
    assert compiled.tolist() == symbols.tolist()


def test_zero_between_two_levels_goes_to_the_even_symbol():
    assert LevelsBottleneck(2).symbols(np.zeros([1, 1, 1, 1], np.float32)).numpy().item() == 0


def test_dequantize_inverts_symbols():
    bottleneck = LevelsBottleneck(4)
    symbols = np.random.RandomState(0).randint(0, 4, size=(2, 3, 3, 5))
    np.testing.assert_array_equal(bottleneck.symbols(bottleneck.dequantize(symbols)), symbols)


@pytest.mark.parametrize("s", [0.3, 1.0, 20.0])
@pytest.mark.parametrize("levels", LEVELS)
def test_gradient_is_that_of_the_soft_assignment(levels, s):
    values = latent(1, 4, 4, 4)
    exact = values.astype(np.float64)
    expected = (soft_assignment(exact + 1e-5, levels, s) - soft_assignment(exact - 1e-5, levels, s)) / 2e-5
    np.testing.assert_allclose(gradient(LevelsBottleneck(levels, s), values), expected, rtol=1e-3, atol=1e-4)


def test_gradient_of_two_levels_is_that_of_a_hyperbolic_tangent():
    values = latent(1, 4, 4, 4)
    expected = 2 / np.cosh(2 * values) ** 2
    np.testing.assert_allclose(gradient(LevelsBottleneck(2, 1.0), values), expected, rtol=1e-4)


@pytest.mark.parametrize("levels", LEVELS)
def test_a_large_s_stays_finite(levels):
    values = np.concatenate([latent(1, 8, 8, 8).ravel(), np.linspace(-1, 1, 31), [0, 1e3]]).astype(np.float32)
    bottleneck = LevelsBottleneck(levels, 1e4)
    quantized, _ = bottleneck(values.reshape(1, 1, 1, -1))
    assert np.isfinite(quantized).all()
    assert np.isfinite(gradient(bottleneck, values.reshape(1, 1, 1, -1))).all()


def test_the_rate_is_the_symbols_fixed_length():
    for levels, bits in zip(LEVELS, (1, 2, 3, 4)):
        _, rates = LevelsBottleneck(levels)(latent(3, 4, 5, 6))
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


@pytest.mark.parametrize("bpp", [0.0, -0.5, float("nan"), float("inf")])
def test_a_rate_that_is_no_positive_number_is_refused(bpp):
    with pytest.raises(ValueError, match="bpp must be a positive number"):
        latent_channels_for(bpp, 2)


@pytest.mark.parametrize("levels", [0, 1, 3, 32])
def test_other_numbers_of_levels_are_refused(levels):
    with pytest.raises(ValueError, match="one of 2, 4, 8, 16"):
        LevelsBottleneck(levels)
    with pytest.raises(ValueError, match="one of 2, 4, 8, 16"):
        latent_channels_for(0.5, levels)


@pytest.mark.parametrize("s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_quantizer_s_that_is_no_positive_finite_number_is_refused(s):
    with pytest.raises(ValueError, match="quantizer_s"):
        LevelsBottleneck(2, s)


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


def test_latents_of_mixed_precision_are_quantized_in_float32():
    quantized, _ = LevelsBottleneck(16)(tf.cast(latent(1, 2, 2, 2), tf.bfloat16))
    assert quantized.dtype == tf.float32
