"""What an experiment measures of models: the baseline, and errors after calibration."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.evaluation import ClipImage
from tfnoise.research.experiment import Experiment
from tfnoise.research.recipes import main_recipe


def test_a_constant_image_has_the_variance_of_clips_and_no_structure(tmp_path):
    generator = np.random.default_rng(0)
    experiment = Experiment(tmp_path, [])
    experiment.images = [
        ClipImage(f"{n}.wav", str(n), "", generator.random([128, 96 + n, 1], np.float32)) for n in range(3)
    ]
    experiment.images.append(ClipImage("silent.wav", "silent", "", np.zeros([128, 96, 1], np.float32)))
    scores = experiment.constant_image
    assert scores["mse"] == pytest.approx(
        np.mean([np.var(clip.image) for clip in experiment.images]), rel=1e-4
    )
    assert scores["nlpd"] > 0.5 and scores["ms_ssim"] < 0.4


def test_a_dim_model_is_right_after_calibration_and_a_noisy_one_is_not(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    experiment = Experiment(tmp_path, [])
    experiment.images = [
        SimpleNamespace(image=generator.random([16, 8 + n, 1], np.float32)) for n in range(4)
    ]
    which = np.array([True, False, True, True])
    noise = 0.0

    def code(images, bpp):
        changed = 0.5 * np.asarray(images) + 0.1 + noise * generator.standard_normal(np.shape(images))
        rows = tf.zeros([len(changed)])
        return {"reconstruction": tf.constant(changed, tf.float32), "bpp": rows, "step": rows}

    model = SimpleNamespace(module=SimpleNamespace(code=code), bpp=0.5)
    monkeypatch.setattr(experiment, "model", lambda recipe: model)
    left = experiment.calibrated_mse(main_recipe("mse", "entropy"), which)
    assert left.shape == (3,) and left.dtype == np.float64
    np.testing.assert_allclose(left, 0, atol=1e-10)
    noise = 0.01
    # The slope that undoes the halving doubles the noise, nearly.
    left = experiment.calibrated_mse(main_recipe("mse", "entropy"), which)
    assert left.mean() == pytest.approx((2 * noise) ** 2, rel=0.2)
