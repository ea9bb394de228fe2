"""The flags of one training, for bin/train and bin/sweep, and the settings that they ask for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tfnoise.cli import shared_flags
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import UsageError

if TYPE_CHECKING:
    from tfnoise.training import TrainingSettings

_LOSSES = "mse, ms_ssim, nlpd, ssim, or a sum as 0.5*ms_ssim+0.5*nlpd"
_NOISES = (
    "uniform, gaussian, contrast, multiscale, streaked, pink or dead_leaves (the last four were designed to "
    "be like natural signals: docs/guide/train.md), or several, as streaked+dead_leaves"
)
_NORMALISATIONS = "BatchNorm and LeakyReLU, LeakyReLU alone, or generalised divisive normalisation"


def define_train_flags(define: FlagDefiner) -> None:
    """Defines the flags of one training."""
    define.string("loss", "ms_ssim", f"Training loss: {_LOSSES}.")
    define.string("nlpd_parameters", None, "Fitted NLPD (bin/fit_nlpd). (default: the published parameters)")
    define.string("noise", "uniform", f"Synthetic noise family to train on: {_NOISES}.")
    define.string("train_data", None, "Train on a folder of natural audio, in place of noise.")
    define.float("masked", 0.0, "Share of squares of --train_data's patches to be guessed from the rest.")
    define.string("start", None, "Initialise the weights from the last checkpoint of this run's folder.")
    define.enum(
        "start_parts", "all", ["all", "analysis"], "analysis: the encoder alone, and keep it as it is."
    )
    kinds = ["entropy", "levels"]
    define.enum("bottleneck", "entropy", kinds, "Learned prior with rate control, or fixed levels.")
    define.float("bpp", 0.5, "Target rate, bits per pixel of the spectrogram image.")
    define.float("noise_bpp", None, "Rate to hold on noise, with --bottleneck=entropy. (default: --bpp)")
    define.integer("levels", 2, "Levels of a latent value, with --bottleneck=levels: 2, 4, 8 or 16.")
    define.float("quantizer_s", 1.0, "Softness s of the levels' gradient; large values train badly.")
    define.integer("ms_ssim_scales", 3, "Scales of the MS-SSIM loss; 3 fit patches of 41 to 80 pixels.")
    define.integer("filters", 128, "Filters of the convolutions.")
    define.integer("latent_channels", None, "With --bottleneck=entropy. (default: --filters)")
    kinds = ["batch", "none", "gdn"]
    define.enum("normalisation", "batch", kinds, f"Between convolutions: {_NORMALISATIONS}.")
    define.integer("kernel_size", 3, "Side of the convolutions' kernels, pixels.")
    define.integer("patch_size", 64, "Side of the noise patches, pixels; a multiple of 16.")
    define.integer("batch_size", 16, "Patches in a step.")
    define.integer("epochs", 5, "Number of epochs.")
    define.integer("steps_per_epoch", 300, "Steps in an epoch.")
    define.float("learning_rate", 1e-3, "Adam learning rate.")
    define.integer("seed", 0, "Random seed (weights and noise).")
    kinds = ["constant", "cosine", "step"]
    schedules = "cosine: down to 0 at the end; step: a tenth in the last fifth."
    define.enum("learning_rate_schedule", "constant", kinds, schedules)
    define.float("clip_norm", 0.0, "Largest norm of the whole gradient; 0 for any.")
    define.float("ema", 0.0, "Momentum of a moving average of weights, which is exported then; 0: none.")
    kinds = ["float32", "bfloat16", "auto"]
    auto = "auto: bfloat16 where the processor has it and a trial is faster with it."
    define.enum("precision", "float32", kinds, f"Of the convolutions; {auto}")
    kinds = ["default", "mirrored", "multi_worker", "tpu"]
    devices = "Devices: one, all GPUs, the workers of TF_CONFIG, a TPU (untested)."
    define.enum("strategy", "default", kinds, devices)
    define.integer("steps_per_execution", 1, "Steps that TensorFlow takes at once; they change no weight.")
    define.integer("checkpoint_every", 500, "Steps between two checkpoints, about a minute's worth.")
    define.string("val_data", None, "Folder of natural audio to score after each epoch; never trained on.")
    define.integer("early_stop", 0, "Epochs without a better MSE on --val_data that end it; 0: all epochs.")
    best = "Export the last step, or the best epoch (by --val_data, else the loss)."
    define.enum("export", "last", ["last", "best"], best)
    shared_flags.define_front_end(define, "Front end of the model")


def settings_from_flags(values: FlagValues, precision: str = "float32") -> TrainingSettings:
    """The settings that the flags of `define_train_flags` ask for.

    Args:
      values: parsed flags.
      precision: what --precision=auto stands for.

    Raises:
      UsageError, InputError: the flags do not work, or not together.
    """
    by_name = values.flag_values_dict()
    for flag in ("checkpoint_every", "steps_per_execution"):
        if by_name[flag] < 1:
            raise UsageError(f"--{flag} must be 1 or more, not {by_name[flag]}")
    if values.early_stop and not values.val_data:
        raise UsageError(f"--early_stop={values.early_stop}: needs natural audio to judge by, --val_data")
    from tfnoise.losses import NLPDParameters
    from tfnoise.training import TrainingSettings

    names = {field.name for field in dataclasses.fields(TrainingSettings)} - {"front_end", "nlpd_parameters"}
    options = {name: by_name[name] for name in names}
    if values.precision == "auto":
        options["precision"] = precision
    return TrainingSettings(
        **options,
        front_end=shared_flags.front_end_from_flags(values),
        nlpd_parameters=NLPDParameters.load(values.nlpd_parameters) if values.nlpd_parameters else None,
    )
