"""MS-SSIM and SSIM: equal to TensorFlow's, to a float64 twin and to two torch packages; a sane gradient."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.golden import make_loss_golden as golden_maker
from tests.losses import numpy_twins as twins
from tests.losses.numpy_twins import noise
from tfnoise.losses import ms_ssim, smallest_side, ssim

GOLDEN_VALUES = json.loads(golden_maker.GOLDEN.read_text(encoding="utf-8"))["values"]


def images(name: str, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """A golden pair as `[1, height, width, 1]`."""
    a, b = golden_maker.pair(name)
    return a[None, ..., None].astype(dtype), b[None, ..., None].astype(dtype)


def weights(scales: int) -> np.ndarray:
    return np.array(twins.MS_SSIM_WEIGHTS[:scales]) / sum(twins.MS_SSIM_WEIGHTS[:scales])


def tensorflows(a: np.ndarray, b: np.ndarray, scales: int) -> np.ndarray:
    return tf.image.ssim_multiscale(a, b, 1.0, power_factors=weights(scales)).numpy()


@tf.function
def index_and_gradient(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """MS-SSIM of three scales, and its gradient with respect to `b`."""
    with tf.GradientTape() as tape:
        tape.watch(b)
        index = ms_ssim(a, b, scales=3)
    return index, tape.gradient(index, b)


def gradient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return index_and_gradient(tf.constant(a), tf.constant(b))[1].numpy()


@pytest.mark.parametrize("scales", [1, 3, 4, 5])
@pytest.mark.parametrize("name", golden_maker.PAIRS)
def test_equals_the_twin(name, scales):
    twin = twins.ms_ssim(*(image.astype(np.float64) for image in golden_maker.pair(name)), scales)
    assert ms_ssim(*images(name), scales=scales).numpy() == pytest.approx([twin], abs=1e-4)
    assert ms_ssim(*images(name, np.float64), scales=scales).numpy() == pytest.approx([twin], abs=1e-9)


@pytest.mark.parametrize("scales", [1, 3, 5])
@pytest.mark.parametrize("name", ["noise", "noisy", "blurred", "odd", "bright"])
def test_equals_tensorflows(name, scales):
    # Where images are bright and nearly constant, a variance is the small difference of two large moments.
    index, other = ms_ssim(*images(name), scales=scales), tensorflows(*images(name), scales)
    np.testing.assert_allclose(index, other, atol=1e-3 if name == "bright" else 1e-4)


@pytest.mark.parametrize("side", [81, 87, 94, 101])
def test_equals_tensorflows_at_odd_sizes(side):
    a, b = noise(2, side, side + 13, 1), noise(2, side, side + 13, 1, seed=1)
    b = 0.8 * a + 0.2 * b
    np.testing.assert_allclose(ms_ssim(a, b, scales=4), tensorflows(a, b, 4), atol=1e-4)


@pytest.mark.parametrize("scales", [3, 5])
@pytest.mark.parametrize("name", ["noise", "noisy", "blurred", "bright"])
def test_equals_piq_and_pytorch_msssim_at_even_sizes(name, scales):
    index = float(ms_ssim(*images(name, np.float64), scales=scales)[0])
    assert index == pytest.approx(GOLDEN_VALUES[name][f"piq_ms_ssim_{scales}"], abs=1e-9)
    # The window of pytorch-msssim is made in float32.
    assert index == pytest.approx(GOLDEN_VALUES[name][f"pytorch_msssim_ms_ssim_{scales}"], abs=1e-6)


def test_differs_from_torch_implementations_at_odd_sizes():
    # TensorFlow and tfnoise repeat the last pixel of an odd side; piq repeats the first one and on both axes,
    # pytorch-msssim surrounds the image with zeros.  That is 1 % on this pair.
    index = float(ms_ssim(*images("odd", np.float64), scales=3)[0])
    golden = GOLDEN_VALUES["odd"]
    assert index == pytest.approx(0.6016569, abs=1e-6)
    assert index - golden["piq_ms_ssim_3"] == pytest.approx(-0.0081010, abs=1e-6)
    assert index - golden["pytorch_msssim_ms_ssim_3"] == pytest.approx(0.0005669, abs=1e-6)


def test_several_channels_give_the_mean_of_the_channels():
    a, b = noise(2, 50, 60, 3), noise(2, 50, 60, 3, seed=1)
    b = 0.5 * a + 0.5 * b
    singly = [ms_ssim(a[..., i : i + 1], b[..., i : i + 1], scales=3) for i in range(3)]
    np.testing.assert_allclose(ms_ssim(a, b, scales=3), np.mean(singly, axis=0), atol=1e-6)


def test_max_val_scales_the_constants():
    a, b = images("noisy", np.float64)
    np.testing.assert_allclose(ms_ssim(255 * a, 255 * b, max_val=255), ms_ssim(a, b), atol=1e-9)
    assert abs(float(ms_ssim(255 * a, 255 * b)[0] - ms_ssim(a, b)[0])) > 1e-3


def test_anti_correlated_images_have_index_zero_and_negative_ssim_as_in_tensorflow():
    a = noise(2, 64, 64, 1)
    assert ms_ssim(a, 1 - a, scales=3).numpy().tolist() == tensorflows(a, 1 - a, 3).tolist() == [0, 0]
    np.testing.assert_allclose(ssim(a, 1 - a), tf.image.ssim(a, 1 - a, 1.0), atol=1e-5)
    assert ssim(a, 1 - a)[0] < -0.5


def test_gradient_in_the_clamp_is_finite_and_leads_out_of_it():
    a = noise(1, 64, 64, 1)
    b = 1 - a
    slope = gradient(a, b)
    assert np.isfinite(slope).all() and np.linalg.norm(slope) > 1e-4
    for _ in range(200):
        index, slope = index_and_gradient(tf.constant(a), tf.constant(b))
        if index[0] > 0.1:
            return
        b = np.clip(b + 0.5 * slope.numpy() / np.linalg.norm(slope), 0, 1)
    pytest.fail("200 steps along the gradient did not leave the clamp")


def test_gradient_is_bounded_on_the_way_from_anti_correlated_to_identical():
    a = noise(1, 64, 64, 1)
    shares = np.linspace(0, 1, 101, dtype=np.float32)
    norms = [np.linalg.norm(gradient(a, share * a + (1 - share) * (1 - a))) for share in shares]
    assert np.isfinite(norms).all() and max(norms) < 0.5 and min(norms[:-1]) > 1e-4


def test_gradient_is_that_of_the_value_outside_of_the_clamp():
    a, b = (image[:, :64, :64] for image in images("noisy", np.float64))
    slope = gradient(a, b)[0, ..., 0]
    for row, column in [(0, 0), (10, 33), (31, 31), (63, 40), (63, 63)]:
        step = np.zeros((64, 64))
        step[row, column] = 1e-5
        up, down = (twins.ms_ssim(a[0, ..., 0], b[0, ..., 0] + sign * step, 3) for sign in (1, -1))
        assert slope[row, column] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-10)


def test_size_rule_holds_for_dynamic_shapes_too():
    unknown = tf.TensorSpec([None, None, None, 1], tf.float32)
    dynamic = tf.function(lambda a: ms_ssim(a, a, scales=3), input_signature=[unknown])
    dynamic(noise(1, 41, 41, 1))
    with pytest.raises(tf.errors.InvalidArgumentError, match="= 41 pixels a side"):
        dynamic(noise(1, 64, 40, 1))


@pytest.mark.parametrize("scales, side", [(1, 11), (2, 21), (3, 41), (4, 81), (5, 161)])
def test_size_rule_says_formula_and_number(scales, side):
    assert smallest_side(scales) == side
    assert ms_ssim(noise(1, side, side, 1), noise(1, side, side, 1), scales=scales).shape == (1,)
    with pytest.raises(ValueError) as caught:
        ms_ssim(noise(1, side, side - 1, 1), noise(1, side, side - 1, 1), scales=scales)
    assert f"(11 - 1) * 2^({scales} - 1) + 1 = {side}" in str(caught.value)
    assert f"{side} x {side - 1}" in str(caught.value)


@pytest.mark.parametrize("name", golden_maker.PAIRS)
def test_ssim_equals_tensorflows_the_twin_and_piq(name):
    a, b = images(name)
    np.testing.assert_allclose(ssim(a, b), tf.image.ssim(a, b, 1.0), atol=1e-4 if name == "bright" else 1e-5)
    exact = float(ssim(*images(name, np.float64))[0])
    twin = twins.ssim(*(image.astype(np.float64) for image in golden_maker.pair(name)))
    assert exact == pytest.approx(twin, abs=1e-9)
    assert exact == pytest.approx(GOLDEN_VALUES[name]["piq_ssim"], abs=1e-9)
    assert exact == pytest.approx(GOLDEN_VALUES[name]["pytorch_msssim_ssim"], abs=1e-6)
    with pytest.raises(TypeError, match="scales"):
        ssim(a, b, scales=2)
