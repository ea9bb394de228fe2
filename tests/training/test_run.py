"""A training repeats bit for bit, resumes, and stops where numbers are no longer finite."""

from __future__ import annotations

import glob

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

from tests.training.short_runs import SMALL, train
from tfnoise.codec import FrozenModel
from tfnoise.errors import InputError
from tfnoise.training import TrainingDiverged, TrainingRun, TrainingSettings

TINY = {**SMALL, "epochs": 2, "steps_per_epoch": 6, "ms_ssim_scales": 2}


def _weights(run: TrainingRun) -> list[np.ndarray]:
    return [variable.numpy() for variable in [*run.model.variables, *run.model.optimizer.variables]]


def _assert_same_weights(run: TrainingRun, other: TrainingRun) -> None:
    for a, b in zip(_weights(run), _weights(other)):
        if a.shape:  # scalars: also the means behind the logs
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("options", [{"loss": "nlpd"}, {"loss": "ms_ssim", "bottleneck": "levels"}])
def test_the_same_seed_gives_the_same_losses_to_the_last_digit(tmp_path, options):
    settings = TrainingSettings(**TINY, **options)
    first = train(TrainingRun(settings, tmp_path / "a"))
    assert first == train(TrainingRun(settings, tmp_path / "b"))
    other = TrainingSettings(**TINY, **options, seed=1)
    assert first != train(TrainingRun(other, tmp_path / "c"))


@pytest.mark.parametrize("bottleneck", ["entropy", "levels"])
def test_a_run_that_was_stopped_and_resumed_ends_with_the_same_weights(tmp_path, bottleneck):
    settings = TrainingSettings(**TINY, loss="mse", bottleneck=bottleneck)
    whole = TrainingRun(settings, tmp_path / "whole")
    whole_logs = train(whole)
    train(TrainingRun(settings, tmp_path / "stopped"), stop_after=8, checkpoint_every=4)
    resumed = TrainingRun(settings, tmp_path / "stopped")
    assert resumed.step == 4  # the checkpoint of step 8 was not yet written when the run was stopped
    resumed_logs = train(resumed)
    assert len(resumed_logs) == 8 and resumed.step == 12
    # Logs are means since the last point of the curves, so the last steps' rates differ; weights do not.
    if bottleneck == "entropy":
        assert resumed_logs[-1]["multiplier"] == whole_logs[-1]["multiplier"]
    _assert_same_weights(resumed, whole)


def test_the_curves_and_pictures_are_in_the_event_files(tmp_path):
    run = TrainingRun(TrainingSettings(**TINY, loss="mse"), tmp_path)
    train(run, on_epoch_end=lambda epoch, logs, summaries: summaries.pictures(run.step))
    tags = set()
    for path in glob.glob(str(tmp_path / "logs" / "events*")):
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            tags |= {value.tag for value in event_pb2.Event.FromString(record).summary.value}
    expected = {"loss", "distortion", "bpp", "multiplier", "gradient_norm", "learning_rate"}
    assert {f"train/{name}" for name in expected} <= tags
    assert any("reconstruction" in tag and "noise" in tag for tag in tags)
    assert "flags" in tags


@pytest.mark.parametrize("bottleneck", ["entropy", "levels"])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_step_and_checkpoint(tmp_path, bottleneck):
    settings = TrainingSettings(**TINY, loss="mse", bottleneck=bottleneck, learning_rate=1e30)
    run = TrainingRun(settings, tmp_path)
    with pytest.raises(TrainingDiverged) as caught:
        train(run)
    message = str(caught.value)
    assert f"at step {run.step + 1}" in message and "`learning_rate`" in message
    assert str(tmp_path / "checkpoints" / "step-0") in message
    resumed = TrainingRun(settings, tmp_path)
    assert resumed.step == 0
    assert all(np.isfinite(weight).all() for weight in _weights(resumed))


@pytest.mark.parametrize("loss", ["mse", "nlpd", "ms_ssim"])
def test_a_hard_quantizer_stays_finite(tmp_path, loss):
    settings = TrainingSettings(**TINY, loss=loss, bottleneck="levels", quantizer_s=1e4)
    logs = train(TrainingRun(settings, tmp_path))
    assert len(logs) == 12
    assert all(np.isfinite(list(values.values())).all() for values in logs)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path):
    settings = TrainingSettings(**TINY, loss="mse")
    whole = TrainingRun(settings, tmp_path)
    train(whole, checkpoint_every=5)
    for path in (tmp_path / "checkpoints").glob("step-12.*"):
        path.write_bytes(b"damaged")
    lines = []
    run = TrainingRun(settings, tmp_path, tell=lines.append)
    assert run.step == 10 and len(lines) == 1 and "step-12: damaged checkpoint; trying" in lines[0]
    train(run)
    _assert_same_weights(run, whole)
    for path in (tmp_path / "checkpoints").glob("step-*"):
        path.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="step-12: damaged checkpoint; start over"):
        TrainingRun(settings, tmp_path)


def test_a_lost_list_of_checkpoints_loses_none(tmp_path):
    settings = TrainingSettings(**TINY, loss="mse")
    train(TrainingRun(settings, tmp_path), checkpoint_every=5)
    (tmp_path / "checkpoints" / "checkpoint").unlink()
    (tmp_path / "checkpoints" / "step-13_temp").mkdir()
    assert TrainingRun(settings, tmp_path).step == 12
    assert not (tmp_path / "checkpoints" / "step-13_temp").exists()


def test_a_checkpoint_that_cannot_be_written_destroys_nothing(tmp_path, monkeypatch):
    settings = TrainingSettings(**TINY, loss="mse")
    run = TrainingRun(settings, tmp_path)

    def full(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    train(run, stop_after=6, checkpoint_every=5)
    monkeypatch.setattr(tf.train.CheckpointManager, "save", full)
    with pytest.raises(InputError, match="cannot be written .*No space left.*free some space"):
        train(run, checkpoint_every=5)
    monkeypatch.undo()
    assert TrainingRun(settings, tmp_path).step == 5


@pytest.mark.parametrize("bottleneck", ["entropy", "levels"])
def test_steps_at_once_change_no_weight(tmp_path, bottleneck):
    settings = TrainingSettings(**TINY, loss="nlpd", bottleneck=bottleneck)
    weights = []
    for at_once, steps in ((1, list(range(1, 13))), (4, [4, 5, 6, 10, 12])):
        run = TrainingRun(settings, tmp_path / str(at_once), steps_per_execution=at_once)
        assert [logs["step"] for logs in train(run, checkpoint_every=5)] == steps
        weights.append(_weights(run))
    for a, b in zip(*weights):
        np.testing.assert_array_equal(a, b)


def test_schedule_clipping_and_moving_average(tmp_path):
    options = {"learning_rate_schedule": "cosine", "clip_norm": 0.1, "ema": 0.9}
    run = TrainingRun(TrainingSettings(**TINY, loss="mse", **options), tmp_path)
    before = [variable.numpy() for variable in run.model.trainable_variables]
    rates = [logs["learning_rate"] for logs in train(run)]
    expected = 1e-3 * 0.5 * (1 + np.cos(np.pi * np.arange(12) / 12))
    np.testing.assert_allclose(rates, expected, rtol=1e-4)
    last = [variable.numpy() for variable in run.model.trainable_variables]
    resumed = TrainingRun(run.settings, tmp_path)
    averaged = [variable.numpy() for variable in resumed.final_model().trainable_variables]
    for start, end, mean in zip(before, last, averaged):
        assert np.linalg.norm(mean - start) < np.linalg.norm(end - start)


def test_a_rate_in_steps_is_a_tenth_in_the_last_fifth(tmp_path):
    settings = TrainingSettings(**{**TINY, "steps_per_epoch": 5}, loss="mse", learning_rate_schedule="step")
    rates = [logs["learning_rate"] for logs in train(TrainingRun(settings, tmp_path))]
    np.testing.assert_allclose(rates, [1e-3] * 8 + [1e-4] * 2, rtol=1e-5)


def test_the_best_epoch_is_kept_and_ends_an_early_stop(tmp_path):
    options = {**TINY, "epochs": 6, "loss": "mse", "early_stop": 2, "export": "best"}
    run = TrainingRun(TrainingSettings(**options), tmp_path)
    scores = iter([3.0, 1.0, 2.0, 1.5, 0.5, 0.1])
    train(run, on_epoch_end=lambda *_: next(scores))
    assert run.stopped_early and run.step == 4 * 6
    again = TrainingRun(run.settings, tmp_path)
    assert again.step == 24 and again.stopped_early
    again.final_model()
    assert again.step == 2 * 6


def test_replicas_that_cannot_share_a_batch_are_refused(tmp_path):
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    run = TrainingRun(TrainingSettings(**TINY, loss="mse"), tmp_path, strategy)
    assert run.chief
    strategy = type("Three", (), {"num_replicas_in_sync": 3, "cluster_resolver": None})()
    with pytest.raises(InputError, match="`batch_size`=4: 3 replicas cannot share it"):
        TrainingRun(TrainingSettings(**TINY, loss="mse"), tmp_path, strategy)


def test_a_model_trained_in_bfloat16_is_frozen_in_float32(tmp_path):
    settings = TrainingSettings(**TINY, loss="nlpd", precision="bfloat16")
    run = TrainingRun(settings, tmp_path)
    try:
        logs = train(run)
        frozen = FrozenModel(run.model)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert all(np.isfinite(list(values.values())).all() for values in logs)
    images = tf.random.stateless_uniform([1, 32, 32, 1], [0, 1])
    graph = frozen.code.get_concrete_function().graph
    assert not [op.name for op in graph.get_operations() for out in op.outputs if out.dtype == tf.bfloat16]
    weights = [variable.numpy() for variable in frozen.weights]
    trained = [*run.model.analysis.variables, *run.model.synthesis.variables]
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(weights, trained))
    # Half precision keeps 8 bits of a number, so the latents agree to about a hundredth.
    ours, theirs = frozen.analyse(images), tf.cast(run.model.analysis(images, training=False), tf.float32)
    assert tf.reduce_max(abs(ours - theirs)) < 0.03 * tf.reduce_max(abs(ours)) + 0.01
