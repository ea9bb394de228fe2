"""Exported models in the C++ runtime: what an unmodified server would compute, and how it would refuse."""

from __future__ import annotations

import json
import os
import struct

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_models import FRONT_END, exported_once
from tests.tools.cpp_process import run_in_cpp, signature_defs
from tests.tools.outputs import assert_as_keras, assert_outputs
from tfnoise import codec, losses
from tfnoise.audio import mel_spectrogram
from tfnoise.codec import bitstring
from tfnoise.codec.blocks import code_in_blocks
from tfnoise.codec.format.bitstring import packed_bytes

pytestmark = pytest.mark.cpp_runtime

# The longer one is of two blocks.
FRAMES = (57, 1100)
BPP = 0.25


def _images(frames: int, rows: int = 7) -> np.ndarray:
    return np.random.default_rng(frames).random([rows, FRONT_END.mels, frames, 1], np.float32)


def _rates(rows: int) -> np.ndarray:
    return np.zeros([rows], np.float32)


@pytest.fixture(scope="module")
def answers(cpp, waveform) -> dict:
    """Outputs by signature, length and rows: of two lengths and batches of 1 and 7."""
    waveforms = np.stack([waveform * gain for gain in (1, 0.5, 0.1, -1, 0.01, 0.7, 1e-9)])
    inputs = {("metadata", 0, 1): {"ask": [b""]}}
    for rows in (1, 7):
        rates = np.linspace(0.3, 1.5, 7).astype(np.float32)[:rows]
        for frames in FRAMES:
            images = _images(frames)[:rows]
            inputs["serving_default", frames, rows] = {"image": images}
            inputs["compress", frames, rows] = {"image": images, "bpp": rates}
            other = np.clip(images + 0.1, 0, 1)
            inputs["metrics", frames, rows] = {"image": other, "reference": images}
        for samples in (3000, 12000):
            sound = {"waveform": waveforms[:rows, :samples], "bpp": _rates(rows)}
            inputs["compress_audio", samples, rows] = sound
    answers = {}
    for (signature, *key), values in inputs.items():
        answers[(signature, *key)] = outputs = cpp.run(signature, values)
        if signature.startswith("compress"):
            decompress = signature.replace("compress", "decompress")
            answers[(decompress, *key)] = cpp.run(decompress, _strings(outputs["bitstring_bytes"]))
    assert not [answer for answer in answers.values() if isinstance(answer, str)]
    return answers


@pytest.mark.parametrize("frames", FRAMES)
def test_reconstructions_are_the_codecs_and_symbols_those_of_keras(exported, local_codec, answers, frames):
    """As the codec makes them, block by block; and of the layers themselves, the whole image at once."""
    outputs = answers["serving_default", frames, 7]["reconstruction"]
    for image, output in zip(_images(frames), outputs):
        expected = code_in_blocks(local_codec.model.module, image, BPP).reconstruction
        np.testing.assert_allclose(output, expected, atol=1e-5)
    coded, decoded = (answers[signature, frames, 7] for signature in ("compress", "decompress"))
    assert_as_keras(exported.model, exported.version, _images(frames), coded, decoded["image"])


def test_a_row_does_not_depend_on_the_rows_beside_it(answers):
    for (signature, length, rows), outputs in answers.items():
        if rows == 7:
            first = {name: value[:1] for name, value in outputs.items()}
            assert_outputs(first, answers[signature, length, 1], 1e-6, signature)


def test_rates_are_at_or_under_what_was_asked(exported, answers):
    entropy = exported.model.get_config()["bottleneck"] == "entropy"
    requested = np.linspace(0.3, 1.5, 7)
    for frames in FRAMES:
        outputs = answers["compress", frames, 7]
        columns = -(-frames // 16)
        if not entropy:
            np.testing.assert_allclose(outputs["bpp"], BPP * 16 * columns / frames, rtol=1e-6)
            for string in outputs["bitstring_bytes"]:
                # Exactly the bound on the padded image.
                bits = 8 * (len(string) - bitstring.PREFIX_BYTES)
                assert bits == BPP * FRONT_END.mels * 16 * columns
            continue
        assert (outputs["bpp"] <= requested).all() and (np.diff(outputs["step"]) <= 0).all()
        assert outputs["step"][0] > outputs["step"][-1]
        count = 3 * columns * 8
        assert {len(string) for string in outputs["bitstring_bytes"]} == {16 + packed_bytes(count, 16)}
    np.testing.assert_array_equal(answers["compress", FRAMES[0], 7]["shape"], [[48, FRAMES[0], 1]] * 7)


def test_files_of_the_servers_bytes_are_what_the_codec_writes(exported, local_codec, answers, waveform):
    """But for the step, as the codec counts what adaptive payloads save, and the last digits of the level."""
    same = 0
    for row, gain in enumerate((1, 0.5, 0.1, -1, 0.01, 0.7)):
        string = answers["compress_audio", 12000, 7]["bitstring_bytes"][row]
        ours = local_codec.compress(waveform * np.float32(gain), 8000)
        (expected,) = local_codec.bitstrings_from_file(ours)
        assert 0 <= string[1] - expected[1] <= 20
        if string[1] == expected[1]:
            same += 1
            assert string[:8] + string[12:] == expected[:8] + expected[12:]
            references = [struct.unpack("<f", text[8:12])[0] for text in (string, expected)]
            assert abs(references[0] - references[1]) < 1e-4
        sound, rate_hz = local_codec.decompress(local_codec.file_from_bitstring(string))
        assert rate_hz == 8000 and sound.shape == (12000,)
    assert same or exported.model.get_config()["bottleneck"] == "entropy"


def test_sound_from_the_server_is_as_near_as_the_codecs(local_codec, answers, waveform):
    outputs = answers["decompress_audio", 12000, 7]["waveform"]
    assert outputs.shape == (7, 12000) and outputs.dtype == np.float32
    sound, _ = local_codec.decompress(local_codec.compress(waveform, 8000))
    # The phase is another, and the spectrum much the same.
    spectra = [np.log(mel_spectrogram(x, FRONT_END) + 1e-3) for x in (outputs[0], sound)]
    assert np.mean(np.abs(spectra[0] - spectra[1])) < 0.5
    assert not outputs[6].any()


@pytest.mark.parametrize("frames", FRAMES)
def test_metrics_are_those_of_the_library(answers, frames):
    images, outputs = tf.constant(_images(frames)), answers["metrics", frames, 7]
    other = tf.clip_by_value(images + 0.1, 0, 1)
    np.testing.assert_allclose(outputs["mse"], losses.mse(images, other), rtol=1e-5)
    np.testing.assert_allclose(outputs["nlpd"], losses.nlpd(images, other), rtol=1e-4)
    np.testing.assert_allclose(outputs["ms_ssim"], losses.ms_ssim(images, other, scales=3), rtol=1e-4)


def test_all_signatures_are_there_and_metadata_is_what_the_exporter_recorded(exported, answers):
    signatures = {signature for signature, *_ in answers}
    assert len(signatures) == 7 and set(signature_defs(exported.version)) == signatures
    assert json.loads(answers["metadata", 0, 1]["metadata"][0]) == codec.read_settings(exported.version)


def _strings(strings: list[bytes]) -> dict:
    return {"bitstring_bytes": strings}


def _with_extent(string: bytes, extent: int) -> bytes:
    return string[:12] + struct.pack("<I", extent) + string[16:]


def test_what_is_wrong_is_refused_and_the_next_request_is_answered(exported, cpp, answers, waveform):
    images, sound = _images(64, 2), np.stack([waveform, waveform])
    good = {"image": images, "bpp": _rates(2)}
    string, string_of_sound = (
        answers[key]["bitstring_bytes"][0] for key in (("compress", 57, 1), ("compress_audio", 12000, 1))
    )
    low = _strings(cpp.run("compress", {"image": images[:1, :32], "bpp": _rates(1)})["bitstring_bytes"])
    loud = string[:8] + struct.pack("<f", 400.0) + string[12:]
    bad = [
        ("decompress_audio", low, "48 pixels"),
        ("decompress_audio", _strings([loud]), "reference"),
        ("compress", {**good, "image": images[:0], "bpp": _rates(0)}, "image is an empty batch"),
        ("compress", {**good, "image": images * np.nan}, "NaN or infinite"),
        ("compress", {**good, "image": images * np.inf}, "NaN or infinite"),
        ("compress", {**good, "image": images * 255}, "within [0, 1]"),
        ("compress", {**good, "image": images - 1}, "within [0, 1]"),
        ("compress", {**good, "image": images[:, :, :0]}, "image is empty"),
        ("compress", {**good, "image": images[:, :0]}, "image is empty"),
        ("compress", {**good, "image": np.zeros([2, 48, 50000, 1], np.float32)}, "too large"),
        ("compress", {**good, "image": np.zeros([2, 70000, 16, 1], np.float32)}, "higher than"),
        ("compress", {**good, "image": images[0]}, "[48,64,1] is not compatible"),
        ("compress", {**good, "image": images[..., [0, 0, 0]]}, "[2,48,64,3] is not compatible"),
        ("compress", {**good, "image": images.astype(np.int32)}, "float"),
        ("compress", {**good, "bpp": _rates(1)}, "one number for each row"),
        ("compress", {**good, "bpp": _rates(2) - 1}, "bpp must be above 0"),
        ("compress", {**good, "bpp": _rates(2) * np.nan}, "bpp must be above 0"),
        ("serving_default", {"image": images * np.nan}, "NaN or infinite"),
        ("serving_default", {"image": images[:0]}, "empty batch"),
        ("metrics", {"image": images[:, :40], "reference": images[:, :40]}, "too small for the metrics: 41"),
        ("metrics", {"image": images, "reference": images[:, :, :50]}, "one shape"),
        ("metrics", {"image": images, "reference": images[:1]}, "one shape"),
        ("metrics", {"image": images, "reference": images * np.nan}, "reference holds values that are NaN"),
        ("compress_audio", {"waveform": sound[:0], "bpp": _rates(0)}, "empty batch"),
        ("compress_audio", {"waveform": sound[:, :0], "bpp": _rates(2)}, "1 samples or more"),
        ("compress_audio", {"waveform": sound * np.nan, "bpp": _rates(2)}, "NaN or infinite"),
        ("compress_audio", {"waveform": sound * 1e9, "bpp": _rates(2)}, "full scale of 1"),
        ("compress_audio", {"waveform": sound[0], "bpp": _rates(1)}, "[12000] is not compatible"),
        ("compress_audio", {"waveform": np.zeros([1, 2**24], np.float32), "bpp": _rates(1)}, "too large"),
        ("decompress", _strings([]), "empty batch"),
        ("decompress", _strings([b""]), "not even its prefix"),
        ("decompress", _strings([string[:15]]), "not even its prefix"),
        ("decompress", _strings([string[:16]]), "wrong length"),
        ("decompress", _strings([string[:-1]]), "wrong length"),
        ("decompress", _strings([string + b"\0"]), "wrong length"),
        ("decompress", _strings([string, string[:-1]]), "wrong length"),
        ("decompress", _strings([os.urandom(len(string))]), ""),
        ("decompress", _strings([b"\2" + string[1:]]), "version 1"),
        ("decompress", _strings([string[:1] + b"\xff" + string[2:]]), "steps"),
        ("decompress", _strings([string[:4] + b"abcd" + string[8:]]), "another model"),
        ("decompress", _strings([string[:8] + b"\xff" * 4 + string[12:]]), "reference"),
        ("decompress", _strings([_with_extent(string, 0)]), "empty"),
        ("decompress", _strings([_with_extent(string, 2**31 - 1)]), "too large"),
        ("decompress", _strings([_with_extent(string, 2**32 - 1)]), "empty"),
        ("decompress", _strings([string, string_of_sound]), "one shape"),
        ("decompress_audio", _strings([string[:-1]]), "wrong length"),
        ("decompress_audio", _strings([b"RIFF" + bytes(100)]), "version 1"),
    ]
    if exported.model.get_config()["bottleneck"] == "entropy":
        beyond = string[:-2] + b"\xff\x7f"
        bad.append(("decompress", _strings([beyond]), "beyond the model's tables"))
    for signature, inputs, message in bad:
        refusal = cpp.run(signature, inputs)
        assert isinstance(refusal, str), (signature, message, refusal)
        assert message in refusal.replace("\\'", "'"), (signature, message, refusal)
        assert isinstance(cpp.run("decompress", _strings([string])), dict), message


def test_a_model_of_fixed_frames_takes_those_and_no_others(run_folder, waveform):
    version = exported_once(run_folder, "entropy_fixed", "entropy", frames=64)
    signatures = signature_defs(version)
    image = signatures["serving_default"].inputs["image"].tensor_shape
    assert [dim.size for dim in image.dim] == [-1, 48, 64, 1]
    samples = FRONT_END.samples(64)
    output = signatures["decompress_audio"].outputs["waveform"].tensor_shape
    assert [dim.size for dim in output.dim] == [-1, samples]
    images, sound = _images(64, 3), waveform[None, :samples]
    requests = [
        ("compress", {"image": images, "bpp": _rates(3)}),
        ("serving_default", {"image": images[:, :, :48]}),
        ("compress_audio", {"waveform": sound, "bpp": _rates(1)}),
        ("compress_audio", {"waveform": sound[:, :-1], "bpp": _rates(1)}),
        ("metrics", {"image": images, "reference": images}),
    ]
    coded, narrow, coded_sound, short, metrics = run_in_cpp(version, requests)
    assert len(coded["bitstring_bytes"]) == 3 and len(coded_sound["bitstring_bytes"]) == 1
    assert "not compatible" in narrow and "not compatible" in short
    np.testing.assert_allclose(metrics["ms_ssim"], 1, atol=1e-6)
    # It is the same model: bytes of one are bytes of the other.
    requests = [
        ("decompress_audio", _strings(coded_sound["bitstring_bytes"])),
        ("decompress", _strings([_with_extent(coded["bitstring_bytes"][0], 32)])),
    ]
    decoded, wrong = run_in_cpp(version, requests)
    assert decoded["waveform"].shape == (1, samples) and isinstance(wrong, str)


def test_every_warm_up_request_is_answered(exported, cpp):
    """One that is not would keep a server from loading the model."""
    prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = exported.version / "assets.extra" / "tf_serving_warmup_requests"
    signatures = set()
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        assert request.model_spec.name == exported.version.parent.name
        arrays = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        inputs = {name: list(value) if value.dtype == object else value for name, value in arrays.items()}
        assert isinstance(cpp.run(request.model_spec.signature_name, inputs), dict)
        signatures.add(request.model_spec.signature_name)
    assert signatures == set(signature_defs(exported.version))


def test_a_model_with_an_operation_that_is_not_stock_does_not_load(tmp_path):
    """So the runtime is as strict as a server."""
    import tensorflow_compression as tfc

    module = tf.Module()
    module.f = tf.function(
        lambda x: {"y": tfc.pmf_to_quantized_cdf(x, precision=16)}, [tf.TensorSpec([4], tf.float32)]
    )
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": module.f})
    with pytest.raises(RuntimeError, match="not registered"):
        run_in_cpp(tmp_path / "1", [("serving_default", {"x": np.ones(4, np.float32) / 4})])
