"""The front end as Keras layers, for models that take or give sound.

Its settings are in the layers' configurations and so in every saved model.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.image import waveform_to_image
from tfnoise.audio.phase import ITERATIONS, image_to_waveform


class _FrontEndLayer(tf.keras.layers.Layer):
    def __init__(self, front_end: FrontEnd | dict[str, Any] | None = None, **kwargs: Any):
        # Half precision has no room for a spectrogram's range, whatever the model's policy is.
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        settings = FrontEnd() if front_end is None else front_end
        self.front_end = settings if isinstance(settings, FrontEnd) else FrontEnd.from_dict(settings)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {**super().get_config(), "front_end": self.front_end.to_dict()}


@tf.keras.utils.register_keras_serializable("tfnoise")
class WaveformToImage(_FrontEndLayer):
    """Waveforms `[batch, samples]` to images `[batch, mels, frames, 1]` and references `[batch]` in dB.

    >>> image, reference_db = WaveformToImage(FrontEnd(mels=64))(tf.keras.Input([None]))
    >>> image.shape
    TensorShape([None, 64, None, 1])

    Args:
      front_end: the settings, or their dict; None: the default ones.

    Raises:
      ValueError: as `tfnoise.audio.waveform_to_image` does.
    """

    def call(self, waveform: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The images and the references."""
        return waveform_to_image(waveform, self.front_end)


@tf.keras.utils.register_keras_serializable("tfnoise")
class ImageToWaveform(_FrontEndLayer):
    """Images `[batch, mels, frames, 1]` and references `[batch]` in dB to waveforms `[batch, samples]`.

    It needs no random numbers. The iterations amplify rounding, so that in another batch or graph a clip's
    samples can differ by about a hundredth of full scale; its spectrum hardly does.

    >>> ImageToWaveform(FrontEnd(), iterations=1)([tf.ones([2, 128, 4, 1]), tf.zeros([2])]).shape
    TensorShape([2, 768])

    Args:
      front_end: the settings that made the images, or their dict; None: the default ones.
      iterations: of the phase reconstruction.

    Raises:
      ValueError: images of another front end.
    """

    def __init__(
        self,
        front_end: FrontEnd | dict[str, Any] | None = None,
        iterations: int = ITERATIONS,
        **kwargs: Any,
    ):
        super().__init__(front_end, **kwargs)
        self.iterations = iterations

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """The waveforms."""
        image, reference_db = inputs
        return image_to_waveform(image, reference_db, self.front_end, self.iterations)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {**super().get_config(), "iterations": self.iterations}
