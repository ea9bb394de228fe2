"""Checks of signatures' outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfnoise import codec
from tfnoise.autoencoder import Autoencoder
from tfnoise.codec import bitstring
from tfnoise.codec.entropy.tables import LARGEST_LATENT
from tfnoise.codec.format.bitstring import packed_bits


def assert_outputs(outputs: dict[str, Any], reference: dict[str, Any], atol: float, message: str) -> None:
    """Outputs by name are those of a reference: strings identical, numbers within `atol`."""
    for name, value in reference.items():
        if isinstance(value, list):
            assert outputs[name] == value, f"{message} {name}"
        else:
            np.testing.assert_allclose(outputs[name], value, atol=atol, err_msg=f"{message} {name}")


def assert_as_keras(
    model: Autoencoder, version: Path, images: np.ndarray, coded: dict[str, Any], decoded: np.ndarray
) -> None:
    """Symbols identical and images within 1e-5, at the steps that were chosen; each image whole.

    Args:
      model: in memory.
      version: its export.
      images: float32 `[batch, mels, frames, 1]`.
      coded: what `compress` gave for them.
      decoded: what `decompress` gave for that.
    """
    bits = packed_bits(codec.read_settings(version)["architecture"])
    frames = images.shape[2]
    padded = np.pad(images, [(0, 0), (0, 0), (0, -frames % 16), (0, 0)])
    latent = model.analysis(padded, training=False).numpy()
    for row, string in enumerate(coded["bitstring_bytes"]):
        step = coded["step"][row]
        packed = np.frombuffer(string[bitstring.PREFIX_BYTES :], np.uint8)
        if bits == 16:
            limit = np.ceil(LARGEST_LATENT / step)
            symbols = packed.view("<i2").reshape(latent.shape[1:])
            np.testing.assert_array_equal(symbols, np.clip(np.round(latent[row] / step), -limit, limit))
            quantized = symbols * step
        else:
            symbols = np.unpackbits(packed)[: latent[row].size].reshape(latent.shape[1:])
            np.testing.assert_array_equal(symbols, latent[row] > 0)
            quantized = 2.0 * symbols - 1
        image = model.synthesis(quantized[None].astype(np.float32), training=False)[0, :, :frames]
        np.testing.assert_allclose(decoded[row], image, atol=1e-5)
