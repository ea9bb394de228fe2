"""What TensorBoard shows of a training: curves, pictures, sounds, and how the latent's symbols are used."""

from __future__ import annotations

import contextlib
import io
import json
import math
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfnoise import layers
from tfnoise.audio import FrontEnd, image_to_recording, waveform_to_image
from tfnoise.autoencoder import Autoencoder
from tfnoise.data.noise import noise_images
from tfnoise.data.synthetic import synthetic_clips
from tfnoise.evaluation.plots import Panel, error_figure
from tfnoise.training.settings import TrainingSettings
from tfnoise.training.tensorboard import LOGS_FOLDER, has_events, mark_restart, write_hyperparameters

SYMBOLS_PER_CHANNEL = 256
"""Of the patches of noise: enough for a histogram, and for an entropy of up to 8 bits."""

_PICTURES = "original, reconstruction, error"
_MOST_BUCKETS = 255
_DPI = 100
_GAP = 2


class Summaries:
    """Writes a run's curves, pictures, sounds and settings to `RUN_DIR/logs`; a context manager.

    Curves cost next to nothing. Pictures, histograms and sounds take seconds, and are made only on request.

    >>> import tempfile, tfnoise
    >>> settings = TrainingSettings(filters=4, patch_size=48, loss="mse")
    >>> model, _ = tfnoise.training.compiled_model(settings)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Summaries(Path(folder), model, settings) as summaries:
    ...         summaries.scalars(20, {"loss": 0.5})
    ...     tfnoise.training.training_curve(Path(folder), "loss")
    [(20, 0.5)]

    Args:
      run_dir: the run's folder.
      model: the autoencoder whose reconstructions are pictured.
      settings: of the training.
      resumed_at: the step that the run resumes from; what former sessions have logged of later steps is
        marked as void. None leaves it as it is.
    """

    def __init__(
        self, run_dir: Path, model: Autoencoder, settings: TrainingSettings, resumed_at: int | None = None
    ):
        self._model, self._settings = model, settings
        self._subjects = subjects_of(settings)
        self._last: tuple[int, float] | None = None
        self._paused_s = 0.0
        self._named: set[str] = set()
        folder = run_dir / LOGS_FOLDER
        resumes = has_events(folder)
        if resumes and resumed_at is not None:
            mark_restart(folder, resumed_at)
        self._writer = tf.summary.create_file_writer(str(folder))
        if not resumes:
            with self._writing(0):
                tf.summary.text("flags", _as_markdown(settings.to_dict()))
                write_hyperparameters(settings, run_dir.absolute().name)

    def __enter__(self) -> Summaries:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Excludes what is done meanwhile from the time of a step, as checkpoints; may be nested."""
        before_s, started = self._paused_s, time.monotonic()
        try:
            yield
        finally:
            # Not added up, so that a pause within a pause counts once.
            self._paused_s = before_s + time.monotonic() - started

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Curves of a training step's logs, the learning rate and the speed.

        The speed is that of the steps since the last call, less what was `paused`: the time of a step in ms,
        and images a second. A `learning_rate` among the values stands for that of the model's optimizer.
        """
        values = {"learning_rate": float(self._model.optimizer.learning_rate), **values}
        now_s = time.monotonic() - self._paused_s
        if self._last is not None and step > self._last[0]:
            step_s = (now_s - self._last[1]) / (step - self._last[0])
            values["step_ms"] = 1000 * step_s
            values["images_per_s"] = self._settings.batch_size / step_s
        self._last = (step, now_s)
        self._write_scalars(step, "train", values)

    def validation(self, step: int, values: dict[str, float]) -> None:
        """Curves of the scores on natural audio."""
        self._write_scalars(step, "validation", values)

    def pictures(self, step: int) -> None:
        """Pictures of noise and of a synthesised sound, reconstructed; the sound; how symbols are used."""
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
        """A clip's picture, in s, Hz and dB, and its sound: of the front end alone, once, and reconstructed.

        Both images are `[mels, frames, 1]` in [0, 1], whose 1 stands for `reference_db`.
        """
        front_end = self._settings.front_end
        image, reconstruction = np.asarray(image), np.asarray(reconstruction)
        sounds = {f"{name}/reconstruction": reconstruction}
        if name not in self._named:
            sounds[f"{name}/front end alone"] = image
            self._named.add(name)
        with self._writing(step):
            title = f"{name}, step {step:,}"
            _write_image(name, spectrogram_picture(image, reconstruction, front_end, title))
            for title, content in sounds.items():
                waveform = np.clip(image_to_recording(content, reference_db, front_end), -1.0, 1.0)
                tf.summary.audio(title, waveform[None, :, None], front_end.sample_rate_hz)

    def _write_scalars(self, step: int, group: str, values: dict[str, float]) -> None:
        with self._writing(step):
            for name, value in values.items():
                tf.summary.scalar(f"{group}/{name}", value)

    @contextlib.contextmanager
    def _writing(self, step: int) -> Iterator[None]:
        with self.paused(), self._writer.as_default(step):
            yield
            # A checkpoint may follow, and what came before it is not computed again.
            self._writer.flush()


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


class Subject(NamedTuple):
    """Images `[batch, height, width, 1]` in [0, 1] that are looked at throughout a training.

    The first is pictured; it is a sound's if `reference_db` says what its 1 stands for.
    """

    name: str
    images: tf.Tensor
    reference_db: float | None = None


def subjects_of(settings: TrainingSettings) -> list[Subject]:
    """Patches of noise that training does not see, and, where the sample rate allows, a synthesised sound."""
    size = settings.patch_size
    count = -(-SYMBOLS_PER_CHANNEL // (size // layers.TOTAL_STRIDE) ** 2)
    noise = noise_images(size, size, count, seed=settings.seed, first_image=2**62, family=settings.noise)
    subjects = [Subject("noise", next(iter(noise)))]
    try:
        clips = synthetic_clips(settings.front_end.sample_rate_hz, duration_s=2.0, seed=settings.seed)
    except ValueError:
        return subjects
    name, _, waveform = clips[0]
    image, reference = waveform_to_image(np.asarray(waveform), settings.front_end)
    return [*subjects, Subject(f"synthetic {name}", image[None], float(reference))]


def row_of_images(image: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Original, reconstruction and absolute error side by side, white between them, as images and not sound.

    Of float32 `[height, width, 1]` in [0, 1] it makes `[height, 3 width + 4, 1]`.
    """
    gap = np.ones((image.shape[0], _GAP, 1), np.float32)
    return np.concatenate([image, gap, reconstruction, gap, np.abs(image - reconstruction)], axis=1)


def spectrogram_picture(
    image: np.ndarray, reconstruction: np.ndarray, front_end: FrontEnd, title: str
) -> np.ndarray:
    """A spectrogram, its reconstruction and the error, with axes in seconds and Hz and scales in dB.

    Of float32 `[mels, frames, 1]` in [0, 1] it makes uint8 `[height, width, 3]`, 460 by 1,390 pixels.
    """
    error = float(np.mean(np.square(image - reconstruction)))
    panels = (
        Panel(image, front_end, "original"),
        Panel(reconstruction, front_end, "reconstruction", f"MSE {error:.4f}"),
    )
    with io.BytesIO() as png, warnings.catch_warnings():
        # A title in a script that the font lacks shows boxes, which is no news to the reader.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        error_figure(*panels, title).savefig(png, format="png", dpi=_DPI)
        return tf.io.decode_png(png.getvalue(), channels=3).numpy()


def latent_of(model: Autoencoder, images: tf.Tensor) -> tf.Tensor:
    """The latent of images `[batch, height, width, channels]`: float32 `[batch, rows, columns, latents]`."""
    return tf.cast(model.analysis(layers.pad_to_stride(images), training=False), tf.float32)


def symbols_of(model: Autoencoder, latent: tf.Tensor) -> tf.Tensor:
    """The hard symbols of a latent, int32 of its shape: indices of levels, or integers at step 1."""
    if isinstance(model.bottleneck, layers.LevelsBottleneck):
        return model.bottleneck.symbols(latent)
    return tf.cast(tf.round(latent), tf.int32)


def symbol_entropy(symbols: tf.Tensor) -> tf.Tensor:
    """The entropy of the symbols' empirical distribution in each channel, as a mean over channels.

    Of integers `[..., channels]`: bits per symbol, a float32 scalar, 0 where every channel has one symbol
    only, and never above log2 of the symbols a channel.
    """
    by_channel = tf.transpose(tf.reshape(symbols, [-1, tf.shape(symbols)[-1]]))
    ranked = tf.sort(by_channel, axis=-1)
    # How many are equal to each, without a table, whose size would be that of the range of symbols.
    equal = tf.searchsorted(ranked, ranked, side="right") - tf.searchsorted(ranked, ranked, side="left")
    share = tf.cast(equal, tf.float32) / tf.cast(tf.shape(ranked)[-1], tf.float32)
    return tf.reduce_mean(tf.math.log(share)) / -math.log(2)
