"""The one exporter: an autoencoder becomes a SavedModel in TensorFlow Serving's layout."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

import tfnoise
from tfnoise.audio import FrontEnd
from tfnoise.autoencoder import Autoencoder
from tfnoise.codec import FrozenModel, LoadedModel, versions
from tfnoise.codec.loading import FORMAT, FORMAT_VERSION, SETTINGS_FILE
from tfnoise.codec.tables import IntegerTables
from tfnoise.errors import InputError
from tfnoise.layers.transforms import TOTAL_STRIDE
from tfnoise.serving.signatures import Signatures
from tfnoise.serving.warm_up import write_warm_up

DECODING_SETTINGS = ("bottleneck", "filters", "kernel_size", "image_channels", "levels", "bpp")
LATER_SETTINGS = {"normalisation": "batch", "latent_channels": None}
"""Decide decoding, too; what they were before there was a choice is not part of a fingerprint."""


def export_model(
    model: Autoencoder,
    front_end: FrontEnd,
    model_folder: str | Path,
    training: dict[str, Any],
    frames: int | None = None,
) -> Path:
    """Writes `model_folder/VERSION`, VERSION being the next free number.

    The folder is written under a temporary name beside it and renamed, so that a server that polls sees
    all of it or nothing. What its signatures are: `tfnoise.serving.signatures`.

    Args:
      model: a built autoencoder.
      front_end: what made (or will make) its images.
      model_folder: `EXPORT_DIR/NAME`.
      training: what to record of how it was trained (flags, steps, loss ...); must be JSON.
      frames: of all images that a server will take, for batches of several requests; None: any number.

    Returns:
      The version's folder.
    """
    return _export(FrozenModel(model), model.get_config(), front_end, Path(model_folder), training, frames)


def export_again(loaded: LoadedModel, model_folder: str | Path, frames: int | None = None) -> Path:
    """`export_model` for a model that was exported before: the same weights, tables and fingerprint.

    Args:
      loaded: of any version of the exporter.
      model_folder, frames: as of `export_model`.

    Raises:
      InputError: its fingerprint would be another: the SavedModel is damaged or was forged.
    """
    architecture = loaded.settings["architecture"]
    model = Autoencoder.from_config(architecture)
    model(tf.zeros([1, TOTAL_STRIDE, TOTAL_STRIDE, architecture["image_channels"]]))
    tables = loaded.module.tables
    module = FrozenModel(model, IntegerTables.from_variables(tables) if tables else None)
    for mine, theirs in zip(module.weights, loaded.module.weights):
        mine.assign(theirs)
    front_end, folder = loaded.front_end, Path(model_folder)
    if _fingerprint(module, architecture, front_end) != loaded.settings["fingerprint"]:
        raise InputError(f"{loaded.path}: its weights are not those of its fingerprint; get another copy")
    return _export(module, architecture, front_end, folder, loaded.settings["training"], frames)


def replace_version(version: Path, by: Path) -> None:
    """Puts a version in the place of another; for a moment there is neither.

    Args:
      version: the folder that is replaced.
      by: the folder that takes its name.
    """
    former = Path(tempfile.mkdtemp(prefix=".former-", dir=version.parent))
    os.rename(version, former / version.name)
    try:
        os.rename(by, version)
    except OSError:
        os.rename(former / version.name, version)
        raise
    finally:
        shutil.rmtree(former)


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
        "fingerprint": _fingerprint(module, architecture, front_end),
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
    temporary = Path(tempfile.mkdtemp(prefix=".export-", dir=model_folder))
    try:
        _save(module, settings, frames, model_folder.name, temporary)
        return _publish(temporary, model_folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _fingerprint(module: FrozenModel, architecture: dict[str, Any], front_end: FrontEnd) -> str:
    deciding = {key: architecture[key] for key in DECODING_SETTINGS}
    later = {key: architecture.get(key, before) for key, before in LATER_SETTINGS.items()}
    deciding.update({key: value for key, value in later.items() if value != LATER_SETTINGS[key]})
    return module.fingerprint({"architecture": deciding, "front_end": front_end.to_dict()})


def _save(module: FrozenModel, settings: dict[str, Any], frames: int | None, name: str, folder: Path) -> None:
    signatures = Signatures(module, settings, frames)
    asset = folder / SETTINGS_FILE
    asset.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")
    module.settings = tf.saved_model.Asset(str(asset))
    saved = folder / "saved"
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(saved), signatures=signatures.functions(), options=options)
    write_warm_up(saved, name, signatures.examples())


def _publish(temporary: Path, model_folder: Path) -> Path:
    saved = temporary / "saved"
    while True:
        version = max(versions(model_folder), default=0) + 1
        target = model_folder / str(version)
        try:
            os.rename(saved, target)
        except OSError:
            if not target.exists():
                raise
            continue  # another export took this number between the look and the rename
        shutil.rmtree(temporary)
        return target
