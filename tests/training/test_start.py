"""Trainings on natural audio, and trainings that start with another's weights."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tests.training.short_runs import SMALL, train
from tfnoise.errors import InputError
from tfnoise.training import TrainingRun, TrainingSettings, uses_natural_audio, write_settings

TINY = {**SMALL, "epochs": 1, "steps_per_epoch": 3, "loss": "mse"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of natural audio, as small as a training takes it."""
    folder = tmp_path_factory.mktemp("audio")
    soundfile.write(folder / "a.wav", np.random.RandomState(0).normal(size=20000) * 0.1, 16000)
    return folder


def _trained(settings: TrainingSettings, run_dir, stop_after: int | None = None) -> TrainingRun:
    run_dir.mkdir(exist_ok=True)
    write_settings(settings, run_dir)
    run = TrainingRun(settings, run_dir)
    train(run, stop_after, checkpoint_every=1)
    return run


def _values(transform) -> list[np.ndarray]:
    """Stage by stage: whether a layer is trained changes the order of all."""
    return [values for stage in transform.stages for values in stage.get_weights()]


def _assert_same(run: TrainingRun, other: TrainingRun, part: str) -> None:
    for values, expected in zip(*(_values(getattr(each.model, part)) for each in (run, other))):
        np.testing.assert_array_equal(values, expected)


@pytest.fixture(scope="module")
def noise_run(tmp_path_factory):
    return _trained(TrainingSettings(**TINY), tmp_path_factory.mktemp("runs") / "noise")


def test_it_starts_with_all_of_the_others_weights(noise_run, tmp_path, folder):
    settings = TrainingSettings(**TINY, train_data=str(folder), start=str(noise_run.run_dir), seed=5)
    run = TrainingRun(settings, tmp_path)
    for part in ("analysis", "synthesis"):
        _assert_same(run, noise_run, part)
    prior, expected = (each.model.bottleneck.prior.log_prob(np.zeros(8)) for each in (run, noise_run))
    np.testing.assert_array_equal(prior, expected)
    assert run.model.rate_control.scale == noise_run.model.rate_control.scale > 0
    assert run.step == 0
    assert all(np.all(variable.numpy() == 0) for variable in run.model.optimizer.variables[:1])


def test_an_encoder_that_is_kept_is_kept_and_the_decoder_is_new(noise_run, tmp_path, folder):
    settings = TrainingSettings(
        **TINY, train_data=str(folder), start=str(noise_run.run_dir), start_parts="analysis", seed=5
    )
    fresh = _values(TrainingRun(TrainingSettings(**TINY, seed=5), tmp_path / "fresh").model.synthesis)
    run = _trained(settings, tmp_path / "kept")
    _assert_same(run, noise_run, "analysis")
    assert not np.array_equal(_values(run.model.synthesis)[0], fresh[0])
    assert not np.array_equal(_values(run.model.synthesis)[0], _values(noise_run.model.synthesis)[0])


@pytest.mark.parametrize("masked", [0.0, 0.5])
def test_on_natural_audio_it_repeats_and_resumes_to_the_last_digit(tmp_path, folder, masked):
    settings = TrainingSettings(**TINY, train_data=str(folder), masked=masked)
    whole = _trained(settings, tmp_path / "whole")
    _trained(settings, tmp_path / "stopped", stop_after=2)
    _assert_same(_trained(settings, tmp_path / "stopped"), whole, "synthesis")


def test_use_of_natural_audio_is_recorded_also_of_the_run_that_began_it(tmp_path, folder):
    natural = TrainingSettings(**TINY, train_data=str(folder))
    (tmp_path / "natural").mkdir()
    write_settings(natural, tmp_path / "natural")
    after = TrainingSettings(**TINY, start=str(tmp_path / "natural"))
    assert uses_natural_audio(natural) and uses_natural_audio(after)
    assert not uses_natural_audio(TrainingSettings(**TINY))


def test_a_run_of_another_network_or_without_checkpoints_is_refused(noise_run, tmp_path):
    settings = TrainingSettings(**{**TINY, "filters": 4}, start=str(noise_run.run_dir))
    with pytest.raises(InputError, match="`filters`=8, not 4"):
        TrainingRun(settings, tmp_path / "a")
    write_settings(TrainingSettings(**TINY), tmp_path)
    with pytest.raises(InputError, match="no checkpoint"):
        TrainingRun(TrainingSettings(**TINY, start=str(tmp_path)), tmp_path / "b")
