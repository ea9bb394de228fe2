"""The Keras classes on the losses, and losses by name."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.losses import MSE, MSSSIM, NAMES, NLPD, SSIM, loss_by_name, ms_ssim, mse, nlpd

CASES = {
    "mse": (MSE(), mse),
    "ms_ssim": (MSSSIM(scales=3), lambda a, b: 1 - ms_ssim(a, b, scales=3)),
    "nlpd": (NLPD(), nlpd),
}


@pytest.fixture
def bfloat16_policy():
    """The global policy mixed_bfloat16, for one test."""
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    tf.keras.mixed_precision.set_global_policy(before)


def image_pair(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(seed)
    a = random.uniform(size=(4, 48, 48, 1))
    b = 0.5 * a + 0.5 * random.uniform(size=a.shape)
    return a.astype(np.float32), b.astype(np.float32)


def small_model() -> tf.keras.Model:
    """A convolution in the policy's type, as someone else's model might be."""
    images = tf.keras.Input([48, 48, 1])
    return tf.keras.Model(images, tf.keras.layers.Conv2D(1, 5, padding="same", activation="sigmoid")(images))


@pytest.mark.parametrize("name", CASES)
def test_loss_is_the_mean_over_the_batch_and_zero_for_identical_images(name):
    loss, function = CASES[name]
    a, b = image_pair()
    assert float(loss(a, b)) == pytest.approx(float(np.mean(function(a, b))), rel=1e-6)
    assert float(loss(a, a)) == pytest.approx(0, abs=2e-5)
    assert float(loss(a, b)) > 1e-3


@pytest.mark.parametrize("name", CASES)
def test_reduction_none_and_sample_weights_work_per_image(name):
    loss, function = CASES[name]
    per_image = type(loss).from_config({**loss.get_config(), "reduction": "none"})
    a, b = image_pair()
    np.testing.assert_allclose(per_image(a, b), function(a, b), rtol=1e-6)
    np.testing.assert_allclose(per_image(a, b, [0, 1, 2, 3]), function(a, b) * [0, 1, 2, 3], rtol=1e-6)


@pytest.mark.parametrize(
    "loss, attributes",
    [
        (MSE(reduction="sum", name="error"), {"reduction": "sum", "name": "error"}),
        (
            MSSSIM(scales=2, max_val=255.0, reduction="sum", name="similarity"),
            {"scales": 2, "max_val": 255.0, "reduction": "sum", "name": "similarity"},
        ),
        (
            NLPD(family="2016", reduction="none", name="distance"),
            {"family": "2016", "reduction": "none", "name": "distance"},
        ),
    ],
)
def test_serialize_and_deserialize_keep_every_argument(loss, attributes):
    copy = tf.keras.losses.deserialize(tf.keras.losses.serialize(loss))
    assert type(copy) is type(loss)
    assert {name: getattr(copy, name) for name in attributes} == attributes
    assert copy.get_config() == loss.get_config()


@pytest.mark.parametrize("name", CASES)
def test_compiled_into_a_model_it_falls_in_training(name):
    tf.keras.utils.set_random_seed(0)
    model = small_model()
    model.compile(tf.keras.optimizers.Adam(0.02), loss=CASES[name][0])
    images, _ = image_pair()
    history = model.fit(images, images, epochs=8, batch_size=4, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]


@pytest.mark.parametrize("name", CASES)
def test_half_precision_predictions_are_compared_in_float32(name, bfloat16_policy):
    loss, function = CASES[name]
    images, _ = image_pair()
    predicted = small_model()(images)
    assert predicted.dtype == tf.bfloat16
    assert loss(images, predicted).dtype == tf.float32
    expected = float(np.mean(function(images, tf.cast(predicted, tf.float32))))
    assert float(loss(images, predicted)) == pytest.approx(expected, rel=1e-6)


def test_trains_under_mixed_bfloat16(bfloat16_policy):
    model = small_model()
    model.compile("adam", loss=MSSSIM(scales=3))
    images, _ = image_pair()
    assert np.isfinite(model.fit(images, images, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_model_is_saved_and_loaded_with_its_loss(name, tmp_path):
    model = small_model()
    model.compile("adam", loss=CASES[name][0])
    images, _ = image_pair()
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(model.loss)
    assert loaded.loss.get_config() == model.loss.get_config()
    np.testing.assert_array_equal(loaded(images), model(images))


def test_names_give_their_classes():
    assert {name: type(loss_by_name(name)) for name in NAMES} == {
        "mse": MSE,
        "ms_ssim": MSSSIM,
        "nlpd": NLPD,
        "ssim": SSIM,
    }
    assert loss_by_name("ms_ssim", ms_ssim_scales=4).scales == 4


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown loss 'l1'; known: mse, ms_ssim, nlpd, ssim"):
        loss_by_name("l1")
