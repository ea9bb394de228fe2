"""A run's flags as TensorBoard's HParams tab compares them, one row a run."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.hparams import api_pb2

from tfnoise.autoencoder import BOTTLENECKS
from tfnoise.evaluation.scores import MS_SSIM_SCALES
from tfnoise.training.settings import TrainingSettings

_FIRST = ("loss", "bottleneck", "bpp", "learning_rate", "seed")
"""TensorBoard shows five columns until it is told to show more."""

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
    """The flags as scalars, those first that matter most.

    Flags that are None are left out.  Parameters of NLPD are told by their origin and a digest; none are
    "published".
    """
    values = settings.to_dict()
    values["nlpd_parameters"] = _brief(values["nlpd_parameters"])
    names = [*_FIRST, *sorted(set(values) - set(_FIRST))]
    return {name: values[name] for name in names if values[name] is not None}


def write_hyperparameters(settings: TrainingSettings, name: str) -> None:
    """Writes the flags, and which curves to show beside them, to the default writer.

    Args:
      settings: of the training.
      name: of the run; rows are called by it and a digest of the flags, since equal ones are merged.
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
