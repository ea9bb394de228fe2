"""The autoencoder as a Keras model: training, evaluation, any size, saving, and the same result twice."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.autoencoder import Autoencoder
from tfnoise.data.noise import noise_images
from tfnoise.layers import EntropyBottleneck, LevelsBottleneck
from tfnoise.losses import MSE, MSSSIM, NLPD

BOTTLENECKS = {"entropy": {"bottleneck": "entropy"}, "levels": {"bottleneck": "levels", "bpp": 8 / 256}}
LOGS = {"rate", "loss", "distortion", "bpp"}


def small_model(bottleneck: str = "entropy", seed: int = 0, **options) -> Autoencoder:
    """A tiny autoencoder compiled with MSE, its weights decided by the seed."""
    tf.keras.utils.set_random_seed(seed)
    model = Autoencoder(filters=8, control_steps=50, seed=seed, **{**BOTTLENECKS[bottleneck], **options})
    model.compile(tf.keras.optimizers.Adam(1e-3), loss=MSE())
    return model


def patches(count: int, size: int = 32, seed: int = 0) -> tf.data.Dataset:
    """`count` batches of four patches of noise."""
    return noise_images(size, size, 4, seed=seed).take(count)


def image(*shape: int) -> np.ndarray:
    return np.random.RandomState(0).uniform(size=shape).astype(np.float32)


@pytest.fixture(scope="module", params=BOTTLENECKS)
def trained(request) -> tuple[Autoencoder, dict[str, list[float]]]:
    """A model of each bottleneck after a few steps, and its history."""
    model = small_model(request.param)
    return model, model.fit(patches(5), epochs=2, verbose=0).history


def test_fit_logs_what_the_documentation_names_and_evaluate_the_same_without_a_gradient(trained):
    model, history = trained
    expected = LOGS | ({"multiplier"} if model.rate_control else set())
    assert set(history) == expected | {"gradient_norm"}
    assert np.isfinite(list(history.values())).all()
    assert set(model.evaluate(patches(2), return_dict=True, verbose=0)) == expected


def test_loss_is_the_objective_and_distortion_the_compiled_loss(trained):
    model, _ = trained
    batch = image(4, 32, 32, 1)
    logs = model.evaluate(batch, batch_size=4, return_dict=True, verbose=0)
    distortion = float(np.mean((model(batch) - batch) ** 2))
    assert logs["distortion"] == pytest.approx(distortion, rel=1e-4)
    if model.rate_control:
        objective = distortion / float(model.rate_control.scale) + logs["multiplier"] * logs["bpp"]
        assert logs["loss"] == pytest.approx(objective, rel=1e-4)
    else:
        assert logs["loss"] == logs["distortion"]


def test_bpp_is_the_bottlenecks_bits_over_the_pixels_before_padding(trained):
    model, _ = trained
    batch = image(2, 20, 33, 1)
    _, bpp, counted_bpp = model.code(tf.constant(batch))
    latent = model.analysis(np.pad(batch, ((0, 0), (0, 12), (0, 15), (0, 0))))
    np.testing.assert_allclose(bpp, model.bottleneck(latent)[1] / (20 * 33), rtol=1e-5)
    np.testing.assert_array_equal(bpp, counted_bpp)


@pytest.mark.parametrize("height, width", [(16, 16), (32, 48), (20, 33), (1, 1)])
def test_any_size_comes_back_as_it_went_in_and_padding_is_cut_not_shifted(trained, height, width):
    images = image(2, height, width, 1)
    reconstruction = trained[0](images).numpy()
    assert reconstruction.shape == (2, height, width, 1) and reconstruction.dtype == np.float32
    assert 0 <= reconstruction.min() and reconstruction.max() <= 1
    padded = np.pad(images, ((0, 0), (0, -height % 16), (0, -width % 16), (0, 0)))
    np.testing.assert_allclose(trained[0](padded)[:, :height, :width], reconstruction, atol=1e-6)


def test_a_model_saved_and_loaded_predicts_and_evaluates_the_same(trained, tmp_path):
    model, _ = trained
    batch = image(2, 20, 33, 1)
    expected = model(batch)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(batch), expected)
    assert loaded.evaluate(batch, return_dict=True, verbose=0) == pytest.approx(
        model.evaluate(batch, return_dict=True, verbose=0)
    )


def test_a_model_saved_right_after_fit_is_loaded(tmp_path):
    model = small_model("levels")
    model.fit(patches(1), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(image(1, 32, 32, 1)), model(image(1, 32, 32, 1)))


def test_configuration_round_trip():
    network = dict(filters=4, kernel_size=5, image_channels=2, normalisation="none", latent_channels=None)
    coding = dict(bottleneck="levels", bpp=0.125, levels=4, quantizer_s=3.0, init_scale=0.9, noise_bpp=None)
    options = {**network, **coding, "control_steps": 7, "seed": 5}
    assert Autoencoder(**options).get_config() == options
    for change in ({}, {"bottleneck": "entropy", "latent_channels": 12, "noise_bpp": 0.4}):
        options.update(change)
        assert Autoencoder.from_config(options).get_config() == options


def test_the_rate_on_noise_and_the_latents_channels_can_differ_from_the_target_and_the_filters():
    model = Autoencoder(bpp=0.5, filters=4, latent_channels=12, noise_bpp=0.3)
    assert model.rate_control.target_bpp == 0.3
    assert model.analysis(tf.zeros([1, 16, 16, 1])).shape == (1, 1, 1, 12)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"bottleneck": "levels", "latent_channels": 12}, "latent_channels"),
        ({"bottleneck": "vq"}, "unknown bottleneck 'vq'; known: entropy, levels"),
        ({"bottleneck": "levels", "bpp": 0.501}, "the nearest: 0.5 or 0.50390625"),
    ],
)
def test_impossible_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Autoencoder(**options)


def test_options_reach_the_layers():
    levels = Autoencoder("levels", bpp=0.125, filters=4, kernel_size=5, levels=4, quantizer_s=3.0)
    assert isinstance(levels.bottleneck, LevelsBottleneck)
    assert (levels.bottleneck.levels, levels.bottleneck.quantizer_s) == (4, 3.0)
    assert (levels.analysis.latent_channels, levels.analysis.kernel_size) == (16, 5)
    assert levels.analysis.bounded
    entropy = Autoencoder("entropy", bpp=0.25, filters=4, control_steps=70, init_scale=0.9, seed=5)
    assert isinstance(entropy.bottleneck, EntropyBottleneck)
    assert (entropy.bottleneck.init_scale, entropy.bottleneck.seed) == (0.9, 5)
    assert (entropy.rate_control.target_bpp, entropy.rate_control.steps) == (0.25, 70)
    assert not entropy.analysis.bounded


def test_pairs_are_compared_with_their_target_not_with_the_input():
    model = small_model("levels")
    model.compile(tf.keras.optimizers.Adam(1e-3), loss=MSE(), run_eagerly=True)
    images = patches(1)
    pairs = images.map(lambda batch: (batch, tf.ones_like(batch)))
    reconstruction = model(next(iter(images)))
    logs = model.evaluate(pairs, return_dict=True, verbose=0)
    assert logs["distortion"] == pytest.approx(float(np.mean((reconstruction - 1) ** 2)), rel=1e-4)
    history = model.fit(pairs.repeat(30), verbose=0).history
    assert history["distortion"][0] < logs["distortion"]


def test_works_with_compiled_metrics_and_stock_callbacks(tmp_path):
    model = small_model("levels")
    model.compile("adam", loss=MSSSIM(scales=2), metrics=["mae"])
    stop = tf.keras.callbacks.EarlyStopping("val_distortion", mode="min", min_delta=10.0, patience=1)
    board = tf.keras.callbacks.TensorBoard(tmp_path, write_graph=False)
    history = model.fit(
        patches(2), validation_data=patches(1, seed=1), epochs=5, verbose=0, callbacks=[stop, board]
    ).history
    assert {"mae", "val_mae", "val_loss", "val_bpp"} <= set(history)
    assert np.isfinite(history["gradient_norm"]).all()
    assert len(history["loss"]) == 2
    assert list(tmp_path.rglob("events.*"))


def test_levels_code_at_exactly_their_rate_and_noise_follows_the_seed_to_the_last_digit(trained):
    model, history = trained
    if isinstance(model.bottleneck, LevelsBottleneck):
        assert history["bpp"] == [8 / 256] * 2
        return
    again, other = (small_model(seed=seed).fit(patches(5), epochs=2, verbose=0).history for seed in (0, 1))
    assert again == history
    assert other["loss"] != history["loss"]


def test_the_rates_gradient_reaches_the_analysis_transform():
    model = small_model()
    with tf.GradientTape() as tape:
        _, bpp, _ = model.code(tf.constant(image(4, 32, 32, 1)), training=True)
        cost = tf.reduce_mean(bpp)
    assert np.linalg.norm(tape.gradient(cost, model.analysis.stages[-1].kernel)) > 0


def trained_at_an_eighth_of_a_bit(
    loss: tf.keras.losses.Loss, latent_gain: float, **options
) -> dict[str, float]:
    """500 steps of 32 filters at .125 bpp, a bit per latent value; what 64 other patches cost then."""
    tf.keras.utils.set_random_seed(0)
    model = Autoencoder(filters=32, bpp=0.125, control_steps=500, seed=0, **options)
    model.compile(tf.keras.optimizers.Adam(1e-3), loss=loss)
    images = next(iter(noise_images(32, 32, 64, seed=99)))
    model(images[:1])
    last = model.analysis.stages[-1]
    last.kernel.assign(latent_gain * last.kernel)
    model.fit(noise_images(32, 32, 8), steps_per_epoch=500, verbose=0)
    return {
        **model.evaluate(images, images, batch_size=64, return_dict=True, verbose=0),
        "constant": float(loss(images, tf.fill(images.shape, 0.5))),
    }


#: A start five times above the target (a wide prior), and one that falls to less than half of it.
STARTS = {"above": {"latent_gain": 1.0, "init_scale": 10.0}, "below": {"latent_gain": 0.1}}
#: Largest distortion, relative to a constant image's, that shows information in the latent.
INFORMED = {"mse": 0.98, "nlpd": 0.95, "ms_ssim": 0.75}
LOSSES = {"mse": MSE(), "nlpd": NLPD(), "ms_ssim": MSSSIM(scales=2)}


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("start", STARTS)
def test_the_rate_ends_within_a_quarter_of_the_target_with_information_in_the_latent(start, loss):
    logs = trained_at_an_eighth_of_a_bit(LOSSES[loss], **STARTS[start])
    assert logs["distortion"] < INFORMED[loss] * logs["constant"]
    assert logs["bpp"] == pytest.approx(0.125, rel=0.25)
