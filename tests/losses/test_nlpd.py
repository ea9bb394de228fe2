"""NLPD: equal to a float64 twin of direct convolutions, which in turn equals plenoptic's with its pyramid."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.golden import make_loss_golden as golden_maker
from tests.losses import numpy_twins as twins
from tests.losses.numpy_twins import noise
from tfnoise.losses import nlpd
from tfnoise.losses.nlpd import interpolation

GOLDEN_VALUES = json.loads(golden_maker.GOLDEN.read_text(encoding="utf-8"))["values"]

#: What plenoptic does otherwise, in the twin's terms.
PLENOPTICS_PYRAMID = dict(taps=twins.BINOMIAL_LOW_PASS, border="mirror", insert_zeros=True, far_right=0.0072)


def twin(a: np.ndarray, b: np.ndarray) -> float:
    """The twin's value of a pair `[1, height, width, 1]`."""
    return twins.nlpd(a[0, ..., 0].astype(np.float64), b[0, ..., 0].astype(np.float64))


def gradient(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distance's gradient with respect to `b`."""
    b = tf.constant(b)
    with tf.GradientTape() as tape:
        tape.watch(b)
        distance = tf.reduce_sum(nlpd(a, b))
    return tape.gradient(distance, b).numpy()


@pytest.mark.parametrize("name", golden_maker.PAIRS)
def test_equals_the_twin_on_golden_pairs(name):
    a, b = (image[None, ..., None] for image in golden_maker.pair(name))
    assert float(nlpd(a, b)[0]) == pytest.approx(twin(a, b), abs=1e-5)
    # 1e-7: positions of the bilinear interpolation are float32, as TensorFlow's are; it matters at odd sides.
    exact = float(nlpd(a.astype(np.float64), b.astype(np.float64))[0])
    assert exact == pytest.approx(twin(a, b), abs=1e-7 if name == "odd" else 1e-9)


ODD_AND_TINY = [(33, 65), (47, 50), (101, 31), (7, 9), (5, 1), (2, 3), (1, 1)]
POWERS_OF_TWO = [(64, 64), (128, 32)]


@pytest.mark.parametrize(
    "height, width, dtype, atol",
    [
        *((*size, np.float32, 1e-5) for size in ODD_AND_TINY),
        *((*s, np.float64, 1e-10) for s in POWERS_OF_TWO),
    ],
)
def test_equals_the_twin_at_odd_and_tiny_sizes_and_to_ten_digits_at_powers_of_two(height, width, dtype, atol):
    a, b = (noise(1, height, width, 1, seed=seed).astype(dtype) for seed in (0, 1))
    assert float(nlpd(a, b)[0]) == pytest.approx(twin(a, b), abs=atol)


# The difference is the pyramid's alone.  One by one, on the pair "noise": mirrored borders
# +7.8 %, the binomial filter -3.5 %, zeros inserted +1.4 %, the weight two pixels to the right -0.8 %.
@pytest.mark.parametrize(
    "name, relative",
    [("noise", -0.0287), ("noisy", 0.0159), ("blurred", -0.0687), ("bright", 0.0029), ("odd", 0.0069)],
)
def test_the_twin_with_plenoptics_pyramid_equals_plenoptic_and_differs_by_what_is_known(name, relative):
    pair, plenoptics = golden_maker.pair(name), GOLDEN_VALUES[name]["plenoptic_nlpd"]
    exact = twins.nlpd(*(image.astype(np.float64) for image in pair), **PLENOPTICS_PYRAMID)
    assert exact == pytest.approx(plenoptics, abs=1e-12)
    ratio = float(nlpd(*(image[None, ..., None] for image in pair))[0]) / plenoptics
    assert ratio - 1 == pytest.approx(relative, abs=2e-4)


def test_channels_count_together_in_each_scales_root():
    # Two channels of which one pair is identical: every root shrinks by sqrt(2), and so does their mean.
    a, b = noise(1, 64, 64, 1), noise(1, 64, 64, 1, seed=1)
    both = nlpd(np.concatenate([a, a], -1), np.concatenate([b, a], -1))
    assert float(both[0]) == pytest.approx(float(nlpd(a, b)[0]) / np.sqrt(2), rel=1e-5)


def test_identical_images_have_distance_zero_but_for_epsilon():
    a = noise(2, 64, 64, 1)
    assert nlpd(a, a).numpy() == pytest.approx([1e-5, 1e-5], abs=1e-8)
    assert nlpd(a, a, epsilon=0.0).numpy().tolist() == [0, 0]


def test_gradient_is_that_of_the_value():
    a, b = noise(1, 32, 32, 1).astype(np.float64), noise(1, 32, 32, 1, seed=1).astype(np.float64)
    slope = gradient(a, b)
    for row, column in [(0, 0), (15, 16), (31, 7), (31, 31)]:
        step = np.zeros([1, 32, 32, 1])
        step[0, row, column, 0] = 1e-6
        expected = (twin(a, b + step) - twin(a, b - step)) / 2e-6
        assert slope[0, row, column, 0] == pytest.approx(expected, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("height, width", [(16, 20), (17, 23), (101, 1), (255, 254)])
def test_interpolation_equals_the_resize_of_tensorflow_1(height, width):
    small = noise(1, (height + 1) // 2, (width + 1) // 2, 1)
    expected = tf.raw_ops.ResizeBilinear(images=small, size=[height, width])
    rows, columns = (interpolation(size, (size + 1) // 2, tf.float64) for size in (height, width))
    result = rows.numpy() @ small[0, ..., 0].astype(np.float64) @ columns.numpy().T
    np.testing.assert_allclose(result, expected[0, ..., 0], atol=2e-6)


@pytest.mark.parametrize("luminance", [False, True])
@pytest.mark.parametrize(
    "height, width, scales", [(80, 96, 6), (65, 71, 6), (33, 50, 5), (20, 9, 3), (7, 5, 1)]
)
def test_family_2017_equals_its_twin(height, width, scales, luminance):
    a, b = noise(1, height, width, 1), noise(1, height, width, 1, seed=1)
    expected = twins.nlpd_2017(*(image[0, ..., 0].astype(np.float64) for image in (a, b)), scales, luminance)
    options = dict(family="2017", scales=scales, luminance=luminance)
    assert float(nlpd(a, b, **options)[0]) == pytest.approx(expected, abs=1e-5)
    exact = nlpd(a.astype(np.float64), b.astype(np.float64), epsilon=0.0, **options)
    assert float(exact[0]) == pytest.approx(expected, rel=1e-10)


def test_family_2017_says_its_size_rule_and_checks_it_in_graphs():
    assert nlpd(noise(1, 65, 65, 1), noise(1, 65, 65, 1), family="2017").shape == [1]
    with pytest.raises(ValueError, match=r"at least 4 \* 2\^\(6 - 2\) \+ 1 = 65 pixels a side, not 65 x 64"):
        nlpd(noise(1, 65, 64, 1), noise(1, 65, 64, 1), family="2017")
    unknown = tf.TensorSpec([None, None, None, 1], tf.float32)
    graph = tf.function(lambda a: nlpd(a, a, family="2017"), input_signature=[unknown])
    graph(noise(1, 65, 70, 1))
    with pytest.raises(tf.errors.InvalidArgumentError, match="= 65 pixels a side"):
        graph(noise(1, 64, 70, 1))


@pytest.mark.parametrize("scales", [1, 2, 4, 6])
def test_with_fewer_scales_the_last_is_the_residual(scales):
    a, b = (noise(1, 48, 40, 1, seed=seed).astype(np.float64) for seed in (0, 1))
    bands = [twins.laplacian_pyramid(image[0, ..., 0], scales=scales) for image in (a, b)]
    numbers = [*range(1, scales), 6]
    roots = [
        np.sqrt(np.mean((twins.normalised(x, number) - twins.normalised(y, number)) ** 2))
        for x, y, number in zip(*bands, numbers)
    ]
    assert float(nlpd(a, b, scales=scales)[0]) == pytest.approx(np.mean(roots), abs=1e-7)
