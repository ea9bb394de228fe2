"""The entropy bottleneck: rounding and its noise, bits under the prior, gradients, saving, strategies."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfnoise.layers import EntropyBottleneck


def latent(*shape: int, scale: float = 2.0, seed: int = 0) -> np.ndarray:
    return (scale * np.random.RandomState(seed).standard_normal(shape)).astype(np.float32)


def fitted_bottleneck(scale: float) -> EntropyBottleneck:
    """A bottleneck whose prior has learned the density of `latent(..., scale=scale)`, four channels."""
    tf.keras.utils.set_random_seed(0)
    bottleneck = EntropyBottleneck(init_scale=1.5 * scale)
    bottleneck.build(tf.TensorShape([None, 8, 8, 4]))
    optimizer = tf.keras.optimizers.Adam(0.02)

    @tf.function
    def step(values):
        with tf.GradientTape() as tape:
            bits = tf.reduce_mean(bottleneck(values, training=True)[1])
        variables = bottleneck.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(bits, variables), variables))

    for seed in range(60):
        step(latent(8, 8, 8, 4, scale=scale, seed=seed))
    return bottleneck


@pytest.fixture(scope="module")
def fitted() -> EntropyBottleneck:
    """Fitted to a latent of standard deviation 2."""
    return fitted_bottleneck(scale=2.0)


def bits_gradient(bottleneck: EntropyBottleneck, values: np.ndarray) -> np.ndarray:
    values = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        bits = tf.reduce_sum(bottleneck(values, training=True)[1])
    return tape.gradient(bits, values).numpy()


def test_outside_of_training_values_are_rounded_and_bits_counted_image_by_image():
    values, bottleneck = latent(3, 5, 7, 3), EntropyBottleneck()
    quantized, bits = bottleneck(values)
    np.testing.assert_array_equal(quantized, np.round(values))
    assert quantized.dtype == tf.float32 and bits.shape == (3,)
    np.testing.assert_array_equal(bits, bottleneck.counted_bits(values))
    alone = [float(bottleneck(values[i : i + 1])[1][0]) for i in range(3)]
    np.testing.assert_allclose(bits, alone, rtol=1e-6)


def test_training_adds_uniform_noise_of_one_step():
    values = latent(4, 32, 32, 8)
    noise = EntropyBottleneck()(values, training=True)[0].numpy() - values
    assert -0.5 - 1e-6 <= noise.min() and noise.max() <= 0.5 + 1e-6
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.var() == pytest.approx(1 / 12, abs=1e-3)


def test_noise_differs_between_images_of_a_batch_and_between_calls():
    values, bottleneck = np.zeros([3, 8, 8, 4], np.float32), EntropyBottleneck()
    images = [image.tobytes() for _ in range(5) for image in bottleneck(values, training=True)[0].numpy()]
    assert len(set(images)) == 15


def test_noise_depends_on_seed_and_number_of_calls_alone_also_in_a_tf_function():
    values = np.zeros([2, 4, 4, 3], np.float32)
    tf.random.set_seed(1)
    first = EntropyBottleneck(seed=5)
    noises = [first(values, training=True)[0].numpy() for _ in range(3)]
    tf.random.set_seed(2)
    second, other, compiled = (EntropyBottleneck(seed=seed) for seed in (5, 6, 5))
    second(values)  # a call outside of training does not count
    compiled.build(tf.TensorShape(values.shape))
    call = tf.function(lambda latent: compiled(latent, training=True)[0])
    for noise in noises:
        np.testing.assert_array_equal(second(values, training=True)[0], noise)
        np.testing.assert_array_equal(call(values), noise)
        assert not np.array_equal(other(values, training=True)[0], noise)


def mass_of_unit_intervals(bottleneck: EntropyBottleneck, values: np.ndarray) -> np.ndarray:
    """The prior's probability of the unit interval around each value, by differences of its cdf."""
    density = bottleneck.prior.base
    return density.cdf(values + 0.5).numpy().astype(np.float64) - density.cdf(values - 0.5).numpy()


def test_training_bits_equal_the_mass_of_the_priors_unit_intervals(fitted):
    noisy, bits = fitted(latent(3, 6, 6, 4), training=True)
    expected = -np.log2(mass_of_unit_intervals(fitted, noisy.numpy())).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(bits, expected, rtol=1e-4)


def test_counted_bits_equal_that_mass_with_a_hundredth_of_a_laplace_density_which_bounds_an_outliers(fitted):
    symbols, laplace = np.round(latent(3, 6, 6, 4)).astype(np.float64), stats.laplace(scale=10)
    mass = 0.99 * mass_of_unit_intervals(fitted, symbols.astype(np.float32))
    mass += 0.01 * (laplace.cdf(symbols + 0.5) - laplace.cdf(symbols - 0.5))
    expected = -np.log2(mass).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(fitted.counted_bits(symbols.astype(np.float32)), expected, rtol=1e-4)
    values = np.zeros([2, 1, 1, 4], np.float32)
    values[1, ..., 0] = 100
    usual, outlier = fitted.counted_bits(values).numpy()
    assert outlier - usual < -np.log2(0.01) - laplace.logpdf(100) / np.log(2) + 1e-3


def test_the_mass_of_all_integers_is_one(fitted):
    integers = np.broadcast_to(np.arange(-200, 201, dtype=np.float32)[:, None], [401, 4])
    np.testing.assert_allclose(np.exp(fitted.prior.log_prob(integers)).sum(axis=0), 1, atol=1e-4)


def test_training_bits_exceed_the_rounded_bits_of_a_latent_whose_density_is_known():
    # Rounded values of a density that is narrow against a step are cheap; noise spreads them.
    bottleneck, values = fitted_bottleneck(scale=0.3), latent(16, 8, 8, 4, scale=0.3, seed=999)
    noisy = np.mean([np.mean(bottleneck(values, training=True)[1]) for _ in range(8)])
    rounded = np.mean(bottleneck(values)[1])
    assert rounded < noisy < 3 * rounded


def test_bits_of_a_fitted_prior_come_near_the_latents_entropy(fitted):
    values = latent(16, 8, 8, 4, scale=2.0, seed=999)
    per_value = float(np.mean(fitted(values)[1])) / (8 * 8 * 4)
    entropy = 0.5 * np.log2(2 * np.pi * np.e * 2.0**2)
    assert entropy - 0.05 < per_value < entropy + 0.25


@pytest.mark.parametrize("magnitude, init_scale", [(5.0, 0.3), (50.0, 0.3), (50.0, 10.0), (1000.0, 0.3)])
def test_far_values_cost_finite_bits_whose_gradient_leads_back(magnitude, init_scale):
    bottleneck = EntropyBottleneck(init_scale)
    values = np.full([1, 2, 2, 3], magnitude, np.float32) * np.array([1, -1], np.float32)[:, None]
    slope = bits_gradient(bottleneck, values)
    bits = bottleneck(values)[1].numpy()
    assert np.isfinite(bits).all() and bits[0] > 0
    assert np.isfinite(slope).all()
    assert (slope * np.sign(values) > 0).all()


def test_gradient_passes_through_the_noise_unchanged_and_the_prior_is_trained_but_not_the_counter():
    values, bottleneck = tf.constant(latent(1, 2, 2, 3)), EntropyBottleneck()
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(bottleneck(values, training=True)[0])
    np.testing.assert_array_equal(tape.gradient(total, values), np.ones([1, 2, 2, 3]))
    assert len(bottleneck.trainable_variables) == len(bottleneck.prior.trainable_variables) > 0
    assert [variable.name for variable in bottleneck.non_trainable_variables] == [bottleneck.calls.name]


def test_a_checkpoint_restores_prior_and_noise(fitted, tmp_path):
    values, bottleneck = latent(2, 4, 4, 4), fitted
    path = tf.train.Checkpoint(bottleneck=fitted).save(tmp_path / "bottleneck")
    other = EntropyBottleneck(init_scale=3.0)
    other.build(tf.TensorShape([None, 4, 4, 4]))
    tf.train.Checkpoint(bottleneck=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(other(values)[1], bottleneck(values)[1])
    np.testing.assert_array_equal(other(values, training=True)[0], bottleneck(values, training=True)[0])


def test_someone_elses_functional_model_trains_saves_and_loads(tmp_path):
    tf.keras.utils.set_random_seed(0)
    images = tf.keras.Input([16, 16, 1])
    values = tf.keras.layers.Conv2D(3, 4, strides=4)(images)
    quantized, bits = EntropyBottleneck(init_scale=0.7, seed=4, name="bottleneck")(values)
    output = tf.keras.layers.Conv2DTranspose(1, 4, strides=4, name="output")(quantized)
    model = tf.keras.Model(images, output)
    model.add_loss(1e-3 * tf.reduce_mean(bits))
    model.compile("adam", loss="mse")
    batch = latent(8, 16, 16, 1, scale=1.0)
    model.fit(batch, batch, epochs=3, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(batch, verbose=0), model.predict(batch, verbose=0))
    original, copy = model.get_layer("bottleneck"), loaded.get_layer("bottleneck")
    assert int(copy.calls) == int(original.calls) == 3
    assert copy.get_config() == original.get_config()
    assert (copy.init_scale, copy.seed, copy.name) == (0.7, 4, "bottleneck")
    values = latent(2, 4, 4, 3)
    np.testing.assert_array_equal(copy(values)[1], original(values)[1])


_TWO_REPLICAS = """
import numpy as np, tensorflow as tf
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from tfnoise.layers import EntropyBottleneck

values = np.random.RandomState(0).standard_normal([6, 4, 4, 3]).astype(np.float32)
alone = EntropyBottleneck(seed=3)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    mirrored = EntropyBottleneck(seed=3)
    mirrored.build(tf.TensorShape([None, 4, 4, 3]))
data = tf.data.Dataset.from_tensors(values).unbatch().batch(6).repeat(3)
call = tf.function(lambda share: mirrored(share, training=True)[0])
for batch in strategy.experimental_distribute_dataset(data):
    shares = strategy.experimental_local_results(strategy.run(call, (batch,)))
    np.testing.assert_array_equal(np.concatenate(shares), alone(values, training=True)[0])
assert int(mirrored.calls.read_value()) == 3
print("equal")
"""


@pytest.mark.slow
def test_two_replicas_add_the_noise_of_one(repo_root):
    done = subprocess.run(
        [sys.executable, "-c", _TWO_REPLICAS], capture_output=True, text=True, timeout=300, cwd=repo_root
    )
    assert done.stdout == "equal\n", done.stderr[-3000:]
