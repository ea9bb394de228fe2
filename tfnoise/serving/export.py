"""The one exporter: an autoencoder becomes a SavedModel in TensorFlow Serving's layout."""

from __future__ import annotations

import datetime
import json
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

import tfnoise
from tfnoise.audio import FrontEnd
from tfnoise.autoencoder import Autoencoder
from tfnoise.codec import FrozenModel, LoadedModel, versions
from tfnoise.codec.entropy import IntegerTables
from tfnoise.codec.frozen import FORMAT, FORMAT_VERSION, SETTINGS_FILE
from tfnoise.errors import InputError
from tfnoise.files import locked, replacing
from tfnoise.layers.transforms import TOTAL_STRIDE
from tfnoise.serving.signatures import Signatures

DECODING_SETTINGS = ("bottleneck", "filters", "kernel_size", "image_channels", "levels", "bpp")
LATER_SETTINGS = {"normalisation": "batch", "latent_channels": None}
"""Decide decoding, too; values from before these were settings are no part of a fingerprint."""

WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"
"""Requests that TensorFlow Serving makes to itself before it reports a model as available."""


def export_model(
    model: Autoencoder,
    front_end: FrontEnd,
    model_folder: str | Path,
    training: dict[str, Any],
    frames: int | None = None,
) -> Path:
    """Writes `model_folder/VERSION`, VERSION being the next free number.

    The folder is written under a temporary name beside it and renamed, so that a server that polls sees
    all of it or nothing. Its signatures: `tfnoise.serving.signatures`.

        version = export_model(model, FrontEnd(), "saved_models/mine", {"loss": "nlpd"})

    Args:
      model: a built autoencoder.
      front_end: the front end of its images.
      model_folder: `EXPORT_DIR/NAME`.
      training: what to record of how it was trained (flags, steps, loss ...); must be JSON.
      frames: number of frames of all images that a server will take, for batches of several requests; None:
        any number.

    Returns:
      The version's folder.
    """
    return _export(FrozenModel(model), model.get_config(), front_end, Path(model_folder), training, frames)


def export_again(loaded: LoadedModel, model_folder: str | Path, frames: int | None = None) -> Path:
    """`export_model` for a model that was exported before: the same weights, tables and fingerprint.

    Args:
      loaded: a model of any version of the exporter.
      model_folder, frames: as of `export_model`.

    Raises:
      InputError: its fingerprint would be another: the SavedModel is damaged or was tampered with.
    """
    architecture, front_end = loaded.settings["architecture"], loaded.front_end
    model = Autoencoder.from_config(architecture)
    model(tf.zeros([1, TOTAL_STRIDE, TOTAL_STRIDE, architecture["image_channels"]]))
    tables = loaded.module.tables
    module = FrozenModel(model, IntegerTables.from_variables(tables) if tables else None)
    for weight, value in zip(module.weights, loaded.module.weights):
        weight.assign(value)
    if fingerprint(module, architecture, front_end) != loaded.settings["fingerprint"]:
        raise InputError(f"{loaded.path}: its weights are not those of its fingerprint; get another copy")
    training = loaded.settings["training"]
    return _export(module, architecture, front_end, Path(model_folder), training, frames)


def fingerprint(module: FrozenModel, architecture: dict[str, Any], front_end: FrontEnd) -> str:
    """A hash of all that decides how bitstrings are decoded, 32 hexadecimal digits.

    Args:
      module: the frozen model.
      architecture: the autoencoder's `get_config()`.
      front_end: the front end of its images.
    """
    settings = {key: architecture[key] for key in DECODING_SETTINGS}
    for key, before in LATER_SETTINGS.items():
        if architecture.get(key, before) != before:
            settings[key] = architecture[key]
    return module.fingerprint({"architecture": settings, "front_end": front_end.to_dict()})


def _export(
    module: FrozenModel,
    architecture: dict[str, Any],
    front_end: FrontEnd,
    model_folder: Path,
    training: dict[str, Any],
    frames: int | None,
) -> Path:
    settings = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "fingerprint": fingerprint(module, architecture, front_end),
        "architecture": architecture,
        "front_end": front_end.to_dict(),
        "training": training,
        "serving": {"frames": frames},
        "exported": {
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "tfnoise": tfnoise.__version__,
            "tensorflow": tf.__version__,
        },
    }
    model_folder.mkdir(parents=True, exist_ok=True)
    with locked(model_folder, wait=True), tempfile.TemporaryDirectory(prefix="tfnoise-export-") as scratch:
        asset = Path(scratch, SETTINGS_FILE)
        asset.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")
        module.settings = tf.saved_model.Asset(str(asset))
        signatures = Signatures(module, settings, frames)
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        version = model_folder / str(max(versions(model_folder), default=0) + 1)
        with replacing(version) as folder:
            tf.saved_model.save(module, str(folder), signatures=signatures.functions(), options=options)
            _write_warm_up(folder, model_folder.name, signatures.examples())
    return version


def _write_warm_up(saved_model: Path, name: str, examples: dict[str, dict[str, tf.Tensor]]) -> None:
    """Writes one request a signature, as a TFRecord of PredictionLog messages.

    They are written by their bytes, so that an export does not need the server's protocol. A server does not
    load a model that fails on them. `examples` are each signature's inputs by name.
    """
    path = saved_model / WARM_UP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in examples.items():
            # PredictionLog.predict_log is 6, PredictLog.request 1; PredictRequest.model_spec is 1, .inputs 2;
            # ModelSpec.name is 1, .signature_name 3; a map's key is 1, its value 2.
            request = _field(1, _field(1, name.encode()) + _field(3, signature.encode()))
            for key, value in inputs.items():
                tensor = tf.make_tensor_proto(value).SerializeToString()
                request += _field(2, _field(1, key.encode()) + _field(2, tensor))
            writer.write(_field(6, _field(1, request)))


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited field of protocol buffers' wire format."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
