"""bin/benchmark training at a small size: every trainer is measured, against the floor of the same run."""

from __future__ import annotations

import functools

import pytest
import tensorflow as tf

from benchmarks import training as benchmark
from tfnoise.training import TrainingSettings


@pytest.mark.slow
def test_every_trainer_is_measured_against_plain_mse(monkeypatch):
    tiny = functools.partial(TrainingSettings, filters=8, batch_size=2, patch_size=48)
    monkeypatch.setattr(benchmark, "TrainingSettings", tiny)
    monkeypatch.setattr(benchmark, "STEPS", 2)
    policy = tf.keras.mixed_precision.global_policy().name
    rounds = []
    rows = benchmark.compare_trainers(1, lambda: rounds.append(1))
    assert rounds == [1] and tf.keras.mixed_precision.global_policy().name == policy
    by_trainer = {(row["trainer"], row["loss"], row["precision"]): row for row in rows}
    ours = {("ours", loss, p) for loss in ("mse", "ms_ssim", "nlpd") for p in ("float32", "bfloat16")}
    keras = {("Keras fit", loss, "float32") for loss in ("mse", "tf.image.ssim_multiscale")}
    assert set(by_trainer) == ours | keras | {("Keras fit", "mse", "bfloat16")}
    floor = by_trainer["Keras fit", "mse", "float32"]
    assert floor["of_floor"] == 1
    for row in rows:
        assert row["images_per_s"] == pytest.approx(2 / row["step_seconds"])
        assert row["of_floor"] == pytest.approx(row["step_seconds"] / floor["step_seconds"])
