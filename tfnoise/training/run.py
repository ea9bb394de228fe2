"""One training: the model, the loop over its images, its checkpoints, and what stops it."""

from __future__ import annotations

import contextlib
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfnoise.autoencoder import Autoencoder
from tfnoise.data.natural_patches import natural_patches, training_images
from tfnoise.data.noise import noise_images
from tfnoise.errors import InputError
from tfnoise.losses import loss_by_name
from tfnoise.signals import Stopped, StopSignals
from tfnoise.training.checkpoints import Checkpoints, UnusableRun
from tfnoise.training.settings import TrainingSettings, read_settings
from tfnoise.training.strategies import is_chief, workers_of
from tfnoise.training.summaries import Summaries

SUMMARY_EVERY = 20
"""Steps between two points of the curves; each point is the mean since the last."""

_NETWORK = ("bottleneck", "bpp", "levels", "filters", "kernel_size", "normalisation", "latent_channels")
"""Settings that two runs must share for one to begin with the other's weights."""


class TrainingDiverged(UnusableRun):
    """The loss or its gradient is no longer a finite number; the message names the step and the remedy."""


class TrainingRun:
    """A training that can be stopped and resumed.

    Building it sets Keras' global seed and precision, makes the model and restores the last checkpoint of
    `run_dir`, if there is one. Everything random follows from the seed and the step, so that an interrupted
    run resumes bit-exactly.

    >>> import tempfile
    >>> settings = TrainingSettings(loss="mse", filters=4, patch_size=16, batch_size=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = TrainingRun(settings, Path(folder))
    >>> run.step, run.model.analysis.count_params() > 0
    (0, True)

    Args:
      settings: what decides the result.
      run_dir: where checkpoints and logs go; made if absent.
      strategy: where it is computed; None: where the caller is. The settings' batch is that of all replicas.
      tell: called with a line for each checkpoint that is damaged.
      steps_per_execution: steps that TensorFlow takes at once; they change no weight.

    Attributes:
      model: the autoencoder.
      step: how many steps are done.
      chief: whether this process's files are the run's.

    Raises:
      InputError: no checkpoint can be read, or the replicas cannot share the batch.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        run_dir: Path,
        strategy: tf.distribute.Strategy | None = None,
        tell: Callable[[str], None] = lambda line: None,
        steps_per_execution: int = 1,
    ):
        self.settings, self.run_dir = settings, run_dir
        self._at_once = steps_per_execution
        self._strategy = strategy or tf.distribute.get_strategy()
        self.chief = is_chief(self._strategy)
        replicas = self._strategy.num_replicas_in_sync
        if settings.batch_size % replicas:
            raise InputError(
                f"`batch_size`={settings.batch_size}: {replicas} replicas cannot share it; give a multiple"
            )
        with self._strategy.scope():
            self.model, self._optimizer = compiled_model(settings, steps_per_execution)
            self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
            self._best = tf.Variable(math.inf, trainable=False)
            self._epochs_since_best = tf.Variable(0, dtype=tf.int64, trainable=False)
        checkpoint = tf.train.Checkpoint(
            model=self.model,
            optimizer=self._optimizer,
            step=self._step,
            best=self._best,
            epochs_since_best=self._epochs_since_best,
        )
        self._checkpoints = Checkpoints(checkpoint, run_dir, self.chief)
        self._twin: Autoencoder | None = None
        self._natural = None
        if settings.train_data is not None:
            self._natural = training_images(settings.train_data, settings.front_end, settings.patch_size)
        if not self._checkpoints.restore_newest(tell) and settings.start is not None:
            initialise_from(Path(settings.start), self.model, settings)
        self._check_same_step()

    @property
    def step(self) -> int:
        """How many steps are done."""
        return int(self._step.numpy())

    @property
    def stopped_early(self) -> bool:
        """Whether so many epochs as `early_stop` says brought nothing better."""
        patience = self.settings.early_stop
        return bool(patience) and int(self._epochs_since_best.numpy()) >= patience

    def train(
        self,
        checkpoint_every: int,
        on_step: Callable[[dict[str, float]], None],
        on_epoch_end: Callable[[int, dict[str, float], Summaries | None], float | None],
    ) -> None:
        """Trains from the present step to the last.

        Args:
          checkpoint_every: steps between two checkpoints; one is saved at the start and the end in any case.
          on_step: called after each step, or so many as are executed at once, with the last one's logs.
          on_epoch_end: called after each epoch with its number (from 1), the last logs and, in the chief's
            process, the summaries; returns what decides the best epoch, less being better, or None for the
            loss.

        Raises:
          TrainingDiverged: the loss or the gradient is no longer finite.
          Stopped: a signal came, and a checkpoint is saved.
          InputError: a checkpoint cannot be written.
        """
        settings = self.settings
        with StopSignals() as signals, contextlib.ExitStack() as stack:
            stack.callback(self._checkpoints.close)
            iterator = self._batches()
            train_step = self.model.make_train_function()
            self.model.reset_metrics()
            if self.step == 0:
                self._checkpoints.save(0)
            model = self.current_model()
            summaries = None
            if self.chief:
                summaries = stack.enter_context(Summaries(self.run_dir, model, settings, self.step))
            boundaries = (SUMMARY_EVERY, checkpoint_every, settings.steps_per_epoch, settings.steps)
            while self.step < settings.steps and not self.stopped_early:
                before = self.step
                count = min([self._at_once, *(every - before % every for every in boundaries)])
                if self._at_once > 1:
                    self.model._steps_per_execution.assign(count)
                logs = {name: float(value) for name, value in train_step(iterator).items()}
                self._check_finite(logs)
                step = before + count
                self._step.assign(step)
                on_step(logs)
                if summaries and (step % SUMMARY_EVERY == 0 or step == settings.steps):
                    rate = float(self._optimizer.learning_rate.numpy())
                    summaries.scalars(step, {**logs, "learning_rate": rate})
                if step % SUMMARY_EVERY == 0:
                    self.model.reset_metrics()
                with summaries.paused() if summaries else contextlib.nullcontext():
                    if step % settings.steps_per_epoch == 0:
                        score = on_epoch_end(step // settings.steps_per_epoch, logs, summaries)
                        self._note_epoch(logs["loss"] if score is None else score)
                    if step % checkpoint_every == 0 or step == settings.steps or self.stopped_early:
                        self._checkpoints.save(step)
                if self._all_stop(signals.number is not None, step):
                    self._checkpoints.save(step)
                    raise Stopped(signals.number or signal.SIGTERM, step)

    def current_model(self) -> Autoencoder:
        """The model, or with several replicas a copy of it that one process alone can use.

        With several workers all must call this, since each holds a share of the moving averages.
        """
        if self._strategy.num_replicas_in_sync == 1:
            return self.model
        if self._twin is None:
            self._twin, _ = compiled_model(self.settings)
        for part in ("analysis", "synthesis", "bottleneck"):
            getattr(self._twin, part).set_weights(getattr(self.model, part).get_weights())
        return self._twin

    def final_model(self) -> Autoencoder:
        """What is exported: the last step's weights or the best epoch's, or their moving average.

        With several workers all must call this.
        """
        if self.settings.export == "best":
            self._checkpoints.restore_best()
        if self.settings.ema:
            self._optimizer.finalize_variable_values(self.model.trainable_variables)
        return self.current_model()

    def _check_same_step(self) -> None:
        if workers_of(self._strategy) == 1:
            return
        step = float(self.step)
        ends = []
        for sign in (1, -1):
            values = self._strategy.run(lambda sign=sign: tf.constant([sign * step]))
            ends.append(float(tf.reduce_max(self._strategy.gather(values, axis=0))))
        if ends[0] != -ends[1]:
            raise InputError(
                f"{self.run_dir}: workers see checkpoints of steps {-ends[1]:.0f} to {ends[0]:.0f}; "
                f"`run_dir` must be one folder that all of them share"
            )

    def _batches(self) -> Any:
        settings, strategy = self.settings, self._strategy
        replicas = strategy.num_replicas_in_sync

        def dataset(context: tf.distribute.InputContext) -> tf.data.Dataset:
            workers, side = context.num_input_pipelines, settings.patch_size
            share = {
                "batch_size": settings.batch_size // replicas,
                "seed": settings.seed,
                "first_image": self.step * settings.batch_size,
                "batches_per_step": replicas // workers,
                "workers": workers,
                "worker": context.input_pipeline_id,
            }
            if self._natural is not None:
                return natural_patches(self._natural, side, masked_share=settings.masked, **share)
            return noise_images(side, side, family=settings.noise, **share)

        if replicas == 1 and workers_of(strategy) == 1:
            return iter(dataset(tf.distribute.InputContext(1, 0, 1)))
        return iter(strategy.distribute_datasets_from_function(dataset))

    def _all_stop(self, stop: bool, step: int) -> bool:
        """Whether any worker got a signal to stop; several agree at the curves' points, to save together."""
        if workers_of(self._strategy) == 1:
            return stop
        if step % SUMMARY_EVERY:
            return False
        votes = self._strategy.run(lambda: tf.constant(float(stop)))
        return bool(self._strategy.reduce(tf.distribute.ReduceOp.SUM, votes, axis=None) > 0)

    def _note_epoch(self, score: float) -> None:
        """Keeps the best epoch."""
        if score < float(self._best.numpy()):
            self._best.assign(score)
            self._epochs_since_best.assign(0)
            self._checkpoints.save(self.step, best=True)
        else:
            self._epochs_since_best.assign_add(1)

    def _check_finite(self, logs: dict[str, float]) -> None:
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(logs[name]):
                raise TrainingDiverged(
                    f"{name} is {logs[name]} at step {self.step + 1}; the last good checkpoint is "
                    f"{self._checkpoints.newest}; lower `learning_rate` (it is "
                    f"{self.settings.learning_rate:g}) and start over"
                )


def compiled_model(
    settings: TrainingSettings, steps_per_execution: int = 1
) -> tuple[Autoencoder, tf.keras.optimizers.Optimizer]:
    """The untrained model of these settings and its optimizer; sets Keras' global seed and precision."""
    tf.keras.utils.set_random_seed(settings.seed)
    policy = "mixed_bfloat16" if settings.precision == "bfloat16" else "float32"
    tf.keras.mixed_precision.set_global_policy(policy)
    shared = (*_NETWORK, "noise_bpp", "quantizer_s", "seed")
    options = {name: getattr(settings, name) for name in shared}
    model = Autoencoder(**options, control_steps=settings.steps)
    optimizer = _optimizer(settings)
    loss = loss_by_name(settings.loss, settings.ms_ssim_scales, settings.nlpd_parameters)
    # Where it is 1 Keras makes no loop, whose tracing takes as long again.
    model.compile(optimizer=optimizer, loss=loss, steps_per_execution=steps_per_execution)
    model(tf.zeros([1, settings.patch_size, settings.patch_size, 1]))
    # What was learned without the decoder is kept as it is.
    model.analysis.trainable = settings.start_parts != "analysis"
    optimizer.build(model.trainable_variables)
    return model, optimizer


def _optimizer(settings: TrainingSettings) -> tf.keras.optimizers.Optimizer:
    rate: Any = settings.learning_rate
    if settings.learning_rate_schedule == "cosine":
        rate = tf.keras.optimizers.schedules.CosineDecay(rate, settings.steps)
    elif settings.learning_rate_schedule == "step":
        # A tenth in the last fifth; a boundary is the last step before the fall.
        boundary = settings.steps - settings.steps // 5 - 1
        rate = tf.keras.optimizers.schedules.PiecewiseConstantDecay([boundary], [rate, rate / 10])
    return tf.keras.optimizers.Adam(
        rate,
        global_clipnorm=settings.clip_norm or None,
        use_ema=settings.ema > 0,
        ema_momentum=settings.ema or 0.99,
    )


def initialise_from(folder: Path, model: Autoencoder, settings: TrainingSettings) -> None:
    """Gives a model, built with these settings, the weights that the run in `folder` ended with.

    Raises:
      InputError: there is no such run, or its network is another.
    """
    before = read_settings(folder)
    for name in _NETWORK:
        if getattr(before, name) != getattr(settings, name):
            raise InputError(
                f"{folder}: was trained with `{name}`={getattr(before, name)}, not "
                f"{getattr(settings, name)}; begin with a run of the same network"
            )
    parts = {"analysis": model.analysis}
    if settings.start_parts == "all":
        parts.update(synthesis=model.synthesis, bottleneck=model.bottleneck)
        if model.rate_control is not None:
            parts["rate_control"] = model.rate_control
    # By its parts, since a compiled model has its optimizer with it, and that starts over.
    target = tf.train.Checkpoint(model=tf.train.Checkpoint(**parts))
    if not Checkpoints(target, folder, partly=True).restore_newest(lambda line: None):
        raise InputError(f"{folder}: holds no checkpoint to begin with; train it first")


def run_record(settings: TrainingSettings, natural: bool = False) -> dict[str, Any]:
    """What a model records of its training; `natural`: natural audio chose its end or what is exported.

    >>> run_record(TrainingSettings(epochs=2, steps_per_epoch=10))["steps"]
    20
    """
    uses_natural = natural or uses_natural_audio(settings)
    return {**settings.to_dict(), "steps": settings.steps, "uses_natural_data": uses_natural}


def uses_natural_audio(settings: TrainingSettings) -> bool:
    """Whether a training, or the one that it began with, learns from natural audio.

    >>> uses_natural_audio(TrainingSettings()), uses_natural_audio(TrainingSettings(train_data="music"))
    (False, True)
    """
    if settings.train_data is not None:
        return True
    return settings.start is not None and uses_natural_audio(read_settings(Path(settings.start)))
