"""Inputs and options of every loss: integers, dynamic shapes, empty batches, half precision; and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.losses.numpy_twins import noise
from tfnoise.losses import MSSSIM, NLPD, SSIM, WeightedSum, ms_ssim, mse, nlpd, ssim

FUNCTIONS = {
    "mse": mse,
    "ssim": ssim,
    "ms_ssim": lambda a, b, **options: ms_ssim(a, b, scales=2, **options),
    "nlpd": nlpd,
}
UNKNOWN = tf.TensorSpec(None, tf.float32)
ANY_SIZE = tf.TensorSpec([None, None, None, None], tf.float32)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_integers_need_max_val_and_give_the_value_of_the_scaled_images(name):
    a, b = (np.round(255 * noise(2, 32, 32, 1, seed=seed)).astype(np.uint8) for seed in (0, 1))
    words = "max_val must be given for integer images .a is uint8., as max_val=255"
    with pytest.raises(ValueError, match=words):
        FUNCTIONS[name](a, b)
    scaled = FUNCTIONS[name](a.astype(np.float32) / 255, b.astype(np.float32) / 255)
    np.testing.assert_allclose(FUNCTIONS[name](a, b, max_val=255), scaled, rtol=1e-4)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("max_val", [0, -1.0, float("nan"), "255", True])
def test_max_val_that_is_no_positive_number_is_refused(name, max_val):
    a = noise(1, 32, 32, 1)
    with pytest.raises(ValueError, match="max_val must be a finite number above 0, not"):
        FUNCTIONS[name](a, a, max_val=max_val)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_shapes_ranks_and_types_that_do_not_fit_are_refused_by_name(name):
    function, a = FUNCTIONS[name], noise(2, 32, 32, 1)
    for first, second, words in (
        (a, a[:1], r"b must have the shape of a, \[2, 32, 32, 1\], not \[1, 32, 32, 1\]"),
        (a[0, ..., 0], a, r"a must be \[batch, height, width, channels\], not \[32, 32\]"),
        (a, a > 0.5, "b must hold floats, or integers with max_val, not bool"),
    ):
        with pytest.raises(ValueError, match=words):
            function(first, second)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_shapes_and_ranks_that_are_known_only_when_the_graph_runs_are_checked_there(name):
    graph = tf.function(FUNCTIONS[name], input_signature=[ANY_SIZE, ANY_SIZE])
    graph(noise(1, 32, 32, 1), noise(1, 32, 32, 1))
    with pytest.raises(tf.errors.InvalidArgumentError, match="b must have the shape of a"):
        graph(noise(2, 32, 32, 1), noise(1, 32, 32, 1))
    graph = tf.function(FUNCTIONS[name], input_signature=[UNKNOWN, UNKNOWN])
    a, b = noise(2, 32, 37, 3), noise(2, 32, 37, 3, seed=1)
    np.testing.assert_allclose(graph(a, b), FUNCTIONS[name](a, b), rtol=1e-4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible with expected shape"):
        graph(a[0], b[0])


@pytest.mark.parametrize("name", [*FUNCTIONS, "nlpd_2017"])
def test_a_graph_of_dynamic_shapes_gives_the_same_values(name):
    function = FUNCTIONS.get(name) or (lambda a, b: nlpd(a, b, family="2017", scales=3))
    graph = tf.function(function, input_signature=[ANY_SIZE, ANY_SIZE])
    for shape in [(2, 64, 64, 1), (1, 37, 53, 2)]:
        a, b = noise(*shape), noise(*shape, seed=1)
        b = 0.6 * a + 0.4 * b
        np.testing.assert_allclose(graph(a, b), function(a, b), rtol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_do_not_depend_on_the_rest_of_the_batch(name):
    a, shares = noise(3, 48, 48, 1), np.float32([1, 0.1, 0.01])[:, None, None, None]
    b = a + shares * (noise(3, 48, 48, 1, seed=1) - a)
    alone = [float(FUNCTIONS[name](a[i : i + 1], b[i : i + 1])[0]) for i in range(3)]
    np.testing.assert_allclose(FUNCTIONS[name](a, b), alone, rtol=1e-5)
    assert len(set(np.round(alone, 3))) == 3


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_is_computed_in_float32(name, dtype):
    pair = [tf.cast(noise(1, 64, 64, 1, seed=seed), dtype) for seed in (0, 1)]
    function = FUNCTIONS[name]
    values = function(*pair)
    assert values.dtype == tf.float32
    assert values.numpy() == pytest.approx(function(*(tf.cast(image, tf.float32) for image in pair)).numpy())


def test_mse_is_the_mean_over_height_width_and_channels_in_float32_or_float64():
    a, b = noise(3, 7, 5, 2), noise(3, 7, 5, 2, seed=1)
    np.testing.assert_allclose(mse(a, b), np.mean((a - b) ** 2, axis=(1, 2, 3)), rtol=1e-5)
    assert mse(a.astype(np.float64), a).dtype == tf.float64
    for dtype in (tf.float16, tf.bfloat16):
        # 1 + 2^-7 is the bfloat16 after 1; the square of the difference is no float16 above its least.
        error = mse(tf.ones([1, 64, 64, 1], dtype), tf.fill([1, 64, 64, 1], tf.cast(1 + 2**-7, dtype)))
        assert error.dtype == tf.float32 and error.numpy() == pytest.approx([2**-14], rel=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dynamic", [False, True])
def test_an_empty_batch_gives_no_values(name, dynamic):
    function = FUNCTIONS[name]
    if dynamic:
        function = tf.function(function, input_signature=[ANY_SIZE, ANY_SIZE])
    empty = tf.constant(noise(0, 33, 32, 1))
    with tf.GradientTape() as tape:
        tape.watch(empty)
        values = function(empty, empty)
    assert values.shape == [0]
    assert tape.gradient(values, empty).shape == empty.shape


REFUSED_BY_MS_SSIM = [
    *(
        ({"scales": scales}, f"scales must be a whole number of 1 to 5, not {scales}")
        for scales in (0, 6, -3, 2.5)
    ),
    ({"scales": 0, "weights": []}, "scales must be a whole number of at least 1, not 0"),
    ({"scales": 3, "weights": [1, 1]}, r"weights must be 3 finite numbers .*not \[1, 1\]"),
    ({"scales": 2, "weights": [1, -1]}, r"weights must be 2 finite numbers .*not \[1, -1\]"),
    ({"scales": 2, "weights": 0.5}, "weights must be 2 finite numbers .*not 0.5"),
    *(
        ({"scales": 2, "weights": weights}, "weights must be 2 finite numbers")
        for weights in ("ab", [[1, 2], [3, 4]], [0, 0], [1, float("nan")])
    ),
    ({"window": 0}, "window must be a whole number of at least 1, not 0"),
    ({"sigma": 0.0}, "sigma must be a finite number above 0, not 0.0"),
    ({"k1": -1}, "k1 must be a finite number above 0, not -1"),
    ({"k2": float("inf")}, "k2 must be a finite number above 0, not inf"),
]
REFUSED_BY_NLPD = [
    ({"family": "2015"}, "families '2016', '2017', not '2015'"),
    ({"scales": 0}, "scales must be a whole number of 1 to 6, not 0"),
    ({"scales": 7}, "scales must be a whole number of 1 to 6, not 7"),
    ({"family": "2017", "scales": 0}, "scales must be a whole number of 1 to 16, not 0"),
    ({"epsilon": -1e-3}, "epsilon must be a finite number of at least 0, not -0.001"),
    ({"parameters": "x"}, "parameters must be NLPDParameters or None, not 'x'"),
    ({"luminance": True}, "luminance must be False with family '2016'"),
]


@pytest.mark.parametrize(
    "function, kind, options, words",
    [
        *((ms_ssim, MSSSIM, options, words) for options, words in REFUSED_BY_MS_SSIM),
        *((nlpd, NLPD, options, words) for options, words in REFUSED_BY_NLPD),
    ],
)
def test_options_are_checked_in_the_function_and_in_the_class(function, kind, options, words):
    a = noise(1, 176, 176, 1)
    with pytest.raises(ValueError, match=words):
        function(a, a, **options)
    with pytest.raises(ValueError, match=words):
        kind(**options)


def test_other_classes_check_their_options_when_they_are_made():
    for words, make in {
        "window must be": lambda: SSIM(window=-1),
        "max_val must be a finite number above 0, not 0": lambda: MSSSIM(max_val=0),
        "weights must be one number for each": lambda: WeightedSum([NLPD()], [1.0, 2.0]),
        "weights must be a finite number above 0": lambda: WeightedSum([NLPD()], [-1.0]),
        "losses must be Keras losses, .*not 'mse'": lambda: WeightedSum(["mse"], [1.0]),
    }.items():
        with pytest.raises(ValueError, match=words):
            make()


def test_a_static_side_under_the_rule_is_refused_when_the_graph_is_made():
    graph = tf.function(lambda a: ssim(a, a), input_signature=[tf.TensorSpec([None, 8, None, 1])])
    with pytest.raises(ValueError, match=r"SSIM needs images .*, not 8 x \?"):
        graph.get_concrete_function()
