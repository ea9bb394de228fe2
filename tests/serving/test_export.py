"""Exported models: TensorFlow Serving's layout, stock operations only, whole or not at all."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.tiny_models import exported_once, tiny_autoencoder
from tfnoise import codec, serving
from tfnoise.audio import FrontEnd
from tfnoise.autoencoder import Autoencoder
from tfnoise.errors import InputError
from tfnoise.serving.export import LATER_SETTINGS, fingerprint

FRONT_END = FrontEnd(mels=64)
BPP = 0.03125
# What tensorflow-compression's layers compute must be stock operations, too.
_OPTIONS = {"entropy": {"normalisation": "gdn", "kernel_size": 5, "latent_channels": 12}, "levels": {}}


def _version(run_folder: Path, bottleneck: str) -> Path:
    options = {"bpp": BPP, **_OPTIONS[bottleneck]}
    return exported_once(run_folder, f"options_{bottleneck}", bottleneck, FRONT_END, **options)


@pytest.fixture(scope="module", params=list(_OPTIONS))
def exported(request, run_folder) -> tuple[Autoencoder, codec.LoadedModel]:
    """A model in memory, and loaded from where it was exported to."""
    model = tiny_autoencoder(request.param, FRONT_END.mels, bpp=BPP, **_OPTIONS[request.param])
    return model, codec.load(_version(run_folder, request.param))


def _operations(version: Path) -> set[str]:
    proto = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    (meta,) = proto.meta_graphs
    assert list(meta.meta_info_def.tags) == ["serve"]
    nodes = [node.op for node in meta.graph_def.node]
    for function in meta.graph_def.library.function:
        nodes += [node.op for node in function.node_def]
    functions = {function.signature.name for function in meta.graph_def.library.function}
    return set(nodes) - functions


def test_a_process_without_tensorflow_compression_knows_every_operation(run_folder):
    """Of the graph and of the function library: TensorFlow Serving loads both."""
    code = """
import sys, tensorflow as tf
from tensorflow.python.framework import op_def_registry
print([name for name in sys.argv[1:] if op_def_registry.get(name) is None])
assert "tensorflow_compression" not in sys.modules
"""
    operations = set.union(*(_operations(_version(run_folder, bottleneck)) for bottleneck in _OPTIONS))
    assert "Conv2D" in operations
    command = [sys.executable, "-c", code, *operations]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_computes_what_the_model_in_memory_does(exported):
    """Reconstructions, and outputs with the batch first, at or under the target rate."""
    model, loaded = exported
    image = np.random.default_rng(0).random([2, 64, 48, 1], np.float32)
    quantized, _ = model.bottleneck(loaded.module.analyse(image))
    np.testing.assert_allclose(loaded.module.synthesise(quantized)[:, :, :48], model(image), atol=1e-5)
    outputs = loaded.module.signatures["serving_default"](image=tf.constant(image))
    assert outputs["reconstruction"].shape == image.shape
    assert outputs["bpp"].shape == [2] and outputs["step"].shape == [2]
    assert (outputs["bpp"].numpy() <= BPP).all()


def test_settings_travel_inside_and_nothing_calls_python_or_a_just_in_time_compiler(exported):
    model, loaded = exported
    assert loaded.name == loaded.path.parent.name and loaded.front_end == FRONT_END and loaded.bpp == BPP
    assert loaded.settings["architecture"] == model.get_config()
    assert loaded.settings["training"] == {"loss": "mse"}
    assert not list((loaded.path / "assets").glob("*.py"))
    assert not _operations(loaded.path) & {"PyFunc", "PyFuncStateless", "EagerPyFunc", "XlaLaunch"}
    assert b"_XlaMustCompile\x12\x02(\x01" not in (loaded.path / "saved_model.pb").read_bytes()


def test_versions_count_up_from_the_highest_and_leave_nothing_else(tmp_path):
    """The same weights have the same fingerprint, whatever else is recorded."""
    model, folder = tiny_autoencoder("levels", FRONT_END.mels), tmp_path / "m"
    (folder / "7").mkdir(parents=True)
    for version in (8, 9):
        exported = serving.export_model(model, FRONT_END, folder, {"seed": version})
        assert exported == folder / str(version)
    assert sorted(entry.name for entry in folder.iterdir()) == ["7", "8", "9"]
    assert codec.resolve(folder) == folder / "9" and codec.resolve(folder / "8") == folder / "8"
    first, second = (codec.read_settings(folder / version) for version in ("8", "9"))
    assert first["training"] != second["training"] and first["fingerprint"] == second["fingerprint"]


def test_an_export_that_fails_leaves_nothing(tmp_path, monkeypatch):
    model = tiny_autoencoder("levels", FRONT_END.mels)
    with pytest.raises(TypeError):
        serving.export_model(model, FRONT_END, tmp_path / "m", {"not json": object()})

    def save(module, folder, **options):
        Path(folder).mkdir()
        raise OSError("disk full")

    monkeypatch.setattr(serving.export, "Signatures", mock.MagicMock())
    monkeypatch.setattr(tf.saved_model, "save", save)
    with pytest.raises(OSError, match="disk full"):
        serving.export_model(model, FRONT_END, tmp_path / "m", {})
    assert list((tmp_path / "m").iterdir()) == []


def test_a_fingerprint_is_of_what_decides_decoding():
    """Settings that there were not before are no part of it, unless they have another value."""
    model = tiny_autoencoder()
    config = model.get_config()
    before = {key: value for key, value in config.items() if key not in LATER_SETTINGS}
    module = codec.FrozenModel(model)
    own = fingerprint(module, config, FRONT_END)
    assert fingerprint(module, before, FRONT_END) == own
    assert fingerprint(module, {**before, "normalisation": "none"}, FRONT_END) != own
    assert fingerprint(module, config, FrontEnd(mels=64, hop=128)) != own


def _message(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        codec.load(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def test_what_is_no_model_of_ours_or_is_damaged_or_later_is_named(run_folder, tmp_path):
    assert "bin/train" in _message(tmp_path / "absent")
    assert "no SavedModel" in _message(tmp_path)
    module = tf.Module()
    module.f = tf.function(lambda x: x, [tf.TensorSpec([], tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "other" / "1"))
    assert "not one that tfnoise exported" in _message(tmp_path / "other")
    version = tmp_path / "m" / "1"
    shutil.copytree(_version(run_folder, "levels"), version)
    settings = version / "assets" / "tfnoise.json"
    text = settings.read_text()
    settings.write_text(json.dumps({**json.loads(text), "format_version": 99}))
    assert "99" in _message(version)
    settings.write_text(text[: len(text) // 2])
    assert "not one that tfnoise exported" in _message(version)
    settings.write_text(text)
    (version / "variables" / "variables.index").write_bytes(b"damaged")
    assert "damaged" in _message(version)
