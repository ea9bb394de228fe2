"""TensorBoard's files: restarts of a run, its curves read back, its settings as a row of the HParams tab."""

from __future__ import annotations

import hashlib
import json
import random
import time
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.hparams import api_pb2

from tfnoise.autoencoder import BOTTLENECKS
from tfnoise.evaluation.scores import MS_SSIM_SCALES
from tfnoise.training.settings import TrainingSettings

LOGS_FOLDER = "logs"
"""Of a run's folder."""

_RESTARTED = ".restarted"


def has_events(folder: Path) -> bool:
    """Whether a folder of logs holds anything."""
    return bool(_event_files(folder))


def mark_restart(folder: Path, step: int) -> None:
    """Makes TensorBoard forget what was logged after `step`, since those steps are taken again.

    A session that was killed has logged steps that its last checkpoint does not know of. TensorBoard drops
    them on an event of TensorFlow's SessionLog, status START, whose step is the first that is taken again.
    TF 2's writers write none, so it gets a file of its own, whose name sorts behind the last one's and before
    those to come. The folder holds event files; `step` is the last whose events stand.
    """
    last = _event_files(folder)[-1]
    path = last if last.suffix == _RESTARTED else last.with_name(last.name + _RESTARTED)
    session_log = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(_event(file_version="brain.Event:2"))
        # Twice, since TensorBoard takes the first in a folder for the run's beginning and drops nothing.
        for _ in range(2):
            writer.write(_event(step=step + 1, session_log=session_log))


def _event(**fields: object) -> bytes:
    return tf.compat.v1.Event(wall_time=time.time(), **fields).SerializeToString()


def _event_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*tfevents*"))


def training_curve(run_dir: Path, name: str) -> list[tuple[int, float]]:
    """A curve of a run's training by its name, as "loss" or "bpp": (step, value) in the order of steps."""
    points: dict[int, float] = {}
    for path in _event_files(run_dir / LOGS_FOLDER):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                if value.tag == f"train/{name}":
                    # Steps that were taken again come later and stand.
                    points[event.step] = float(tf.make_ndarray(value.tensor))
    return sorted(points.items())


_FIRST = ("loss", "bottleneck", "bpp", "learning_rate", "seed")
"""The five columns that TensorBoard shows by default."""

METRICS = (
    ("train/distortion", "distortion on noise"),
    ("train/bpp", "bpp on noise"),
    ("validation/mse", "natural MSE"),
    ("validation/nlpd", "natural NLPD"),
    (f"validation/ms_ssim_{MS_SSIM_SCALES}", f"natural MS-SSIM-{MS_SSIM_SCALES}"),
    ("validation/bpp", "natural bpp"),
    ("train/loss", "loss"),
    ("train/step_ms", "step time [ms]"),
)
"""Curves whose last values are compared, and their names in the table."""

_KNOWN = {"bottleneck": BOTTLENECKS, "loss": ("mse", "ms_ssim", "nlpd"), "precision": ("float32", "bfloat16")}


def hyperparameters(settings: TrainingSettings) -> dict[str, bool | float | str]:
    """The settings as scalars, those first that matter most.

    Settings that are None are skipped. Parameters of NLPD are named by their origin and a digest; none are
    "published".
    """
    values = settings.to_dict()
    values["nlpd_parameters"] = _brief(values["nlpd_parameters"])
    names = [*_FIRST, *sorted(set(values) - set(_FIRST))]
    return {name: values[name] for name in names if values[name] is not None}


def write_hyperparameters(settings: TrainingSettings, name: str) -> None:
    """Writes the settings, and which curves to show beside them, to the default writer.

    Rows are called by the run's name and a digest of the settings, as TensorBoard merges those of one name.
    """
    values = hyperparameters(settings)
    absent = sorted(set(settings.to_dict()) - set(values))
    columns = [hp.HParam(name, _domain(name, value)) for name, value in values.items()]
    columns += [hp.HParam(name, _AnyNumber()) for name in absent]
    hp.hparams_config(columns, [hp.Metric(tag, display_name=name) for tag, name in METRICS])
    hp.hparams(values, trial_id=f"{name} {_digest(values)}")


class _AnyNumber(hp.Domain):
    """Numbers without bounds: a run does not know what the others of its sweep have."""

    @property
    def dtype(self) -> type:
        return float

    def sample_uniform(self, rng: Any = random) -> float:
        raise IndexError("there is no uniform distribution of all numbers")

    def update_hparam_info(self, hparam_info: api_pb2.HParamInfo) -> None:
        hparam_info.type = api_pb2.DATA_TYPE_FLOAT64


def _domain(name: str, value: bool | float | str) -> hp.Domain:
    if isinstance(value, bool):
        return hp.Discrete([False, True])
    if isinstance(value, str):
        return hp.Discrete(sorted({*_KNOWN.get(name, ()), value}))
    return _AnyNumber()


def _brief(parameters: dict[str, Any] | None) -> str:
    if parameters is None:
        return "published"
    return f"{parameters['origin'] or 'fitted'} {_digest(parameters)}"


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:6]
