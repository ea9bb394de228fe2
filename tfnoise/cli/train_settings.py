"""From the flags of bin/train to the settings of a training, for all scripts that begin one."""

from __future__ import annotations

import dataclasses

from absl import flags

from tfnoise.cli.front_end_flags import front_end_from_flags
from tfnoise.errors import UsageError
from tfnoise.losses import NLPDParameters
from tfnoise.training import TrainingSettings


def settings_from_flags(values: flags.FlagValues, precision: str) -> TrainingSettings:
    """What the flags ask for.

    Args:
      values: the flags of bin/train.
      precision: what --precision=auto stands for.

    Raises:
      UsageError, InputError: the flags do not work, or not together.
    """
    for flag in ("checkpoint_every", "steps_per_execution"):
        if values[flag].value < 1:
            raise UsageError(f"--{flag} must be 1 or more, not {values[flag].value}")
    if values.early_stop and not values.val_data:
        raise UsageError(f"--early_stop={values.early_stop}: needs natural audio to judge by, --val_data")
    own = {field.name for field in dataclasses.fields(TrainingSettings)} - {"front_end", "nlpd_parameters"}
    chosen = {name: values[name].value for name in own}
    if values.precision == "auto":
        chosen["precision"] = precision
    return TrainingSettings(
        **chosen,
        front_end=front_end_from_flags(values),
        nlpd_parameters=NLPDParameters.load(values.nlpd_parameters) if values.nlpd_parameters else None,
    )
