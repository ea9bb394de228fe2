"""What TensorBoard shows of a training."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfnoise.audio import image_to_recording, waveform_to_image
from tfnoise.autoencoder import Autoencoder
from tfnoise.data.noise import noise_images
from tfnoise.data.synthetic import synthetic_clips
from tfnoise.training.settings import TrainingSettings

LOGS_FOLDER = "logs"


class Summaries:
    """Writes a run's curves and pictures to `RUN_DIR/logs`; a context manager.

    Args:
      run_dir: the run's folder.
      model: the autoencoder whose reconstructions are pictured.
      settings: of the training.
    """

    def __init__(self, run_dir: Path, model: Autoencoder, settings: TrainingSettings):
        self._model, self._settings = model, settings
        self._writer = tf.summary.create_file_writer(str(run_dir / LOGS_FOLDER))
        self._subjects = _subjects(settings)
        self._last: tuple[int, float] | None = None
        self._heard: set[str] = set()
        with self._writer.as_default():
            tf.summary.text("flags", _as_markdown(settings.to_dict()), step=0)

    def __enter__(self) -> Summaries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Curves of a training step's logs, the learning rate and the speed in images a second."""
        now = time.monotonic()
        with self._writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(f"train/{name}", value)
            tf.summary.scalar("train/learning_rate", self._model.optimizer.learning_rate)
            if self._last is not None:
                steps, seconds = step - self._last[0], now - self._last[1]
                tf.summary.scalar("train/images_per_s", steps * self._settings.batch_size / seconds)
        self._last = (step, now)

    def validation(self, step: int, values: dict[str, float]) -> None:
        """Curves of the scores on natural audio."""
        with self._writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(f"validation/{name}", value)

    def pictures(self, step: int) -> None:
        """Original, reconstruction and error side by side, low frequencies at the bottom; sounds, too."""
        for subject in self._subjects:
            reconstruction = tf.cast(self._model(subject.images, training=False), tf.float32)
            row = tf.concat([subject.images, reconstruction, tf.abs(subject.images - reconstruction)], axis=2)
            with self._writer.as_default(step):
                tf.summary.image(f"original, reconstruction, error/{subject.name}", tf.reverse(row, axis=[1]))
            if subject.reference_db is not None:
                self.sounds(step, subject.name, subject.images[0], reconstruction[0], subject.reference_db)
        self._writer.flush()

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
        with self._writer.as_default(step):
            for title, shown in heard.items():
                waveform = image_to_recording(np.asarray(shown), reference_db, front_end)
                waveform = np.clip(waveform, -1.0, 1.0)[None, :, None]
                tf.summary.audio(title, waveform, front_end.sample_rate_hz)


class _Subject(NamedTuple):
    """An image `[1, mels, frames, 1]` that is looked at all along; with a reference in dB, heard too."""

    name: str
    images: tf.Tensor
    reference_db: float | None = None


def _subjects(settings: TrainingSettings) -> list[_Subject]:
    """A patch of noise that training does not see, and a synthesised sound."""
    size = settings.patch_size
    noise = next(iter(noise_images(size, size, 1, seed=settings.seed, first_image=2**62)))
    clips = synthetic_clips(settings.front_end.sample_rate_hz, duration_s=2.0, seed=settings.seed)
    name, _, waveform = clips[0]
    image, reference = waveform_to_image(np.asarray(waveform), settings.front_end)
    return [_Subject("noise", noise), _Subject(f"synthetic {name}", image[None], float(reference))]


def _as_markdown(values: dict[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {json.dumps(value)} |" for name, value in sorted(values.items()))
    return f"| flag | value |\n|---|---|\n{rows}"
