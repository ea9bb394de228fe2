"""The signatures of an exported model: functions of stock operations, with the batch first everywhere.

| signature | in | out |
|---|---|---|
| `serving_default` | `image` | `reconstruction`, `bpp`, `step` |
| `compress` | `image`, `bpp` | `bitstring_bytes`, `shape`, `bpp`, `step` |
| `decompress` | `bitstring_bytes` | `image`, `reference_db`, `samples` |
| `compress_audio` | `waveform`, `bpp` | `bitstring_bytes`, `bpp`, `step` |
| `decompress_audio` | `bitstring_bytes` | `waveform` |
| `metrics` | `image`, `reference` | `mse`, `nlpd`, `ms_ssim` |
| `metadata` | `ask` | `metadata` |

docs/serving.md says what each means.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfnoise import losses
from tfnoise.audio import (
    FrontEnd,
    image_to_mel,
    image_to_waveform,
    mel_spectrogram,
    mel_to_image,
    reference_db,
)
from tfnoise.codec import FrozenModel, bitstring
from tfnoise.codec.endless import full_scale_db
from tfnoise.codec.graph_blocks import analyse_in_blocks, blocks_in, synthesise_in_blocks
from tfnoise.codec.loudness import correction_db, energy
from tfnoise.codec.packed import pack, packed_bits, unpack
from tfnoise.codec.rate_choice import choose_steps
from tfnoise.layers.transforms import TOTAL_STRIDE
from tfnoise.serving import checks

_MOST_SCALES = 4


class Signatures:
    """Makes the signatures of a model.

    Args:
      module: the frozen model.
      settings: what the exporter records: architecture, front end, fingerprint.
      frames: of all images, so that a server can join requests to batches; None: any number.
    """

    def __init__(self, module: FrozenModel, settings: dict[str, Any], frames: int | None = None):
        self._module, self._settings = module, settings
        self._front_end = FrontEnd.from_dict(settings["front_end"])
        architecture = settings["architecture"]
        self._channels = architecture["image_channels"]
        self._own_bpp = float(architecture["bpp"])
        self._bits = packed_bits(architecture)
        self._frames = frames
        self._model_number = bitstring.model_number(settings["fingerprint"])
        self._image_reference_db = full_scale_db(self._front_end)

    def functions(self) -> dict[str, Callable[..., Any]]:
        """The signatures by their names, as concrete functions."""
        front_end, frames = self._front_end, self._frames
        height = None if frames is None else front_end.mels
        image = tf.TensorSpec([None, height, frames, self._channels], tf.float32, "image")
        reference = tf.TensorSpec(image.shape, tf.float32, "reference")
        samples = None if frames is None else front_end.samples(frames)
        waveform = tf.TensorSpec([None, samples], tf.float32, "waveform")
        strings = tf.TensorSpec([None], tf.string, "bitstring_bytes")
        rate = tf.TensorSpec([None], tf.float32, "bpp")
        found = {
            "serving_default": (self._reconstruct, [image]),
            "compress": (self._compress, [image, rate]),
            "decompress": (self._decompress, [strings]),
            "metadata": (self._metadata, [tf.TensorSpec([None], tf.string, "ask")]),
        }
        if self._has_metrics:
            found["metrics"] = (self._metrics, [image, reference])
        if self._channels == 1:
            found["compress_audio"] = (self._compress_audio, [waveform, rate])
            found["decompress_audio"] = (self._decompress_audio, [strings])
        return {
            name: tf.function(work, specs, autograph=False).get_concrete_function()
            for name, (work, specs) in found.items()
        }

    def examples(self) -> dict[str, dict[str, tf.Tensor]]:
        """A small request for each signature."""
        front_end = self._front_end
        least = losses.smallest_side(self.ms_ssim_scales)
        frames = self._frames or max(least, 2 * TOTAL_STRIDE)
        height = front_end.mels if self._frames else max(front_end.mels, least)
        image = tf.random.stateless_uniform([1, height, frames, self._channels], (0, 0))
        rate, samples = tf.constant([self._own_bpp]), front_end.samples(frames)
        waveform = tf.random.stateless_uniform([1, samples], (0, 1), -0.1, 0.1)
        strings = self._compress(image, rate)["bitstring_bytes"]
        found = {
            "serving_default": {"image": image},
            "compress": {"image": image, "bpp": rate},
            "decompress": {"bitstring_bytes": strings},
            "metadata": {"ask": tf.constant([""])},
        }
        if self._has_metrics:
            found["metrics"] = {"image": image, "reference": image}
        if self._channels == 1:
            found["compress_audio"] = {"waveform": waveform, "bpp": rate}
            found["decompress_audio"] = {"bitstring_bytes": strings}
        return found

    @property
    def _has_metrics(self) -> bool:
        """Whether images can be large enough."""
        least = losses.smallest_side(self.ms_ssim_scales)
        return self._frames is None or min(self._frames, self._front_end.mels) >= least

    @property
    def ms_ssim_scales(self) -> int:
        """Of `metrics`: as many as the images have room for, at most 4."""
        side = min(self._front_end.mels, self._frames or self._front_end.mels)
        fitting = [n for n in range(1, _MOST_SCALES + 1) if losses.smallest_side(n) <= side]
        return max(fitting, default=1)

    def _reconstruct(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        image = checks.images(image, "image")
        index, bits, symbols = self._symbols(image, tf.fill(tf.shape(image)[:1], self._own_bpp))
        pixels = _pixels(image)
        return {
            "reconstruction": self._image_of(symbols, index, tf.shape(image)[1], tf.shape(image)[2]),
            "bpp": bits / pixels,
            "step": self._module.step(index),
        }

    def _compress(self, image: tf.Tensor, bpp: tf.Tensor) -> dict[str, tf.Tensor]:
        image = checks.images(image, "image")
        shape = tf.shape(image)
        index, bits, symbols = self._symbols(image, checks.rates(bpp, shape[0], self._own_bpp))
        reference = tf.fill(shape[:1], self._image_reference_db)
        return {
            "bitstring_bytes": self._bitstrings(symbols, index, reference, shape[1], shape[2]),
            "shape": tf.tile(shape[tf.newaxis, 1:], [shape[0], 1]),
            "bpp": bits / _pixels(image),
            "step": self._module.step(index),
        }

    def _decompress(self, bitstring_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        prefix, symbols, height, width = self._symbols_of(bitstring_bytes)
        return {
            "image": self._image_of(symbols, prefix.step_index, height, width),
            "reference_db": prefix.reference_db,
            "samples": tf.where(tf.equal(prefix.height, 0), prefix.extent, 0),
        }

    def _compress_audio(self, waveform: tf.Tensor, bpp: tf.Tensor) -> dict[str, tf.Tensor]:
        waveform = checks.waveforms(waveform, self._front_end)
        rates = checks.rates(bpp, tf.shape(waveform)[0], self._own_bpp)
        specs = {"bitstring_bytes": tf.string, "bpp": tf.float32, "step": tf.float32}
        specs = {name: tf.TensorSpec([], dtype) for name, dtype in specs.items()}
        return tf.map_fn(lambda row: self._one_compressed(*row), (waveform, rates), fn_output_signature=specs)

    def _one_compressed(self, waveform: tf.Tensor, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        """A row by itself, so that it is the same whatever rows are beside it."""
        front_end = self._front_end
        mel = _mel_of(front_end)(waveform)[tf.newaxis]
        peak = reference_db(mel, front_end)
        image = mel_to_image(mel, peak, front_end)
        index, bits, symbols = self._symbols(image, rate[tf.newaxis])
        decoded = self._image_of(symbols, index, front_end.mels, tf.shape(image)[2])
        decoded_mel = image_to_mel(decoded, peak, front_end)
        correction = correction_db(energy(mel, front_end), energy(decoded_mel, front_end))
        reference = peak + tf.cast(correction, tf.float32)
        samples = tf.shape(waveform)[0]
        return {
            "bitstring_bytes": self._bitstrings(symbols, index, reference, 0, samples)[0],
            "bpp": (bits / _pixels(image))[0],
            "step": self._module.step(index)[0],
        }

    def _decompress_audio(self, bitstring_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        prefix, symbols, height, width = self._symbols_of(bitstring_bytes)
        front_end = self._front_end
        symbols = checks.of_sound(symbols, height, front_end.mels)
        of_image = front_end.samples(prefix.extent[0])
        samples = tf.where(tf.equal(prefix.height[0], 0), prefix.extent[0], of_image)

        def sound(row: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
            # By itself, since iterations of the phase make the last digit of an image audible.
            image = self._image_of(row[0][tf.newaxis], row[1][tf.newaxis], height, width)
            return _sound_of(front_end)(image[0], row[2], samples)

        rows = (symbols, prefix.step_index, prefix.reference_db)
        found = tf.map_fn(sound, rows, fn_output_signature=tf.float32)
        length = None if self._frames is None else front_end.samples(self._frames)
        return {"waveform": tf.ensure_shape(found, [None, length])}

    def _metrics(self, image: tf.Tensor, reference: tf.Tensor) -> dict[str, tf.Tensor]:
        scales = self.ms_ssim_scales
        image, reference = checks.pair(image, reference, losses.smallest_side(scales))
        mse, nlpd, ms_ssim = _metrics_of(self._channels, scales)(reference, image)
        return {"mse": mse, "nlpd": nlpd, "ms_ssim": ms_ssim}

    def _metadata(self, ask: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"metadata": tf.fill(tf.shape(ask), json.dumps(self._settings, sort_keys=True))}

    def _symbols(self, image: tf.Tensor, rates: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The step's index, the bits and the symbols of each image at most at a rate."""
        latent = analyse_in_blocks(self._module.analyse, image)
        by_step = self._module.bits_by_step(latent)
        index = choose_steps(by_step, rates * _pixels(image), blocks_in(tf.shape(image)[2]))
        return index, tf.gather(by_step, index, batch_dims=1), self._module.symbols(latent, index)

    def _image_of(
        self, symbols: tf.Tensor, index: tf.Tensor, height: tf.Tensor | int, width: tf.Tensor
    ) -> tf.Tensor:
        quantized = self._module.dequantize(symbols, index)
        image = synthesise_in_blocks(self._module.synthesise, quantized)[:, :height, :width]
        fixed = None if self._frames is None else self._front_end.mels
        return tf.ensure_shape(image, [None, fixed, self._frames, self._channels])

    def _bitstrings(
        self,
        symbols: tf.Tensor,
        index: tf.Tensor,
        reference: tf.Tensor,
        height: tf.Tensor | int,
        extent: tf.Tensor,
    ) -> tf.Tensor:
        batch = tf.shape(symbols)[0]
        prefix = bitstring.Prefix(
            tf.fill([batch], bitstring.VERSION),
            index,
            tf.fill([batch], height),
            tf.fill([batch], self._model_number),
            reference,
            tf.fill([batch], extent),
        )
        return bitstring.join(prefix, pack(tf.reshape(symbols, [batch, -1]), self._bits))

    def _symbols_of(self, strings: tf.Tensor) -> tuple[bitstring.Prefix, tf.Tensor, tf.Tensor, tf.Tensor]:
        """The prefixes and the symbols of bitstrings, and their images' height and width."""
        module, latents = self._module, self._module.latents
        prefix, packed, height, width = checks.bitstrings(
            strings, self._settings["fingerprint"], self._front_end, module.steps, latents, self._bits
        )
        rows, columns = -(-height // TOTAL_STRIDE), -(-width // TOTAL_STRIDE)
        values = unpack(packed, rows * columns * latents, self._bits)
        symbols = tf.reshape(values, [-1, rows, columns, latents])
        limits = module.limits(prefix.step_index)
        symbols = symbols if limits is None else checks.symbols(symbols, limits)
        return prefix, symbols, height, width


# Functions of their own, since they do not depend on a model: a process traces them once, not at each export.


@functools.lru_cache(maxsize=8)
def _mel_of(front_end: FrontEnd) -> Callable[[tf.Tensor], tf.Tensor]:
    """Waveform `[samples]` to mel-spectrogram `[mels, frames]`."""
    spec = tf.TensorSpec([None], tf.float32)
    return tf.function(lambda waveform: mel_spectrogram(waveform, front_end), [spec], autograph=False)


@functools.lru_cache(maxsize=8)
def _sound_of(front_end: FrontEnd) -> Callable[..., tf.Tensor]:
    """Image `[mels, frames, 1]`, its reference and the number of samples to a waveform `[samples]`."""
    specs = [
        tf.TensorSpec([front_end.mels, None, 1], tf.float32),
        tf.TensorSpec([], tf.float32),
        tf.TensorSpec([], tf.int32),
    ]
    return tf.function(
        lambda image, reference, samples: image_to_waveform(image, reference, front_end, samples=samples),
        specs,
        autograph=False,
    )


@functools.lru_cache(maxsize=8)
def _metrics_of(channels: int, scales: int) -> Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Reference and image to MSE, NLPD and MS-SSIM, `[batch]` each."""

    def metrics(reference: tf.Tensor, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        ms_ssim = losses.ms_ssim(reference, image, scales=scales)
        found = losses.mse(reference, image), losses.nlpd(reference, image), ms_ssim
        # Nobody asks a server for gradients, and whoever loads it would be warned that they are missing.
        for operation in tf.compat.v1.get_default_graph().get_operations():
            if operation.type == "IdentityN":
                operation._clear_attr("_gradient_op_type")
        return found

    spec = tf.TensorSpec([None, None, None, channels], tf.float32)
    return tf.function(metrics, [spec, spec], autograph=False)


def _pixels(image: tf.Tensor) -> tf.Tensor:
    """Of one image of a batch, float32."""
    return tf.cast(tf.reduce_prod(tf.shape(image)[1:3]), tf.float32)
