"""The Keras classes on the losses, and losses by name."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfnoise import losses
from tfnoise.losses import MSE, MSSSIM, NAMES, NLPD, SSIM, WeightedSum, loss_by_name, ms_ssim, mse, nlpd, ssim

PUBLISHED = losses.published_parameters("2017", 3)
CASES = {
    "mse": (MSE(), mse),
    "ms_ssim": (MSSSIM(scales=3), lambda a, b: 1 - ms_ssim(a, b, scales=3)),
    "nlpd": (NLPD(), nlpd),
    "ssim": (SSIM(), lambda a, b: 1 - ssim(a, b)),
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
    """A convolution in the policy's type, as in any Keras model."""
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
    "kind, options",
    [
        (MSE, {"reduction": "sum", "name": "error"}),
        (MSSSIM, {"scales": 2, "max_val": 255.0, "reduction": "sum", "name": "similarity"}),
        (NLPD, {"family": "2016", "reduction": "none", "name": "distance"}),
    ],
)
def test_serialize_and_deserialize_keep_every_argument(kind, options):
    loss = kind(**options)
    copy = tf.keras.losses.deserialize(tf.keras.losses.serialize(loss))
    assert type(copy) is kind and copy.get_config() == loss.get_config()
    assert {name: getattr(copy, name) for name in options} == options


@pytest.mark.parametrize("name", CASES)
def test_compiled_into_a_model_it_falls_in_training_and_is_saved_and_loaded_with_it(name, tmp_path):
    tf.keras.utils.set_random_seed(0)
    model = small_model()
    model.compile(tf.keras.optimizers.Adam(0.02), loss=CASES[name][0])
    images, _ = image_pair()
    history = model.fit(images, images, epochs=8, batch_size=4, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0]
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(model.loss) and loaded.loss.get_config() == model.loss.get_config()
    np.testing.assert_array_equal(loaded(images), model(images))


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


def test_names_give_their_classes_here_and_in_keras():
    classes = {"mse": MSE, "ms_ssim": MSSSIM, "nlpd": NLPD, "ssim": SSIM}
    assert {name: type(loss_by_name(name)) for name in NAMES} == classes
    assert loss_by_name("ms_ssim", ms_ssim_scales=4).scales == 4
    with pytest.raises(ValueError, match="unknown loss 'l1'; known: mse, ms_ssim, nlpd, ssim"):
        loss_by_name("l1")
    for kind in classes.values():
        assert type(tf.keras.losses.get(f"tfnoise>{kind.__name__}")) is kind


def test_a_weighted_sum_by_name_is_the_sum():
    a, b = image_pair()
    loss = loss_by_name("0.25*ms_ssim + nlpd+1e-1 * mse")
    expected = 0.25 * (1 - ms_ssim(a, b, scales=3)) + nlpd(a, b) + 0.1 * mse(a, b)
    assert float(loss(a, b)) == pytest.approx(float(np.mean(expected)), rel=1e-6)
    copy = tf.keras.losses.deserialize(tf.keras.losses.serialize(loss))
    assert copy.get_config() == loss.get_config() and float(copy(a, b)) == float(loss(a, b))
    assert float(loss_by_name("2*mse")(a, b)) == pytest.approx(2 * float(loss_by_name("mse")(a, b)))


@pytest.mark.parametrize(
    "text, canonical",
    [
        ("nlpd", "nlpd"),
        (" nlpd ", "nlpd"),
        ("1*nlpd", "nlpd"),
        ("0.5*ms_ssim + .5*nlpd", "0.5*ms_ssim+0.5*nlpd"),
        ("mse+mse", "2.0*mse"),
        ("1e+1*mse+ssim", "10.0*mse+ssim"),
    ],
)
def test_one_way_to_write_a_loss(text, canonical):
    assert losses.canonical_name(text) == canonical == losses.canonical_name(canonical)


@pytest.mark.parametrize(
    "text",
    ["", "+", "nlpd+", "+nlpd", "0.5*", "nlpd*0.5", "nlpd nlpd", "-1*nlpd", "0*nlpd", "1e999*nlpd", "a;b"],
)
def test_what_is_no_sum_of_losses_is_refused_in_a_line(text):
    with pytest.raises(ValueError) as caught:
        losses.loss_terms(text)
    assert "nlpd" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "metric, function",
    [
        (losses.MSSSIMMetric(scales=3), lambda a, b: ms_ssim(a, b, scales=3)),
        (losses.SSIMMetric(window=7), lambda a, b: ssim(a, b, window=7)),
        (losses.NLPDMetric(parameters=PUBLISHED), lambda a, b: nlpd(a, b, family="2017", scales=3)),
    ],
)
def test_metrics_are_means_over_all_images_with_weights(metric, function):
    a, b = image_pair()
    metric = type(metric).from_config(metric.get_config())
    metric.update_state(a[:1], b[:1])
    metric.update_state(a[1:], b[1:])
    assert float(metric.result()) == pytest.approx(float(np.mean(function(a, b))), rel=1e-5)
    metric.reset_state()
    metric.update_state(a, b, [1, 0, 0, 3])
    expected = np.average(function(a, b), weights=[1, 0, 0, 3])
    assert float(metric.result()) == pytest.approx(float(expected), rel=1e-5)


def test_a_weighted_sum_takes_keras_losses_of_pixels():
    a, b = image_pair()
    loss = WeightedSum([tf.keras.losses.MeanAbsoluteError(), NLPD()], [2.0, 1.0])
    expected = 2 * np.mean(np.abs(a - b), (1, 2, 3)) + nlpd(a, b)
    assert float(loss(a, b)) == pytest.approx(float(np.mean(expected)), rel=1e-5)
    assert float(WeightedSum.from_config(loss.get_config())(a, b)) == float(loss(a, b))


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model"])
def test_a_model_with_losses_and_metrics_is_saved_and_loaded(tmp_path, name):
    model = small_model()
    fitted = losses.fit_nlpd(image_pair()[0], scales=3)
    loss = WeightedSum([NLPD(parameters=fitted), MSSSIM(scales=2, weights=[1, 2])], [0.5, 2])
    model.compile(
        "adam",
        loss,
        metrics=[losses.MSSSIMMetric(scales=2), losses.NLPDMetric(parameters=fitted), losses.SSIMMetric()],
    )
    images, _ = image_pair()
    model.fit(images, images, verbose=0)
    before = model.evaluate(images, images, verbose=0)
    model.save(tmp_path / name)
    loaded = tf.keras.models.load_model(tmp_path / name)
    np.testing.assert_allclose(loaded.evaluate(images, images, verbose=0), before, rtol=1e-5)
    assert len(before) == 4 and loaded.loss.losses[0].parameters == fitted


_REPLICAS = """
import numpy as np, tensorflow as tf
from tfnoise.losses import MSSSIM, NLPDMetric
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
images = np.random.RandomState(0).uniform(size=(6, 48, 48, 1)).astype("float32")
weights = []
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    with strategy.scope():
        tf.keras.utils.set_random_seed(0)
        model = tf.keras.Sequential([tf.keras.layers.Conv2D(1, 5, padding="same", input_shape=[48, 48, 1])])
        model.compile(tf.keras.optimizers.SGD(0.1), MSSSIM(scales=3), metrics=[NLPDMetric()])
        history = model.fit(images, images, batch_size=4, epochs=2, shuffle=False, verbose=0).history
        weights.append(np.concatenate([value.ravel() for value in model.get_weights()]))
        print(history, strategy.num_replicas_in_sync)
        assert np.isfinite(history["loss"]).all() and np.isfinite(history["nlpd"]).all()
np.testing.assert_allclose(*weights, atol=1e-6)
"""


def test_two_replicas_train_as_one_process_does():
    done = subprocess.run([sys.executable, "-c", _REPLICAS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "} 2" in done.stdout
