"""One training: the loop over noise, its checkpoints, and what stops it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfnoise.autoencoder import Autoencoder
from tfnoise.data.noise import noise_images
from tfnoise.errors import InputError
from tfnoise.losses import loss_by_name
from tfnoise.training.settings import TrainingSettings
from tfnoise.training.summaries import Summaries

CHECKPOINTS_FOLDER = "checkpoints"
SUMMARY_EVERY = 20
"""Steps between two points of the curves; each point is the mean since the last."""

KEPT_CHECKPOINTS = 3


class TrainingDiverged(InputError):
    """The loss or its gradient is no longer a finite number; the message names the step and the remedy."""


class TrainingRun:
    """A training that can be stopped and gone on with.

    Building it sets Keras' global seed and precision, makes the model and restores the last checkpoint of
    `run_dir`, if there is one.  Everything random follows from the seed and the step, so that a run that was
    stopped and resumed ends with the same weights.

    Args:
      settings: what decides the result.
      run_dir: where checkpoints and logs go; made if absent.

    Attributes:
      model: the autoencoder.
      step: how many steps are done.
    """

    def __init__(self, settings: TrainingSettings, run_dir: Path):
        self.settings, self.run_dir = settings, run_dir
        self.model, self._optimizer = compiled_model(settings)
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        checkpoint = tf.train.Checkpoint(model=self.model, optimizer=self._optimizer, step=self._step)
        self._manager = tf.train.CheckpointManager(
            checkpoint, str(run_dir / CHECKPOINTS_FOLDER), KEPT_CHECKPOINTS, checkpoint_name="step"
        )
        if self._manager.latest_checkpoint:
            _restore(checkpoint, self._manager.latest_checkpoint)

    @property
    def step(self) -> int:
        """How many steps are done."""
        return int(self._step.numpy())

    @property
    def last_checkpoint(self) -> str | None:
        """The path of the newest checkpoint."""
        return self._manager.latest_checkpoint

    def train(
        self,
        checkpoint_every: int,
        on_step: Callable[[dict[str, float]], None],
        on_epoch_end: Callable[[int, dict[str, float], Summaries], None],
    ) -> None:
        """Trains from the present step to the last.

        Args:
          checkpoint_every: steps between two checkpoints; one is saved at the start and the end in any case.
          on_step: called after each step with its logs.
          on_epoch_end: called after each epoch with its number (from 1), the last logs and the summaries.

        Raises:
          TrainingDiverged: the loss or the gradient is no longer finite.
        """
        settings = self.settings
        batches = noise_images(
            settings.patch_size,
            settings.patch_size,
            settings.batch_size,
            seed=settings.seed,
            first_image=self.step * settings.batch_size,
        )
        iterator = iter(batches)
        train_step = self.model.make_train_function()
        self.model.reset_metrics()
        if self.step == 0:
            self._save()
        with Summaries(self.run_dir, self.model, settings) as summaries:
            while self.step < settings.steps:
                logs = {name: float(value) for name, value in train_step(iterator).items()}
                self._check_finite(logs)
                self._step.assign_add(1)
                on_step(logs)
                step = self.step
                if step % SUMMARY_EVERY == 0 or step == settings.steps:
                    summaries.scalars(step, logs)
                    self.model.reset_metrics()
                if step % checkpoint_every == 0 or step == settings.steps:
                    self._save()
                if step % settings.steps_per_epoch == 0:
                    on_epoch_end(step // settings.steps_per_epoch, logs, summaries)

    def _check_finite(self, logs: dict[str, float]) -> None:
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(logs[name]):
                raise TrainingDiverged(
                    f"{name} is {logs[name]} at step {self.step + 1}; the last good checkpoint is "
                    f"{self.last_checkpoint}; lower --learning_rate (it is {self.settings.learning_rate:g}) "
                    f"and begin anew with --overwrite"
                )

    def _save(self) -> None:
        self._manager.save(checkpoint_number=self.step)


def compiled_model(settings: TrainingSettings) -> tuple[Autoencoder, tf.keras.optimizers.Optimizer]:
    """The untrained model of these settings and its optimizer; sets Keras' global seed and precision."""
    tf.keras.utils.set_random_seed(settings.seed)
    policy = "mixed_bfloat16" if settings.precision == "bfloat16" else "float32"
    tf.keras.mixed_precision.set_global_policy(policy)
    model = Autoencoder(
        bottleneck=settings.bottleneck,
        bpp=settings.bpp,
        filters=settings.filters,
        kernel_size=settings.kernel_size,
        levels=settings.levels,
        quantizer_s=settings.quantizer_s,
        control_steps=settings.steps,
        seed=settings.seed,
    )
    optimizer = tf.keras.optimizers.Adam(settings.learning_rate)
    loss = loss_by_name(settings.loss, settings.ms_ssim_scales, settings.nlpd_parameters)
    model.compile(optimizer=optimizer, loss=loss)
    model(tf.zeros([1, settings.patch_size, settings.patch_size, 1]))
    optimizer.build(model.trainable_variables)
    return model, optimizer


def _restore(checkpoint: tf.train.Checkpoint, path: str) -> None:
    try:
        checkpoint.restore(path).assert_existing_objects_matched()
    except (tf.errors.OpError, AssertionError, ValueError):
        remedy = "begin anew with --overwrite or another --name"
        raise InputError(f"{path}: damaged checkpoint; {remedy}") from None


def run_record(settings: TrainingSettings) -> dict[str, Any]:
    """What an exported model tells of its training."""
    return {**settings.to_dict(), "steps": settings.steps, "uses_natural_data": False}
