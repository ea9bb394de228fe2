"""The front end in Keras models: kept by every way of saving, with stock operations only."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.audio import FrontEnd, ImageToWaveform, WaveformToImage, image_to_waveform, waveform_to_image

FRONT_END = FrontEnd(sample_rate_hz=8000, n_fft=256, hop=64, mels=32, top_db=60.0)
WAVEFORMS = np.random.default_rng(0).normal(0, 0.1, [3, 4000]).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> tf.keras.Model:
    waveform = tf.keras.Input([None])
    image, reference_db = WaveformToImage(FRONT_END)(waveform)
    sound = ImageToWaveform(FRONT_END, iterations=3)([image, reference_db])
    return tf.keras.Model(waveform, [image, reference_db, sound])


def test_layers_are_the_functions(model):
    image, reference_db, sound = model(WAVEFORMS)
    expected, expected_reference = waveform_to_image(WAVEFORMS, FRONT_END)
    np.testing.assert_allclose(image, expected, atol=1e-5)
    np.testing.assert_allclose(reference_db, expected_reference, atol=1e-4)
    np.testing.assert_allclose(sound, image_to_waveform(image, reference_db, FRONT_END, 3), atol=1e-3)
    assert not model.weights
    # A row does not depend on those beside it.
    for row in range(3):
        np.testing.assert_allclose(model(WAVEFORMS[row : row + 1])[2][0], sound[row], atol=2e-3)


def test_a_saved_model_keeps_its_settings_has_stock_operations_only_and_takes_any_length(model, tmp_path):
    for name in ("model.keras", "model.h5", "saved"):
        model.save(tmp_path / name)
        again = tf.keras.models.load_model(tmp_path / name)
        kept = [layer for layer in again.layers if hasattr(layer, "front_end")]
        assert [layer.front_end for layer in kept] == [FRONT_END, FRONT_END] and kept[1].iterations == 3
        for a, b in zip(again(WAVEFORMS), model(WAVEFORMS)):
            np.testing.assert_allclose(a, b, atol=2e-3)
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    graph = served.graph.as_graph_def()
    names = {node.op for node in graph.node}
    names |= {node.op for function in graph.library.function for node in function.node_def}
    assert not {name for name in names if "PyFunc" in name or "Xla" in name or "IO>" in name}
    for batch, samples in ((1, 1000), (5, 2345)):
        waveforms = tf.random.stateless_uniform([batch, samples], [0, 0], -1, 1)
        shapes = sorted(tuple(value.shape) for value in served(waveforms).values())
        frames = FRONT_END.frames(samples)
        assert shapes == sorted([(batch,), (batch, FRONT_END.samples(frames)), (batch, 32, frames, 1)])


def test_half_precision_leaves_them_alone(model):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        image, reference_db = WaveformToImage(FRONT_END)(WAVEFORMS)
        sound = ImageToWaveform(FRONT_END, 3)([image, reference_db])
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert image.dtype == sound.dtype == tf.float32
    np.testing.assert_allclose(image, model(WAVEFORMS)[0], atol=1e-5)


def test_checks_images():
    with pytest.raises(ValueError, match="frames, 1"):
        ImageToWaveform(FRONT_END)([np.zeros([1, 64, 8, 1], np.float32), np.zeros([1], np.float32)])
    assert WaveformToImage().front_end == FrontEnd()
    with pytest.raises(ValueError, match="colour"):
        WaveformToImage({"colour": 1})
