"""The analysis and synthesis transforms: shapes, ranges, where there are biases."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.losses.numpy_twins import noise
from tfnoise.layers import TOTAL_STRIDE, AnalysisTransform, SynthesisTransform, pad_to_stride


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_sixteen_pixels_are_one_latent_value_and_back_in_the_unit_interval(kernel_size):
    analysis = AnalysisTransform(filters=6, latent_channels=10, kernel_size=kernel_size)
    assert analysis(noise(2, 32, 80, 3)).shape == (2, 2, 5, 10)
    assert AnalysisTransform(filters=6)(noise(1, 16, 16, 1)).shape == (1, 1, 1, 6)
    images = SynthesisTransform(filters=6, image_channels=3)(20 * noise(2, 2, 5, 10) - 10)
    assert images.shape == (2, 32, 80, 3) and 0 <= np.min(images) and np.max(images) <= 1


@pytest.mark.parametrize("height, width", [(16, 32), (1, 1), (17, 31), (128, 264)])
def test_padding_adds_zeros_at_the_bottom_and_on_the_right_up_to_multiples_of_sixteen(height, width):
    images = noise(2, height, width, 1)
    padded = pad_to_stride(tf.constant(images)).numpy()
    assert padded.shape[1:3] == (-(-height // 16) * 16, -(-width // 16) * 16)
    np.testing.assert_array_equal(padded[:, :height, :width], images)
    assert padded.sum() == pytest.approx(images.sum(), rel=1e-5)


def test_padding_knows_its_static_shape_inside_of_a_graph():
    shapes = []

    @tf.function(input_signature=[tf.TensorSpec([None, 50, None, 1])])
    def pad(images):
        shapes.append(pad_to_stride(images).shape.as_list())
        return pad_to_stride(images)

    assert pad(noise(2, 50, 33, 1)).shape == (2, 64, 48, 1)
    assert shapes == [[None, 64, None, 1]]


@pytest.mark.parametrize("bounded", [False, True])
def test_a_convolution_has_a_bias_exactly_where_no_batch_normalisation_follows(bounded):
    for transform in (AnalysisTransform(filters=4, bounded=bounded), SynthesisTransform(filters=4)):
        stages = [*transform.stages, None]
        for stage, following in zip(stages, stages[1:]):
            if isinstance(stage, (tf.keras.layers.Conv2D, tf.keras.layers.Conv2DTranspose)):
                normalised = isinstance(following, tf.keras.layers.BatchNormalization)
                assert stage.use_bias is not normalised


def test_only_the_bounded_latent_lies_between_minus_one_and_one():
    images = noise(4, 64, 64, 1)
    bounded = AnalysisTransform(filters=8, bounded=True)(images, training=True)
    free = AnalysisTransform(filters=8, latent_gain=20.0)(images, training=True)
    assert np.max(np.abs(bounded)) <= 1 < np.max(np.abs(free))


def test_latent_gain_scales_the_untrained_latent():
    images, deviations = noise(4, 64, 64, 1), []
    for gain in (1.0, 0.25):
        tf.keras.utils.set_random_seed(3)
        deviations.append(np.std(AnalysisTransform(filters=16, latent_gain=gain)(images, training=True)))
    assert deviations[1] / deviations[0] == pytest.approx(0.25, rel=1e-3)


def test_training_normalises_by_the_batch_and_inference_by_the_moving_averages():
    images, analysis = noise(4, 32, 32, 1), AnalysisTransform(filters=8)
    before = analysis(images, training=False)
    during = analysis(images, training=True)
    assert np.max(np.abs(before - during)) > 1e-3
    assert np.max(np.abs(analysis(images, training=False) - before)) > 1e-5


def test_wider_images_have_the_same_latent_away_from_the_new_columns():
    # The receptive field of kernel 3 reaches 30 pixels to the right and none to the left.
    images, analysis = noise(1, 32, 96, 1), AnalysisTransform(filters=8)
    narrow, wide = analysis(images[:, :, :64]), analysis(images)
    assert TOTAL_STRIDE == 16
    np.testing.assert_allclose(wide[:, :, :3], narrow[:, :, :3], atol=1e-6)


@pytest.mark.parametrize(
    "transform, shape",
    [
        (AnalysisTransform(4, 6, kernel_size=5, bounded=True, latent_gain=0.5, name="a"), (1, 32, 32, 1)),
        (SynthesisTransform(4, image_channels=2, kernel_size=5, name="s"), (1, 2, 2, 6)),
        (AnalysisTransform(4, 6, normalisation="gdn"), (1, 32, 32, 1)),
        (SynthesisTransform(4, normalisation="gdn"), (1, 2, 2, 6)),
    ],
    ids=["analysis", "synthesis", "analysis, GDN", "synthesis, GDN"],
)
def test_configuration_round_trip_and_saving_in_a_functional_model(transform, shape, tmp_path):
    copy = type(transform).from_config(transform.get_config())
    assert copy.get_config() == transform.get_config()
    inputs = tf.keras.Input(shape[1:])
    model = tf.keras.Model(inputs, transform(inputs))
    model.save(tmp_path / "transform.keras")
    loaded = tf.keras.models.load_model(tmp_path / "transform.keras")
    values = noise(*shape)
    np.testing.assert_array_equal(loaded(values), model(values))


@pytest.mark.parametrize("normalisation", ["none", "gdn"])
def test_without_batch_normalisation_training_and_inference_are_alike_but_for_the_bounds(normalisation):
    analysis = AnalysisTransform(filters=6, normalisation=normalisation)
    synthesis = SynthesisTransform(filters=6, normalisation=normalisation)
    images = noise(2, 32, 32, 1)
    np.testing.assert_array_equal(analysis(images, training=True), analysis(images, training=False))
    latent = 200 * (noise(1, 2, 2, 6) - 0.5)
    during, after = synthesis(latent, training=True), synthesis(latent)
    assert np.min(during) < 0 and np.max(during) > 1
    np.testing.assert_array_equal(after, np.clip(during, 0, 1))
    with pytest.raises(ValueError, match="relu6"):
        SynthesisTransform(normalisation="relu6")
