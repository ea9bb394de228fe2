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
from tfnoise.codec import FrozenModel, versions
from tfnoise.codec.loading import FORMAT, FORMAT_VERSION, SETTINGS_FILE

DECODING_SETTINGS = ("bottleneck", "filters", "kernel_size", "image_channels", "levels", "bpp")


def export_model(
    model: Autoencoder, front_end: FrontEnd, model_folder: str | Path, training: dict[str, Any]
) -> Path:
    """Writes `model_folder/VERSION`, VERSION being the next free number.

    The folder is written under a temporary name beside it and renamed, so that a server that polls sees
    all of it or nothing.  Signature `serving_default`: `image [batch, mels, frames, 1]` to
    `reconstruction`, `bpp [batch]` and `step [batch]`, each image at or under the model's target rate.

    Args:
      model: a built autoencoder.
      front_end: what made (or will make) its images.
      model_folder: `EXPORT_DIR/NAME`.
      training: what to record of how it was trained (flags, steps, loss ...); must be JSON.

    Returns:
      The version's folder.
    """
    module = FrozenModel(model)
    architecture = model.get_config()
    front_end_settings = front_end.to_dict()
    deciding = {key: architecture[key] for key in DECODING_SETTINGS}
    settings = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "fingerprint": module.fingerprint({"architecture": deciding, "front_end": front_end_settings}),
        "architecture": architecture,
        "front_end": front_end_settings,
        "training": training,
        "exported": {
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "tfnoise": tfnoise.__version__,
            "tensorflow": tf.__version__,
        },
    }
    model_folder = Path(model_folder)
    model_folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".export-", dir=model_folder))
    try:
        _save(module, float(architecture["bpp"]), settings, temporary)
        return _publish(temporary, model_folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _save(module: FrozenModel, bpp: float, settings: dict[str, Any], folder: Path) -> None:
    channels = settings["architecture"]["image_channels"]

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, channels], tf.float32, "image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        coded = module.code(image, bpp)
        return {name: coded[name] for name in ("reconstruction", "bpp", "step")}

    asset = folder / SETTINGS_FILE
    asset.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")
    module.settings = tf.saved_model.Asset(str(asset))
    saved = folder / "saved"
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(saved), signatures={"serving_default": serve}, options=options)


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
