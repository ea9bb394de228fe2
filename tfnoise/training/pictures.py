"""What a training is looked at with: images that it does not see, and pictures of what becomes of them."""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfnoise.audio import FrontEnd, waveform_to_image
from tfnoise.data.noise import noise_images
from tfnoise.data.synthetic import synthetic_clips
from tfnoise.evaluation.plots import Panel, error_figure
from tfnoise.layers import TOTAL_STRIDE
from tfnoise.training.settings import TrainingSettings

SYMBOLS_PER_CHANNEL = 256
"""Of the patches of noise: enough for a histogram, and for an entropy of up to 8 bits."""

_DPI = 100
_GAP = 2


class Subject(NamedTuple):
    """Images that are looked at all along; of a sound if there is a reference in dB.

    Attributes:
      name: in the names of curves and pictures.
      images: float32 `[batch, height, width, 1]` in [0, 1]; the first is pictured.
      reference_db: what the first one's 1 stands for.
    """

    name: str
    images: tf.Tensor
    reference_db: float | None = None


def subjects_of(settings: TrainingSettings) -> list[Subject]:
    """Patches of noise that training does not see, and, where the sample rate allows, a synthesised sound."""
    size = settings.patch_size
    count = -(-SYMBOLS_PER_CHANNEL // (size // TOTAL_STRIDE) ** 2)
    noise = next(
        iter(noise_images(size, size, count, seed=settings.seed, first_image=2**62, family=settings.noise))
    )
    subjects = [Subject("noise", noise)]
    try:
        clips = synthetic_clips(settings.front_end.sample_rate_hz, duration_s=2.0, seed=settings.seed)
    except ValueError:
        return subjects
    name, _, waveform = clips[0]
    image, reference = waveform_to_image(np.asarray(waveform), settings.front_end)
    return [*subjects, Subject(f"synthetic {name}", image[None], float(reference))]


def row_of_images(image: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Original, reconstruction and absolute error side by side, white between them, as images and not sound.

    Args:
      image, reconstruction: float32 `[height, width, 1]` in [0, 1].

    Returns:
      float32 `[height, 3 width + 4, 1]`.
    """
    gap = np.ones((image.shape[0], _GAP, 1), np.float32)
    return np.concatenate([image, gap, reconstruction, gap, np.abs(image - reconstruction)], axis=1)


def spectrogram_picture(
    image: np.ndarray, reconstruction: np.ndarray, front_end: FrontEnd, title: str
) -> np.ndarray:
    """A spectrogram, its reconstruction and the error, with axes in seconds and Hz and scales in dB.

    Args:
      image, reconstruction: float32 `[mels, frames, 1]` in [0, 1].
      front_end: the settings of both.
      title: of the whole.

    Returns:
      uint8 `[height, width, 3]`, 460 by 1,390 pixels.
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
