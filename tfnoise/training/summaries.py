"""What TensorBoard shows of a training."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.audio import image_to_recording
from tfnoise.autoencoder import Autoencoder
from tfnoise.training.event_files import LOGS_FOLDER, has_events, mark_restart
from tfnoise.training.hyperparameters import write_hyperparameters
from tfnoise.training.pictures import row_of_images, spectrogram_picture, subjects_of
from tfnoise.training.settings import TrainingSettings
from tfnoise.training.symbols import latent_of, symbol_entropy, symbols_of

_PICTURES = "original, reconstruction, error"
_MOST_BUCKETS = 255


class Summaries:
    """Writes a run's curves, pictures, sounds and flags to `RUN_DIR/logs`; a context manager.

    Curves cost next to nothing.  Pictures, histograms and sounds take seconds, and are made only where they
    are asked for.

    Args:
      run_dir: the run's folder.
      model: the autoencoder whose reconstructions are pictured.
      settings: of the training.
      resumed_at: the step that the run goes on from; what former sessions have logged of later steps is
        marked as void.  None leaves it as it is.
    """

    def __init__(
        self, run_dir: Path, model: Autoencoder, settings: TrainingSettings, resumed_at: int | None = None
    ):
        self._model, self._settings = model, settings
        self._subjects = subjects_of(settings)
        self._last: tuple[int, float] | None = None
        self._paused_s = 0.0
        self._heard: set[str] = set()
        folder = run_dir / LOGS_FOLDER
        goes_on = has_events(folder)
        if goes_on and resumed_at is not None:
            mark_restart(folder, resumed_at)
        self._writer = tf.summary.create_file_writer(str(folder))
        if not goes_on:
            with self._writer.as_default(step=0):
                tf.summary.text("flags", _as_markdown(settings.to_dict()))
                write_hyperparameters(settings, run_dir.absolute().name)
            self._writer.flush()

    def __enter__(self) -> Summaries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves what is done meanwhile out of the time of a step, as checkpoints; may be nested."""
        before_s, started = self._paused_s, time.monotonic()
        try:
            yield
        finally:
            # Not added up, so that a pause within a pause counts once.
            self._paused_s = before_s + time.monotonic() - started

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Curves of a training step's logs, the learning rate and the speed.

        The speed is that of the steps since the last call, less what was `paused`: the time of a step in ms,
        and images a second.

        Args:
          step: of the training.
          values: by name; a `learning_rate` among them stands for that of the model's optimizer.
        """
        values = {"learning_rate": float(self._model.optimizer.learning_rate), **values}
        now_s = time.monotonic() - self._paused_s
        if self._last is not None and step > self._last[0]:
            step_s = (now_s - self._last[1]) / (step - self._last[0])
            values["step_ms"] = 1000 * step_s
            values["images_per_s"] = self._settings.batch_size / step_s
        self._last = (step, now_s)
        with self._writing(step):
            _write_scalars("train", values)

    def validation(self, step: int, values: dict[str, float]) -> None:
        """Curves of the scores on natural audio."""
        with self._writing(step):
            _write_scalars("validation", values)

    def pictures(self, step: int) -> None:
        """What becomes of noise and of a synthesised sound: pictures, the sound, and how symbols are used."""
        for subject in self._subjects:
            with self._writing(step):
                latent = latent_of(self._model, subject.images)
                _write_usage(subject.name, latent, symbols_of(self._model, latent))
                reconstruction = tf.cast(self._model(subject.images[:1], training=False), tf.float32)
                image, reconstruction = subject.images[0].numpy(), reconstruction[0].numpy()
                if subject.reference_db is None:
                    # Low frequencies at the bottom, as in spectrograms.
                    _write_image(subject.name, row_of_images(image, reconstruction)[::-1])
                else:
                    self.clip(step, subject.name, image, reconstruction, subject.reference_db)

    def clip(
        self, step: int, name: str, image: tf.Tensor, reconstruction: tf.Tensor, reference_db: float
    ) -> None:
        """A clip to see and to hear: `spectrogram` and `sounds`."""
        self.spectrogram(step, name, image, reconstruction)
        self.sounds(step, name, image, reconstruction, reference_db)

    def spectrogram(self, step: int, name: str, image: tf.Tensor, reconstruction: tf.Tensor) -> None:
        """One picture of a clip's spectrogram, its reconstruction and the error, in s, Hz and dB.

        Args:
          step: of the training.
          name: of the clip.
          image, reconstruction: `[mels, frames, 1]` in [0, 1].
        """
        front_end, title = self._settings.front_end, f"{name}, step {step:,}"
        with self._writing(step):
            image, reconstruction = np.asarray(image), np.asarray(reconstruction)
            _write_image(name, spectrogram_picture(image, reconstruction, front_end, title))

    def sounds(
        self, step: int, name: str, image: tf.Tensor, reconstruction: tf.Tensor, reference_db: float
    ) -> None:
        """A clip to hear: the front end alone, once, and the reconstruction.

        Args:
          step: of the training.
          name: of the clip.
          image, reconstruction: `[mels, frames, 1]` in [0, 1].
          reference_db: dB, what their 1 stands for.
        """
        front_end = self._settings.front_end
        heard = {f"{name}/reconstruction": reconstruction}
        if name not in self._heard:
            heard[f"{name}/front end alone"] = image
            self._heard.add(name)
        with self._writing(step):
            for title, shown in heard.items():
                waveform = image_to_recording(np.asarray(shown), reference_db, front_end)
                waveform = np.clip(waveform, -1.0, 1.0)[None, :, None]
                tf.summary.audio(title, waveform, front_end.sample_rate_hz)

    @contextlib.contextmanager
    def _writing(self, step: int) -> Iterator[None]:
        with self.paused(), self._writer.as_default(step):
            yield
            # A checkpoint may follow, and what came before it is not computed again.
            self._writer.flush()


def _write_scalars(group: str, values: dict[str, float]) -> None:
    for name, value in values.items():
        tf.summary.scalar(f"{group}/{name}", value)


def _write_usage(name: str, latent: tf.Tensor, symbols: tf.Tensor) -> None:
    # A bucket a symbol: others would leave gaps between some integers and not between others.
    buckets = int(tf.reduce_max(symbols) - tf.reduce_min(symbols)) + 1
    tf.summary.histogram(f"latent/{name}", latent)
    tf.summary.histogram(f"symbols/{name}", symbols, buckets=min(buckets, _MOST_BUCKETS))
    tf.summary.scalar(f"symbols/entropy_bits/{name}", symbol_entropy(symbols))


def _write_image(name: str, image: np.ndarray) -> None:
    tf.summary.image(f"{_PICTURES}/{name}", image[None])


def _as_markdown(values: dict[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {json.dumps(value)} |" for name, value in sorted(values.items()))
    return f"| flag | value |\n|---|---|\n{rows}"
