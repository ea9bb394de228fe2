"""Exported models: TensorFlow Serving's layout, stock operations only, whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfnoise import codec, serving
from tfnoise.audio import FrontEnd
from tfnoise.autoencoder import Autoencoder
from tfnoise.errors import InputError
from tfnoise.serving.export import LATER_SETTINGS, fingerprint

FRONT_END = FrontEnd(mels=64)


# What tensorflow-compression's layers compute must be stock operations, too.
_OPTIONS = {"entropy": {"normalisation": "gdn", "kernel_size": 5, "latent_channels": 12}, "levels": {}}


def _model(bottleneck: str) -> Autoencoder:
    tf.keras.utils.set_random_seed(5)
    model = Autoencoder(bottleneck=bottleneck, bpp=0.03125, filters=8, **_OPTIONS[bottleneck])
    model(tf.zeros([1, 32, 32, 1]))
    return model


@pytest.fixture(scope="module", params=["entropy", "levels"])
def exported(request, tmp_path_factory) -> tuple[Autoencoder, Path]:
    model = _model(request.param)
    folder = tmp_path_factory.mktemp(request.param) / "tiny"
    return model, serving.export_model(model, FRONT_END, folder, {"loss": "mse"})


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).random([2, 64, 48, 1], np.float32)


def _operations(version: Path) -> set[str]:
    proto = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    (meta,) = proto.meta_graphs
    assert list(meta.meta_info_def.tags) == ["serve"]
    nodes = [node.op for node in meta.graph_def.node]
    for function in meta.graph_def.library.function:
        nodes += [node.op for node in function.node_def]
    functions = {function.signature.name for function in meta.graph_def.library.function}
    return set(nodes) - functions


def test_a_process_without_tensorflow_compression_knows_every_operation(exported):
    """Of the graph and of the function library: TensorFlow Serving loads both."""
    _, version = exported
    code = (
        "import sys, tensorflow as tf\n"
        "from tensorflow.python.framework import op_def_registry\n"
        "print([name for name in sys.argv[1:] if op_def_registry.get(name) is None])\n"
        "assert 'tensorflow_compression' not in sys.modules\n"
    )
    operations = sorted(_operations(version))
    assert "Conv2D" in operations
    command = [sys.executable, "-c", code, *operations]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_in_it_calls_python_or_a_just_in_time_compiler(exported):
    _, version = exported
    assert not _operations(version) & {"PyFunc", "PyFuncStateless", "EagerPyFunc", "XlaLaunch"}
    assert b"_XlaMustCompile\x12\x02(\x01" not in (version / "saved_model.pb").read_bytes()


def test_serving_default_gives_batch_first_outputs_at_or_under_the_target(exported, image):
    _, version = exported
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    outputs = signature(image=tf.constant(image))
    assert outputs["reconstruction"].shape == image.shape
    assert outputs["bpp"].shape == [2] and outputs["step"].shape == [2]
    assert (outputs["bpp"].numpy() <= 0.03125).all()


def test_it_reconstructs_as_the_model_in_memory_does(exported, image):
    model, version = exported
    loaded = codec.load(version)
    latent = loaded.module.analyse(image)
    quantized, _ = model.bottleneck(latent)
    np.testing.assert_allclose(loaded.module.synthesise(quantized)[:, :, :48], model(image), atol=1e-5)


def test_versions_count_up_and_leave_nothing_else(tmp_path):
    model = _model("levels")
    for version in (1, 2):
        assert serving.export_model(model, FRONT_END, tmp_path / "m", {}) == tmp_path / "m" / str(version)
    assert sorted(entry.name for entry in (tmp_path / "m").iterdir()) == ["1", "2"]
    assert codec.resolve(tmp_path / "m") == tmp_path / "m" / "2"
    assert codec.resolve(tmp_path / "m" / "1") == tmp_path / "m" / "1"


def test_the_next_version_is_above_the_highest_even_if_one_was_removed(tmp_path):
    (tmp_path / "m" / "7").mkdir(parents=True)
    assert serving.export_model(_model("levels"), FRONT_END, tmp_path / "m", {}).name == "8"


def test_an_export_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        serving.export_model(_model("levels"), FRONT_END, tmp_path / "m", {"not json": object()})
    assert list((tmp_path / "m").iterdir()) == []


def test_settings_travel_inside(exported):
    model, version = exported
    loaded = codec.load(version)
    assert loaded.name == "tiny" and loaded.front_end == FRONT_END and loaded.bpp == 0.03125
    assert loaded.settings["architecture"] == model.get_config()
    assert loaded.settings["training"] == {"loss": "mse"}
    assert not list((version / "assets").glob("*.py"))


def test_the_same_weights_have_the_same_fingerprint_whatever_else_is_recorded(tmp_path):
    model = _model("entropy")
    first, second = (serving.export_model(model, FRONT_END, tmp_path / "m", {"seed": n}) for n in (1, 2))
    fingerprints = [codec.read_settings(version)["fingerprint"] for version in (first, second)]
    assert fingerprints[0] == fingerprints[1]
    other = serving.export_model(model, FrontEnd(mels=64, hop=128), tmp_path / "m", {})
    assert codec.read_settings(other)["fingerprint"] != fingerprints[0]


def test_what_there_was_no_choice_of_before_is_no_part_of_a_fingerprint(tmp_path):
    model = Autoencoder(bpp=0.03125, filters=8)
    model(tf.zeros([1, 32, 32, 1]))
    before = {key: value for key, value in model.get_config().items() if key not in LATER_SETTINGS}
    module = codec.FrozenModel(model)
    own = fingerprint(module, model.get_config(), FRONT_END)
    assert fingerprint(module, before, FRONT_END) == own
    assert fingerprint(module, {**before, "normalisation": "none"}, FRONT_END) != own


def _message(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        codec.load(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def test_what_is_no_model_of_ours_is_named(tmp_path):
    assert "bin/train" in _message(tmp_path / "absent")
    assert "no SavedModel" in _message(tmp_path)
    module = tf.Module()
    module.f = tf.function(lambda x: x, [tf.TensorSpec([], tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "other" / "1"))
    assert "not one that tfnoise exported" in _message(tmp_path / "other")


def test_a_damaged_or_later_model_is_named(tmp_path):
    version = serving.export_model(_model("levels"), FRONT_END, tmp_path / "m", {})
    settings = version / "assets" / "tfnoise.json"
    kept = settings.read_text()
    settings.write_text(json.dumps({**json.loads(kept), "format_version": 99}))
    assert "99" in _message(version)
    settings.write_text(kept[: len(kept) // 2])
    assert "not one that tfnoise exported" in _message(version)
    settings.write_text(kept)
    (version / "variables" / "variables.index").write_bytes(b"damaged")
    assert "damaged" in _message(version)
