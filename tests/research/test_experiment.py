"""Recipes and their order; what an experiment measures of models: the baseline, errors after calibration."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.evaluation import ClipImage
from tfnoise.research.experiment import Experiment, Recipe, in_order, main_recipe


def test_a_constant_image_has_the_variance_of_clips_and_no_structure(tmp_path):
    generator = np.random.default_rng(0)
    images = [generator.random([128, 96 + n, 1], np.float32) for n in range(3)]
    images.append(np.zeros([128, 96, 1], np.float32))
    experiment = Experiment(tmp_path, [])
    experiment.images = [ClipImage(f"{n}.wav", str(n), "", image) for n, image in enumerate(images)]
    scores = experiment.constant_image
    assert scores["mse"] == pytest.approx(np.mean([np.var(image) for image in images]), rel=1e-4)
    assert scores["nlpd"] > 0.5 and scores["ms_ssim"] < 0.4


def test_a_dim_model_is_right_after_calibration_and_a_noisy_one_is_not(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    images = [generator.random([16, 8 + n, 1], np.float32) for n in range(4)]
    experiment = Experiment(tmp_path, [])
    experiment.images = [SimpleNamespace(image=image) for image in images]
    which = np.array([True, False, True, True])
    noise = 0.0

    def code(images, bpp):
        changed = 0.5 * np.asarray(images) + 0.1 + noise * generator.standard_normal(np.shape(images))
        rows = tf.zeros([len(changed)])
        return {"reconstruction": tf.constant(changed, tf.float32), "bpp": rows, "step": rows}

    model = SimpleNamespace(module=SimpleNamespace(code=code), bpp=0.5)
    monkeypatch.setattr(experiment, "model", lambda recipe: model)
    errors = experiment.calibrated_mse(main_recipe("mse", "entropy"), which)
    assert errors.shape == (3,) and errors.dtype == np.float64
    np.testing.assert_allclose(errors, 0, atol=1e-10)
    noise = 0.01
    # The slope that undoes the halving doubles the noise, nearly.
    errors = experiment.calibrated_mse(main_recipe("mse", "entropy"), which)
    assert errors.mean() == pytest.approx((2 * noise) ** 2, rel=0.2)


def test_the_name_tells_what_differs_from_the_paper():
    assert main_recipe("nlpd", "levels", 2).name == "levels_nlpd_2"
    assert main_recipe("mse", "entropy", noise="streaked").name == "entropy_mse_noisestreaked_0"
    assert main_recipe("mse", "levels", bpp=0.125).name == "levels_mse_bpp0.125_0"


def test_each_is_trained_once_and_after_what_it_begins_with():
    noise = main_recipe("nlpd", "entropy")
    tuned, again = Recipe("tuned", start=noise.name), Recipe("again", start="tuned")
    stages = in_order([again, tuned, noise, main_recipe("nlpd", "entropy")])
    assert stages == [[noise], [tuned], [again]]
    # What cannot begin or has the name of another.
    with pytest.raises(ValueError, match="starts from nobody"):
        in_order([Recipe("a", start="nobody")])
    with pytest.raises(ValueError, match="two trainings are called a"):
        in_order([Recipe("a"), Recipe("a", {"loss": "mse"})])
