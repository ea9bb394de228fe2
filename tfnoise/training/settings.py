"""What decides a training's result: written beside its checkpoints, compared when it is resumed."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfnoise.audio import FrontEnd
from tfnoise.data.noise import mixed_families
from tfnoise.errors import InputError, UsageError
from tfnoise.files import write_json
from tfnoise.layers import NORMALISATIONS, TOTAL_STRIDE, latent_channels_for
from tfnoise.losses import NLPDParameters, canonical_name, loss_terms, smallest_side

FLAGS_FILE = "flags.json"
FINISHED_FILE = "finished.json"
RUN_FORMAT = 1
"""Of a run's folder; a version of tfnoise that computes or stores a training otherwise has another."""

_AT_LEAST_1 = ("filters", "kernel_size", "patch_size", "batch_size", "epochs", "steps_per_epoch")
_POSITIVE = ("bpp", "noise_bpp", "quantizer_s", "learning_rate", "latent_channels")
_RANGES: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (_AT_LEAST_1, lambda value: value >= 1, "1 or more"),
    (_POSITIVE, lambda value: value is None or 0 < value < math.inf, "a positive number"),
    (("clip_norm", "early_stop"), lambda value: 0 <= value < math.inf, "0 (off) or more"),
    (("ema",), lambda value: 0 <= value < 1, "from 0 (off) to below 1, as 0.999"),
    (("masked",), lambda value: 0 <= value < 1, "from 0 (off) to below 1, as 0.5"),
    (("seed",), lambda value: value >= 0, "0 or more"),
    (("ms_ssim_scales",), lambda value: 1 <= value <= 5, "1 to 5"),
    (("patch_size",), lambda value: value % TOTAL_STRIDE == 0, f"a multiple of {TOTAL_STRIDE}"),
)
_CHOICES = {
    "start_parts": ("all", "analysis"),
    "normalisation": NORMALISATIONS,
    "learning_rate_schedule": ("constant", "cosine", "step"),
    "export": ("last", "best"),
}


@dataclass(frozen=True)
class TrainingSettings:
    """All that the weights at the end depend on; the help of the verb train explains each field.

    >>> TrainingSettings(loss="0.5*nlpd + mse", epochs=2).steps
    600
    >>> TrainingSettings(patch_size=40)
    Traceback (most recent call last):
    tfnoise.errors.UsageError: `patch_size` must be a multiple of 16, not 40

    Raises:
      UsageError: a value that cannot work, or not with the others; the message names the field.
    """

    loss: str = "ms_ssim"
    noise: str = "uniform"
    train_data: str | None = None
    masked: float = 0.0
    start: str | None = None
    start_parts: str = "all"
    bottleneck: str = "entropy"
    bpp: float = 0.5
    noise_bpp: float | None = None
    levels: int = 2
    quantizer_s: float = 1.0
    ms_ssim_scales: int = 3
    nlpd_parameters: NLPDParameters | None = None
    filters: int = 128
    kernel_size: int = 3
    normalisation: str = "batch"
    latent_channels: int | None = None
    patch_size: int = 64
    batch_size: int = 16
    epochs: int = 5
    steps_per_epoch: int = 300
    learning_rate: float = 1e-3
    seed: int = 0
    precision: str = "float32"
    learning_rate_schedule: str = "constant"
    clip_norm: float = 0.0
    ema: float = 0.0
    early_stop: int = 0
    export: str = "last"
    front_end: FrontEnd = dataclasses.field(default_factory=FrontEnd)

    def __post_init__(self) -> None:
        for names, is_valid, words in _RANGES:
            for name in names:
                if not is_valid(getattr(self, name)):
                    raise UsageError(f"`{name}` must be {words}, not {getattr(self, name)}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise UsageError(f"`{name}` must be one of {', '.join(choices)}, not {getattr(self, name)}")
        if self.front_end.mels % TOTAL_STRIDE:
            raise UsageError(f"`mels` must be a multiple of {TOTAL_STRIDE}, not {self.front_end.mels}")
        if self.masked and self.train_data is None:
            raise UsageError("`masked` is for natural audio; name a folder of it with `train_data`")
        if self.start_parts != "all" and self.start is None:
            raise UsageError(f"`start_parts`={self.start_parts}: name the folder of a run with `start`")
        try:
            object.__setattr__(self, "noise", "+".join(mixed_families(self.noise)))
        except ValueError as error:
            raise UsageError(f"`noise`={self.noise}: {error}") from None
        try:
            terms = loss_terms(self.loss)
        except ValueError as error:
            raise UsageError(f"`loss`={self.loss}: {error}") from None
        object.__setattr__(self, "loss", canonical_name(self.loss))
        needed = smallest_side(self.ms_ssim_scales)
        if "ms_ssim" in terms and self.patch_size < needed:
            fitting = max(
                (scales for scales in range(1, 6) if smallest_side(scales) <= self.patch_size), default=1
            )
            raise UsageError(
                f"`patch_size`={self.patch_size} is too small for MS-SSIM with {self.ms_ssim_scales} scales, "
                f"which needs {needed} pixels; use `ms_ssim_scales`=1 to {fitting} or a larger patch"
            )
        fitted = self.nlpd_parameters
        if fitted is not None and "nlpd" not in terms:
            raise UsageError(f"`nlpd_parameters` is for NLPD, which is no part of `loss`={self.loss}")
        if fitted is not None and self.patch_size < fitted.smallest_side:
            raise UsageError(
                f"`patch_size`={self.patch_size} is too small for these `nlpd_parameters` (family "
                f"{fitted.family}, {fitted.scales} scales), which need {fitted.smallest_side} pixels"
            )
        if self.bottleneck == "levels":
            for name in ("latent_channels", "noise_bpp"):
                if getattr(self, name) is not None:
                    raise UsageError(
                        f"`{name}` is for the entropy bottleneck; with levels it follows from `bpp`"
                    )
            try:
                latent_channels_for(self.bpp, self.levels)
            except ValueError as error:
                raise UsageError(f"`bpp`={self.bpp:g} `levels`={self.levels}: {error}") from None

    @property
    def steps(self) -> int:
        """Training steps in all."""
        return self.epochs * self.steps_per_epoch

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values; the front end's fields are among them."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        front_end, fitted = values.pop("front_end"), self.nlpd_parameters
        return {**values, "nlpd_parameters": fitted and fitted.to_dict(), **front_end.to_dict()}

    def name(self) -> str:
        """A safe folder name made from the loss."""
        return re.sub(r"[^A-Za-z0-9._-]+", "_", self.loss).strip("._") or "model"


def write_settings(settings: TrainingSettings, run_dir: Path) -> None:
    """Writes the settings beside a run's checkpoints, whole or not at all."""
    write_json({**settings.to_dict(), "run_format": RUN_FORMAT}, run_dir / FLAGS_FILE)


def read_settings(run_dir: Path) -> TrainingSettings:
    """The settings that a run was started with.

    Raises:
      InputError: the folder holds no run of this version.
    """
    path = run_dir / FLAGS_FILE
    try:
        values = json.loads(path.read_text())
        front_end = {field.name: values.pop(field.name) for field in dataclasses.fields(FrontEnd)}
        run_format = values.pop("run_format", None)
        if values["nlpd_parameters"] is not None:
            values["nlpd_parameters"] = NLPDParameters.from_dict(values["nlpd_parameters"])
        settings = TrainingSettings(front_end=FrontEnd.from_dict(front_end), **values)
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        raise InputError(f"{path}: missing, damaged or of another version of tfnoise; train again") from None
    if run_format != RUN_FORMAT:
        raise InputError(f"{run_dir}: a run of another version of tfnoise (format {run_format})")
    return settings


def precision_of(run_dir: Path) -> str | None:
    """The precision that a run was started with; None where there is no run that records it."""
    try:
        return str(json.loads((run_dir / FLAGS_FILE).read_text())["precision"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_same_settings(settings: TrainingSettings, run_dir: Path) -> None:
    """Compares the settings with those that a run folder was started with.

    Raises:
      UsageError: they differ, or the file is damaged; the message names the first fields that differ.
      InputError: the folder holds something else, or a run of another version of tfnoise.
    """
    path = run_dir / FLAGS_FILE
    if not path.is_file():
        raise InputError(f"{run_dir}: holds files, but no {FLAGS_FILE} of a training; name another `run_dir`")
    try:
        before = json.loads(path.read_text())
        run_format = before.get("run_format", RUN_FORMAT)
        now = json.loads(json.dumps(settings.to_dict()))
        differing = [name for name in now if before.get(name, now[name]) != now[name]]
    except (ValueError, AttributeError):
        raise UsageError(f"{path}: damaged") from None
    if run_format != RUN_FORMAT:
        raise InputError(
            f"{run_dir}: a run of another version of tfnoise (format {run_format}, not {RUN_FORMAT}); "
            f"resume it with that version, or give another `name`"
        )
    if differing:
        changes = (f"`{name}`={_brief(before[name])} (now {_brief(now[name])})" for name in differing[:4])
        raise UsageError(f"{run_dir} holds a run with other settings: {', '.join(changes)}")


def _brief(value: Any) -> str:
    """A field's value in a message; parameters from a file by what distinguishes them."""
    if not isinstance(value, dict):
        return str(value)
    sigma = " ".join(f"{number:.4g}" for number in value.get("sigma", ()))
    return f"{value.get('origin')}, sigma {sigma}"
