"""Fitted parameters: what least squares gives, a file that brings them back, files that do not."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import nnls

from tests.losses import numpy_twins as twins
from tfnoise.errors import InputError
from tfnoise.losses import NLPDParameters, fit_nlpd, nlpd, published_parameters

BLACK = np.zeros([32, 32, 1], np.float32)


def images(count: int = 3, height: int = 40, width: int = 48) -> np.ndarray:
    """Smooth in one direction, so that neighbours differ in their information."""
    rough = np.random.RandomState(0).uniform(size=(count, height, width, 1))
    return ((rough + np.roll(rough, 1, 2) + np.roll(rough, 2, 2)) / 3).astype(np.float32)


def patches(band: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes, and those of their neighbours, pixel by pixel."""
    reach, rows = side // 2, []
    padded = np.pad(np.abs(band), reach)
    for row in range(band.shape[0]):
        for column in range(band.shape[1]):
            window = padded[row : row + side, column : column + side].ravel()
            rows.append(np.delete(window, side * side // 2))
    return np.array(rows), np.abs(band).ravel()


@pytest.mark.parametrize("side", [3, 5])
def test_sigma_is_the_mean_magnitude_and_the_weights_are_least_squares(side):
    data = images()
    fitted = fit_nlpd(data, scales=3, neighbourhood=side)
    bands = [twins.laplacian_pyramid(image[..., 0].astype(np.float64), scales=3) for image in data]
    for scale in range(3):
        pairs = [patches(of_image[scale], side) for of_image in bands]
        neighbours, magnitudes = (np.concatenate(part) for part in zip(*pairs))
        weights = np.insert(nnls(neighbours, magnitudes)[0], side * side // 2, 0).reshape(side, side)
        assert fitted.sigma[scale] == pytest.approx(magnitudes.mean(), rel=1e-5)
        np.testing.assert_allclose(fitted.weights[scale], weights, atol=2e-4)
    assert np.min(fitted.weights[0]) >= 0 and fitted.weights[0][side // 2][side // 2] == 0


def test_any_dataset_of_images_gives_the_same():
    data = images(4)
    expected = fit_nlpd(data)
    pairs = tf.data.Dataset.from_tensor_slices((data, data)).batch(2)
    for dataset in (tf.data.Dataset.from_tensor_slices(data), pairs, [data[:1], data[1:]], iter(data)):
        fitted = fit_nlpd(dataset)
        np.testing.assert_allclose(fitted.sigma, expected.sigma, rtol=1e-5)
        np.testing.assert_allclose(fitted.weights, expected.weights, atol=1e-4)
    bytes_ = np.round(data * 255).astype(np.uint8)
    np.testing.assert_allclose(fit_nlpd(bytes_, max_val=255).sigma, expected.sigma, rtol=2e-2)


def test_sigma_alone_keeps_the_published_weights_and_black_images_give_parameters_that_can_be_used():
    fitted, published = fit_nlpd(images(), neighbourhood=None), published_parameters()
    assert fitted.weights == published.weights and fitted.sigma != published.sigma
    assert np.isfinite(nlpd(BLACK[None], images(1, 32, 32), parameters=fit_nlpd([BLACK]))).all()


@pytest.mark.parametrize("family, scales", [("2016", 4), ("2017", 3)])
def test_a_file_brings_the_parameters_back(tmp_path, family, scales):
    fitted = fit_nlpd(images(), family=family, scales=scales)
    path = fitted.save(tmp_path / "nlpd.json")
    loaded = NLPDParameters.load(path)
    assert loaded == fitted and loaded.origin == "fitted to 3 images" and path.stat().st_size < 5000
    assert [entry.name for entry in tmp_path.iterdir()] == ["nlpd.json"]
    a, b = images(2), images(2)[:, ::-1]
    np.testing.assert_array_equal(nlpd(a, b, parameters=loaded), nlpd(a, b, parameters=fitted))
    assert not np.allclose(nlpd(a, b, parameters=loaded), nlpd(a, b, family=family, scales=scales))
    with pytest.raises(ValueError, match=f"scales must be that of the parameters, {scales}, or None, not 2"):
        nlpd(a, b, parameters=loaded, scales=2)
    with pytest.raises(ValueError, match="family must be that of the parameters"):
        nlpd(a, b, parameters=loaded, family="2017" if family == "2016" else "2016")


@pytest.mark.parametrize("family", ["2016", "2017"])
def test_the_published_parameters_given_as_fitted_ones_change_nothing(family):
    a, b = images(2, 80, 80), images(2, 80, 80)[:, ::-1]
    parameters = NLPDParameters.from_dict(published_parameters(family).to_dict())
    np.testing.assert_array_equal(nlpd(a, b, parameters=parameters), nlpd(a, b, family=family))


@pytest.mark.parametrize(
    "data, options, words",
    [
        ([], {}, "images must hold one image or more"),
        ([np.full([32, 32, 1], np.nan, np.float32)], {}, "images must hold finite numbers"),
        ([np.zeros([32, 32, 1], np.uint8)], {}, "max_val must be given"),
        ([BLACK[..., 0]], {}, "must be .batch, height, width, channels."),
        ([BLACK], {"family": "2017"}, "at least 65 pixels a side, not 32 x 32"),
        ([BLACK], {"neighbourhood": 4}, "neighbourhood must be 3, 5 or None, not 4"),
        ([BLACK], {"scales": 0}, "scales must be"),
    ],
)
def test_what_cannot_be_fitted_is_refused(data, options, words):
    with pytest.raises(ValueError, match=words):
        fit_nlpd(data, **options)


def _damaged(change) -> str:
    values = {"format": "tfnoise NLPD parameters, version 1", **published_parameters().to_dict()}
    change(values)
    return json.dumps(values)


@pytest.mark.parametrize(
    "text, words",
    [
        (None, "cannot be read"),
        ("", "is no file of NLPD parameters"),
        ("[1, 2]", "of this version"),
        ("{}", "of this version"),
        ("[" * 100_000, "is no file of NLPD parameters"),
        ("x" * (1 << 21), "is no file of NLPD parameters"),
        (_damaged(lambda v: v.update(format="another")), "of this version"),
        (_damaged(lambda v: v.pop("sigma")), "needs family, sigma and weights"),
        (_damaged(lambda v: v.update(sigma=[0.0] * 6)), "sigma of scale 1 must be a positive number"),
        (_damaged(lambda v: v.update(sigma=[float("nan")] * 6)), "sigma of scale 1"),
        (_damaged(lambda v: v.update(sigma=[0.1] * 5)), "5 and 6"),
        (_damaged(lambda v: v.update(weights=[[[-1.0]]] * 6)), "none negative"),
        (_damaged(lambda v: v.update(weights=[[[1.0, 2.0]]] * 6)), "square matrix"),
        (_damaged(lambda v: v.update(weights=[[[1.0], [1.0, 2.0]]] * 6)), "square matrix"),
        (_damaged(lambda v: v.update(weights=3)), "weights matrices of numbers"),
        (_damaged(lambda v: v.update(family="1999")), "families '2016', '2017'"),
    ],
)
def test_files_that_hold_something_else_are_refused_by_name(tmp_path, text, words):
    path = tmp_path / "bad.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        NLPDParameters.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_lists_and_arrays_become_tuples_that_can_be_hashed():
    published = published_parameters()
    parameters = NLPDParameters("2016", np.array(published.sigma), np.array(published.weights))
    assert parameters == published and hash(parameters) == hash(published)


@pytest.mark.parametrize(
    "sigma, weights", [(("a",), [[[0.0]]]), (1.0, [[[0.0]]]), ([1.0], (3.0,)), ([1.0], [[]])]
)
def test_numbers_of_another_form_are_refused(sigma, weights):
    with pytest.raises(ValueError, match="sigma|weights"):
        NLPDParameters("2016", sigma, weights)
