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

docs/guide/serve.md says what each means.
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
from tfnoise.codec.blocks import analyse_in_blocks, blocks_in, synthesise_in_blocks
from tfnoise.codec.format.bitstring import pack, packed_bits, unpack
from tfnoise.codec.level_correction import correction_db, energy, full_scale_db
from tfnoise.codec.step_choice import choose_step
from tfnoise.layers.transforms import TOTAL_STRIDE
from tfnoise.serving import checks

_MOST_SCALES = 4


class Signatures:
    """Makes the signatures of a model.

    Args:
      module: the frozen model.
      settings: what the exporter records: architecture, front end, fingerprint.
      frames: number of frames of all images, so that a server can join requests to batches; None: any.

    Attributes:
      ms_ssim_scales: scales of `metrics`: as many as images have room for, at most 4.
    """

    def __init__(self, module: FrozenModel, settings: dict[str, Any], frames: int | None = None):
        self._module, self._settings, self._frames = module, settings, frames
        self._front_end = FrontEnd.from_dict(settings["front_end"])
        architecture = settings["architecture"]
        self._channels = architecture["image_channels"]
        self._own_bpp = float(architecture["bpp"])
        self._bits = packed_bits(architecture)
        self._model_number = bitstring.model_number(settings["fingerprint"])
        self._image_reference_db = full_scale_db(self._front_end)
        side = min(self._front_end.mels, frames or self._front_end.mels)
        scales = [n for n in range(1, _MOST_SCALES + 1) if losses.smallest_side(n) <= side]
        self.ms_ssim_scales = max(scales, default=1)
        self._smallest_side = losses.smallest_side(self.ms_ssim_scales)
        # By name what computes it and its inputs.
        self._signatures: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
            "serving_default": (self._reconstruct, ("image",)),
            "compress": (self._compress, ("image", "bpp")),
            "decompress": (self._decompress, ("bitstring_bytes",)),
            "metadata": (self._metadata, ("ask",)),
        }
        if frames is None or side >= self._smallest_side:
            self._signatures["metrics"] = (self._metrics, ("image", "reference"))
        if self._channels == 1:
            self._signatures["compress_audio"] = (self._compress_audio, ("waveform", "bpp"))
            self._signatures["decompress_audio"] = (self._decompress_audio, ("bitstring_bytes",))

    def functions(self) -> dict[str, Callable[..., Any]]:
        """The signatures by their names, as concrete functions."""
        front_end, frames = self._front_end, self._frames
        image = None, frames and front_end.mels, frames, self._channels
        inputs = {
            "image": tf.TensorSpec(image, tf.float32, "image"),
            "reference": tf.TensorSpec(image, tf.float32, "reference"),
            "waveform": tf.TensorSpec([None, frames and front_end.samples(frames)], tf.float32, "waveform"),
            "bitstring_bytes": tf.TensorSpec([None], tf.string, "bitstring_bytes"),
            "bpp": tf.TensorSpec([None], tf.float32, "bpp"),
            "ask": tf.TensorSpec([None], tf.string, "ask"),
        }
        functions = {
            signature: tf.function(function, [inputs[name] for name in names], autograph=False)
            for signature, (function, names) in self._signatures.items()
        }
        return {signature: function.get_concrete_function() for signature, function in functions.items()}

    def examples(self) -> dict[str, dict[str, tf.Tensor]]:
        """A small request for each signature."""
        front_end = self._front_end
        frames = self._frames or max(self._smallest_side, 2 * TOTAL_STRIDE)
        height = front_end.mels if self._frames else max(front_end.mels, self._smallest_side)
        image = tf.random.stateless_uniform([1, height, frames, self._channels], (0, 0))
        rate = tf.constant([self._own_bpp])
        inputs = {
            "image": image,
            "reference": image,
            "waveform": tf.random.stateless_uniform([1, front_end.samples(frames)], (0, 1), -0.1, 0.1),
            "bitstring_bytes": self._compress(image, rate)["bitstring_bytes"],
            "bpp": rate,
            "ask": tf.constant([""]),
        }
        return {
            signature: {name: inputs[name] for name in names}
            for signature, (_, names) in self._signatures.items()
        }

    def _reconstruct(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        image = checks.images(image, "image")
        shape = tf.shape(image)
        index, symbols, rate = self._symbols(image, tf.fill(shape[:1], self._own_bpp))
        return {"reconstruction": self._image_of(symbols, index, shape[1], shape[2]), **rate}

    def _compress(self, image: tf.Tensor, bpp: tf.Tensor) -> dict[str, tf.Tensor]:
        image = checks.images(image, "image")
        shape = tf.shape(image)
        index, symbols, rate = self._symbols(image, checks.rates(bpp, shape[0], self._own_bpp))
        reference = tf.fill(shape[:1], self._image_reference_db)
        return {
            "bitstring_bytes": self._bitstrings(symbols, index, reference, shape[1], shape[2]),
            "shape": tf.tile(shape[tf.newaxis, 1:], [shape[0], 1]),
            **rate,
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
        index, symbols, outputs = self._symbols(image, rate[tf.newaxis])
        decoded = self._image_of(symbols, index, front_end.mels, tf.shape(image)[2])
        decoded_mel = image_to_mel(decoded, peak, front_end)
        correction = correction_db(energy(mel, front_end), energy(decoded_mel, front_end))
        reference = peak + tf.cast(correction, tf.float32)
        strings = self._bitstrings(symbols, index, reference, 0, tf.shape(waveform)[0])
        return {name: value[0] for name, value in {"bitstring_bytes": strings, **outputs}.items()}

    def _decompress_audio(self, bitstring_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        prefix, symbols, height, width = self._symbols_of(bitstring_bytes)
        front_end = self._front_end
        symbols = checks.image_symbols_of_sound(symbols, height, front_end.mels)
        of_image = front_end.samples(prefix.extent[0])
        samples = tf.where(tf.equal(prefix.height[0], 0), prefix.extent[0], of_image)

        def sound(row: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
            # By itself, since iterations of the phase make the last digit of an image audible.
            image = self._image_of(row[0][tf.newaxis], row[1][tf.newaxis], height, width)
            return _sound_of(front_end)(image[0], row[2], samples)

        rows = (symbols, prefix.step_index, prefix.reference_db)
        waveforms = tf.map_fn(sound, rows, fn_output_signature=tf.float32)
        length = self._frames and front_end.samples(self._frames)
        return {"waveform": tf.ensure_shape(waveforms, [None, length])}

    def _metrics(self, image: tf.Tensor, reference: tf.Tensor) -> dict[str, tf.Tensor]:
        image, reference = checks.pair(image, reference, self._smallest_side)
        mse, nlpd, ms_ssim = _metrics_of(self._channels, self.ms_ssim_scales)(reference, image)
        return {"mse": mse, "nlpd": nlpd, "ms_ssim": ms_ssim}

    def _metadata(self, ask: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"metadata": tf.fill(tf.shape(ask), json.dumps(self._settings, sort_keys=True))}

    def _symbols(
        self, image: tf.Tensor, rates: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """The step's index and the symbols of each image at most at a rate, and the outputs `bpp`, `step`."""
        latent = analyse_in_blocks(self._module.analyse, image)
        by_step = self._module.bits_by_step(latent)
        shape = tf.shape(image)
        pixels = tf.cast(shape[1] * shape[2], tf.float32)
        index = choose_step(by_step, rates * pixels, blocks_in(shape[2]))
        bits = tf.gather(by_step, index, batch_dims=1)
        outputs = {"bpp": bits / pixels, "step": self._module.step(index)}
        return index, self._module.symbols(latent, index), outputs

    def _image_of(
        self, symbols: tf.Tensor, index: tf.Tensor, height: tf.Tensor | int, width: tf.Tensor
    ) -> tf.Tensor:
        quantized = self._module.dequantize(symbols, index)
        image = synthesise_in_blocks(self._module.synthesise, quantized)[:, :height, :width]
        height = self._frames and self._front_end.mels
        return tf.ensure_shape(image, [None, height, self._frames, self._channels])

    def _bitstrings(
        self,
        symbols: tf.Tensor,
        index: tf.Tensor,
        reference: tf.Tensor,
        height: tf.Tensor | int,
        extent: tf.Tensor,
    ) -> tf.Tensor:
        batch = tf.shape(symbols)[0]
        version, height, model, extent = (
            tf.fill([batch], value) for value in (bitstring.VERSION, height, self._model_number, extent)
        )
        prefix = bitstring.Prefix(version, index, height, model, reference, extent)
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

    def sound(image: tf.Tensor, reference: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
        return image_to_waveform(image, reference, front_end, samples=samples)

    image = tf.TensorSpec([front_end.mels, None, 1], tf.float32)
    scalars = [tf.TensorSpec([], dtype) for dtype in (tf.float32, tf.int32)]
    return tf.function(sound, [image, *scalars], autograph=False)


@functools.lru_cache(maxsize=8)
def _metrics_of(channels: int, scales: int) -> Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Reference and image to MSE, NLPD and MS-SSIM, `[batch]` each."""

    def metrics(reference: tf.Tensor, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        ms_ssim = losses.ms_ssim(reference, image, scales=scales)
        values = losses.mse(reference, image), losses.nlpd(reference, image), ms_ssim
        # Nobody asks a server for gradients, and whoever loads it would be warned that they are missing.
        for operation in tf.compat.v1.get_default_graph().get_operations():
            if operation.type == "IdentityN":
                operation._clear_attr("_gradient_op_type")
        return values

    spec = tf.TensorSpec([None, None, None, channels], tf.float32)
    return tf.function(metrics, [spec, spec], autograph=False)
