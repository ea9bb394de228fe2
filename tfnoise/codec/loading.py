"""Finds and loads exported models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfnoise.audio import FrontEnd
from tfnoise.errors import InputError

FORMAT = "tfnoise-model"
FORMAT_VERSION = 1
SETTINGS_FILE = "tfnoise.json"
"""The asset of a SavedModel that says what it is."""


@dataclass(frozen=True)
class LoadedModel:
    """An exported model, ready to use.

    Attributes:
      name: the folder's name above the version.
      path: the version's folder.
      settings: what the exporter wrote: architecture, front end, bpp, fingerprint, training.
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
    """The versions that lie in a model's folder, ascending."""
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
    found = [version for version in versions(folder) if (folder / str(version) / "saved_model.pb").is_file()]
    if not found:
        raise InputError(
            f"{path}: no SavedModel in this folder; give the NAME or NAME/VERSION that bin/train wrote"
        )
    return folder / str(found[-1])


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
        reason = _first_line(error)
        raise InputError(f"{folder}: damaged SavedModel ({reason}); export the model anew") from None
    resolved = folder.resolve()
    name = resolved.parent.name if resolved.name.isdigit() else resolved.name
    return LoadedModel(name, folder, settings, module)


def find(fingerprint: str, folders: Sequence[str | Path]) -> Path | None:
    """The version's folder of the model with a fingerprint, among all versions of all models below folders.

    Args:
      fingerprint: 32 hexadecimal digits.
      folders: EXPORT_DIRs, looked through in order; those that are absent are passed over.
    """
    for folder in map(Path, folders):
        for model in sorted(folder.iterdir()) if folder.is_dir() else []:
            for version in versions(model):
                try:
                    found = read_settings(model / str(version))["fingerprint"]
                except InputError:
                    continue
                if found == fingerprint:
                    return model / str(version)
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


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
