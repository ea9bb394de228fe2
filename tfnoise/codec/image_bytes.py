"""Images by the bytes that they take: what a file of them would hold, without a file.

code = ImageCoder(model)
coded = code(image[None], 0.5)        # as `FrozenModel.code`, with the rate of real strings
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.codec.loading import LoadedModel
from tfnoise.codec.one_block import code_block
from tfnoise.codec.payload import PayloadCoder


class ImageCoder:
    """Codes images to a string and back, each with the finest step whose string is at or under a rate.

    Args:
      model: a loaded one.
      overhead_bytes: that the rate has to pay for, too, as a header; they count in the result's bpp.

    Attributes:
      estimated_bits: of the image coded last, by the integers that it was coded with.
      payload_bits: of its string.
    """

    def __init__(self, model: LoadedModel, overhead_bytes: int = 0):
        self._module, self._overhead_bits = model.module, 8 * overhead_bytes
        self._payloads = PayloadCoder(model.module, model.settings["architecture"])
        tables = model.module.tables
        self._steps = tables[0].numpy() if tables else np.ones(1, np.float32)
        self.estimated_bits, self.payload_bits = 0.0, 0

    @property
    def finest_step(self) -> float:
        """The finest step of the model's grid."""
        return float(self._steps[0])

    def __call__(self, images: Any, bpp: Any) -> dict[str, tf.Tensor]:
        """Codes an image.

        Args:
          images: float32 `[1, mels, frames, 1]` in [0, 1].
          bpp: target, bits per pixel.

        Returns:
          As `FrozenModel.code`: `reconstruction`, decoded from the string, `bpp`, `step_index` and `step`.
        """
        image = np.asarray(images)
        mels, frames = image.shape[1:3]
        latent = self._module.analyse(tf.constant(image, tf.float32)).numpy()[0]
        most_bits = float(bpp) * mels * frames - self._overhead_bits
        kind, data, step = code_block(self._module, self._payloads, latent, most_bits)
        self.payload_bits = 8 * len(data)
        symbols = self._payloads.decode(kind, data, latent.shape, step)
        self.estimated_bits = self._payloads.estimated_bits(kind, symbols, step)
        quantized = self._module.dequantize(symbols[None], tf.constant([step]))
        reconstruction = self._module.synthesise(quantized)[:, :mels, :frames]
        rate = (self.payload_bits + self._overhead_bits) / (mels * frames)
        return {
            "reconstruction": reconstruction,
            "bpp": tf.constant([rate], tf.float64),
            "step_index": tf.constant([step]),
            "step": tf.constant([self._steps[step]]),
        }
