"""Frozen models: the transforms with their integer tables, in stock TensorFlow operations only.

They are what is exported, served, scored and coded with. They hold no Keras object and no operation of
tensorflow-compression, so that an unmodified TensorFlow Serving can run them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.audio import FrontEnd
from tfnoise.autoencoder import Autoencoder
from tfnoise.codec.entropy.tables import PRECISION_BITS, IntegerTables, build_tables
from tfnoise.codec.step_choice import choose_step
from tfnoise.errors import InputError
from tfnoise.layers import LevelsBottleneck, pad_to_stride
from tfnoise.layers.transforms import TOTAL_STRIDE

FORMAT = "tfnoise-model"
FORMAT_VERSION = 1
SETTINGS_FILE = "tfnoise.json"
"""The asset of a SavedModel that holds its settings."""

PRECISIONS = ("float32", "bfloat16")


class FrozenModel(tf.Module):
    """The inference side of an `Autoencoder`, with a step of quantization chosen image by image.

    Functions, each a `tf.function` that is saved with the model:

    - `analyse(images)`: the latent `[batch, rows, columns, latents]` of `images [batch, height, width,
      channels]`, which are padded to multiples of 16 first.
    - `synthesise(quantized)`: the image `[batch, 16 rows, 16 columns, channels]` of a quantized latent.
    - `bits_by_step(latent)`: the rate `[batch, steps]`, in bits, that each step of the grid gives by the
      integer tables (with levels, one column).
    - `symbols(latent, index)`: the integers that are coded with the step `index [batch]`, int32 as the
      latent: from minus the step's limit to the limit, or 0 to levels - 1.
    - `dequantize(symbols, index)`: the quantized latent of symbols, float32.
    - `code(images, bpp)`: codes each image with the finest step that stays at or under `bpp` bits per
      pixel.  Returns a dict: `reconstruction` (as `images`), `bpp`, `step` and `step_index`, `[batch]`.
      An image that no step brings under `bpp` gets the coarsest step; with levels `bpp` has no effect.

    Args:
      model: a built autoencoder; its weights are shared, not copied, unless it computes in less than
        float32, which a frozen model never does.
      tables: of the entropy bottleneck; None: they are built from its prior.

    Attributes:
      latents: channels of the latent.
      steps: number of steps of the grid.
      step: function that gives the steps, float32 `[batch]`, at an `index [batch]`.
      limits: function that gives their largest symbols, int32 `[batch]`; None of levels.
    """

    def __init__(self, model: Autoencoder, tables: IntegerTables | None = None):
        super().__init__()
        model = model.in_float32()
        self.weights = [*model.analysis.variables, *model.synthesis.variables]
        self.latents = latents = model.analysis.latent_channels
        channels = model.synthesis.image_channels
        images = tf.TensorSpec([None, None, None, channels], tf.float32, "image")
        latent = tf.TensorSpec([None, None, None, latents], tf.float32, "latent")
        integers = tf.TensorSpec([None, None, None, latents], tf.int32, "symbols")
        choice = tf.TensorSpec([None], tf.int32, "index")
        bpp = tf.TensorSpec([], tf.float32, "bpp")

        def analyse(image: tf.Tensor) -> tf.Tensor:
            return tf.cast(model.analysis(pad_to_stride(image), training=False), tf.float32)

        def synthesise(quantized: tf.Tensor) -> tf.Tensor:
            return model.synthesis(quantized, training=False)

        quantizer: _Levels | _Steps
        if isinstance(model.bottleneck, LevelsBottleneck):
            quantizer = _Levels(model.bottleneck)
        else:
            quantizer = _Steps(tables or build_tables(model.bottleneck.prior, latents))
        self.tables: list[tf.Variable] = quantizer.variables
        self.steps, self.step, self.limits = quantizer.count, quantizer.step, quantizer.limits_of

        def code(image: tf.Tensor, bpp: tf.Tensor) -> dict[str, tf.Tensor]:
            height, width = tf.unstack(tf.shape(image)[1:3])
            pixels = tf.cast(height * width, tf.float32)
            values = analyse(image)
            bits = quantizer.bits_by_step(values)
            index = choose_step(bits, tf.fill(tf.shape(bits)[:1], bpp * pixels), 1)
            quantized = quantizer.dequantize(quantizer.symbols(values, index), index)
            return {
                "reconstruction": synthesise(quantized)[:, :height, :width],
                "bpp": tf.gather(bits, index, batch_dims=1) / pixels,
                "step": quantizer.step(index),
                "step_index": index,
            }

        self.analyse = tf.function(analyse, [images])
        self.synthesise = tf.function(synthesise, [latent])
        self.bits_by_step = tf.function(quantizer.bits_by_step, [latent])
        self.symbols = tf.function(quantizer.symbols, [latent, choice])
        self.dequantize = tf.function(quantizer.dequantize, [integers, choice])
        self.code = tf.function(code, [images, bpp])

    def fingerprint(self, settings: dict[str, Any]) -> str:
        """32 hexadecimal digits of the weights, the tables and the settings that decide decoding."""
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for variable in [*self.weights, *self.tables]:
            values = np.ascontiguousarray(variable.numpy())
            digest.update(f"{values.shape}{values.dtype.str}".encode())
            digest.update(values.tobytes())
        return digest.hexdigest()[:32]


class _Levels:
    """Quantization to fixed levels: one step, a fixed number of bits."""

    count = 1

    def __init__(self, bottleneck: LevelsBottleneck):
        self.bottleneck = bottleneck
        self.variables: list[tf.Variable] = []

    def bits_by_step(self, latent: tf.Tensor) -> tf.Tensor:
        return self.bottleneck.counted_bits(latent)[:, None]

    def symbols(self, latent: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.bottleneck.symbols(latent), tf.int32)

    def dequantize(self, symbols: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return self.bottleneck.dequantize(symbols)

    def step(self, index: tf.Tensor) -> tf.Tensor:
        return tf.ones_like(index, tf.float32)

    def limits_of(self, index: tf.Tensor) -> tf.Tensor | None:
        return None


class _Steps:
    """Uniform quantization at any step of the grid, its rate by the integer tables."""

    def __init__(self, tables: IntegerTables):
        self.steps = tf.Variable(tables.steps, trainable=False, name="steps")
        self.limits = tf.Variable(tables.limits, trainable=False, name="limits")
        self.counts = tf.Variable(tables.counts, trainable=False, name="counts")
        self.variables = [self.steps, self.limits, self.counts]
        self.starts, self.channels, self.count = tables.starts, tables.channels, len(tables.starts)

    def bits_by_step(self, latent: tf.Tensor) -> tf.Tensor:
        channel = tf.range(self.channels)
        starts = tf.constant(self.starts)

        def bits(index: tf.Tensor) -> tf.Tensor:
            limit = self.limits[index]
            symbols = _symbols(latent, self.steps[index], limit)
            places = starts[index] + channel * (2 * limit + 1) + limit + symbols
            probabilities = tf.cast(tf.gather(self.counts, places), tf.float32) / 2**PRECISION_BITS
            return tf.reduce_sum(tf.math.log(probabilities), axis=[1, 2, 3]) / -math.log(2)

        return tf.transpose(tf.map_fn(bits, tf.range(len(self.starts)), fn_output_signature=tf.float32))

    def symbols(self, latent: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        limit = tf.gather(self.limits, index)[:, None, None, None]
        return _symbols(latent, self.step(index)[:, None, None, None], limit)

    def dequantize(self, symbols: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return tf.cast(symbols, tf.float32) * self.step(index)[:, None, None, None]

    def step(self, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.steps, index)

    def limits_of(self, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.limits, index)


def _symbols(latent: tf.Tensor, step: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    # Clipped as floats, since the cast of a float beyond int32 is undefined, and again for the cast of a NaN.
    bound = tf.cast(limit, tf.float32)
    symbols = tf.cast(tf.clip_by_value(tf.round(latent / step), -bound, bound), tf.int32)
    return tf.clip_by_value(symbols, -limit, limit)


@dataclass(frozen=True)
class LoadedModel:
    """An exported model, ready to use.

    Attributes:
      name: name of the folder above the version.
      path: the version's folder.
      settings: the exporter's settings: architecture, front end, bpp, fingerprint, training.
      module: the restored `FrozenModel` functions (`analyse`, `synthesise`, `bits_by_step`, `code`).
    """

    name: str
    path: Path
    settings: dict[str, Any]
    module: Any

    @property
    def front_end(self) -> FrontEnd:
        """The front end whose images the model codes."""
        return FrontEnd.from_dict(self.settings["front_end"])

    @property
    def bpp(self) -> float:
        """The rate the model was trained for, bits per pixel."""
        return float(self.settings["architecture"]["bpp"])


def versions(model_folder: Path) -> list[int]:
    """The versions in a model's folder, ascending."""
    if not model_folder.is_dir():
        return []
    folders = [entry.name for entry in model_folder.iterdir() if entry.is_dir()]
    return sorted(int(name) for name in folders if name.isdigit())


def resolve(path: str | Path) -> Path:
    """The version's folder that `path` means: itself, or the highest version within.

    Raises:
      InputError: no such folder, or no model in it.
    """
    folder = Path(path)
    if (folder / "saved_model.pb").is_file():
        return folder
    if not folder.is_dir():
        raise InputError(f"{path}: no such model folder; bin/train makes one")
    exported = [
        version for version in versions(folder) if (folder / str(version) / "saved_model.pb").is_file()
    ]
    if not exported:
        raise InputError(
            f"{path}: no SavedModel in this folder; give the NAME or NAME/VERSION that bin/train wrote"
        )
    return folder / str(exported[-1])


def load(path: str | Path) -> LoadedModel:
    """Loads an exported model from `EXPORT_DIR/NAME` (highest version) or `EXPORT_DIR/NAME/VERSION`.

    Raises:
      InputError: nothing there, not one of ours, or damaged.
    """
    folder = resolve(path)
    settings = read_settings(folder)
    try:
        module = tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow raises a dozen types for a damaged SavedModel
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise InputError(f"{folder}: damaged SavedModel ({reason}); export the model again") from None
    resolved = folder.resolve()
    name = resolved.parent.name if resolved.name.isdigit() else resolved.name
    return LoadedModel(name, folder, settings, module)


def find(fingerprint: str, folders: Sequence[str | Path]) -> Path | None:
    """The version's folder of the model with a fingerprint, among all versions of all models below folders.

    Args:
      fingerprint: 32 hexadecimal digits.
      folders: EXPORT_DIRs, searched in order; absent ones are ignored.
    """
    for folder in map(Path, folders):
        for model in sorted(folder.iterdir()) if folder.is_dir() else []:
            for version in versions(model):
                try:
                    if read_settings(model / str(version))["fingerprint"] == fingerprint:
                        return model / str(version)
                except InputError:
                    continue
    return None


def read_settings(version_folder: Path) -> dict[str, Any]:
    """The settings inside an exported model, without loading it.

    Raises:
      InputError: the SavedModel is not one of ours, or of a later format.
    """
    asset = version_folder / "assets" / SETTINGS_FILE
    try:
        settings = json.loads(asset.read_text())
        ours = settings["format"] == FORMAT
        version = settings["format_version"]
        FrontEnd.from_dict(settings["front_end"])
        float(settings["architecture"]["bpp"])
    except (OSError, ValueError, KeyError, TypeError):
        ours, version = False, None
    if not ours:
        raise InputError(
            f"{version_folder}: a SavedModel, but not one that tfnoise exported; make one with bin/train"
        )
    if version != FORMAT_VERSION:
        raise InputError(
            f"{version_folder}: model format {version}, this tfnoise reads {FORMAT_VERSION}; update tfnoise"
        )
    return settings


def synthesis_in(precision: str, model: LoadedModel) -> Callable[[tf.Tensor], tf.Tensor]:
    """A model's `FrozenModel.synthesise` with convolutions in a precision, which never changes symbols.

    The precision is "float32", or "bfloat16" with float32 accumulation; ValueError for others.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    if precision == "float32":
        return model.module.synthesise
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        twin = Autoencoder.from_config(model.settings["architecture"])
        twin(tf.zeros([1, TOTAL_STRIDE, TOTAL_STRIDE, twin.get_config()["image_channels"]]))
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
    variables = [*twin.analysis.variables, *twin.synthesis.variables]
    for variable, value in zip(variables, model.module.weights):
        variable.assign(value)
    return tf.function(
        lambda latent: tf.cast(twin.synthesis(latent, training=False), tf.float32),
        [tf.TensorSpec([None, None, None, twin.analysis.latent_channels], tf.float32)],
    )
