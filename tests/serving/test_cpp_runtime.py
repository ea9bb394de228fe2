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
from tests.tools.keras_check import assert_as_keras
from tfnoise import codec, losses
from tfnoise.audio import mel_spectrogram
from tfnoise.codec import bitstring
from tfnoise.codec.blocks import code_in_blocks
from tfnoise.codec.packed import packed_bytes

pytestmark = pytest.mark.cpp_runtime

# The longer one is of two blocks.
FRAMES = (57, 1100)
BPP = 0.25


def _images(frames: int, rows: int = 7) -> np.ndarray:
    return np.random.default_rng(frames).random([rows, FRONT_END.mels, frames, 1], np.float32)


def _rates(rows: int) -> np.ndarray:
    return np.full([rows], 0.0, np.float32)


@pytest.fixture(scope="module")
def answers(exported, waveform) -> dict:
    """Of every signature, for two lengths and batches of 1 and 7, in one process."""
    waveforms = np.stack([waveform * gain for gain in (1, 0.5, 0.1, -1, 0.01, 0.7, 1e-9)])
    requests = {}
    for frames in FRAMES:
        for rows in (1, 7):
            images = _images(frames)[:rows]
            rates = np.linspace(0.3, 1.5, 7).astype(np.float32)[:rows]
            requests["serving_default", frames, rows] = ("serving_default", {"image": images})
            requests["compress", frames, rows] = ("compress", {"image": images, "bpp": rates})
            other = np.clip(images + 0.1, 0, 1)
            requests["metrics", frames, rows] = ("metrics", {"image": other, "reference": images})
    for samples in (3000, 12000):
        for rows in (1, 7):
            inputs = {"waveform": waveforms[:rows, :samples], "bpp": _rates(rows)}
            requests["compress_audio", samples, rows] = ("compress_audio", inputs)
    requests["metadata", 0, 1] = ("metadata", {"ask": [b""]})
    outputs = dict(zip(requests, run_in_cpp(exported.version, list(requests.values()))))
    coded = {
        key: answer["bitstring_bytes"] for key, answer in outputs.items() if key[0].startswith("compress")
    }
    again = {
        (key[0].replace("compress", "decompress"), *key[1:]): (
            key[0].replace("compress", "decompress"),
            {"bitstring_bytes": strings},
        )
        for key, strings in coded.items()
    }
    outputs.update(zip(again, run_in_cpp(exported.version, list(again.values()))))
    assert not [answer for answer in outputs.values() if isinstance(answer, str)]
    return outputs


def test_all_signatures_are_there(exported):
    assert set(signature_defs(exported.version)) == {
        "serving_default",
        "compress",
        "decompress",
        "compress_audio",
        "decompress_audio",
        "metrics",
        "metadata",
    }


@pytest.mark.parametrize("frames", FRAMES)
def test_reconstructions_are_those_of_the_model(local_codec, answers, frames):
    outputs = answers["serving_default", frames, 7]
    frozen = local_codec.model.module
    for row, image in enumerate(_images(frames)):
        expected = codec_image(frozen, image, BPP)
        np.testing.assert_allclose(outputs["reconstruction"][row], expected, atol=1e-5)


def codec_image(module, image: np.ndarray, bpp: float) -> np.ndarray:
    """As the codec does it, block by block."""
    return code_in_blocks(module, image, bpp).reconstruction


@pytest.mark.parametrize("frames", FRAMES)
def test_symbols_and_images_are_those_of_keras(exported, answers, frames):
    """Of the layers themselves, at the step that was chosen; the whole image at once."""
    outputs = answers["decompress", frames, 7]["image"]
    assert_as_keras(
        exported.model, exported.version, _images(frames), answers["compress", frames, 7], outputs
    )


def test_a_row_does_not_depend_on_the_rows_beside_it(answers):
    for (signature, length, rows), outputs in answers.items():
        if rows == 7:
            alone = answers[signature, length, 1]
            for name, value in outputs.items():
                if isinstance(value, list):
                    assert value[0] == alone[name][0], (signature, name)
                else:
                    np.testing.assert_allclose(
                        value[0], alone[name][0], atol=1e-6, err_msg=f"{signature} {name}"
                    )


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
    here = local_codec
    same = 0
    for row, gain in enumerate((1, 0.5, 0.1, -1, 0.01, 0.7)):
        string = answers["compress_audio", 12000, 7]["bitstring_bytes"][row]
        ours = here.compress(waveform * np.float32(gain), 8000)
        (expected,) = here.bitstrings_from_file(ours)
        assert 0 <= string[1] - expected[1] <= 20
        if string[1] == expected[1]:
            same += 1
            assert string[:8] + string[12:] == expected[:8] + expected[12:]
            references = [struct.unpack("<f", text[8:12])[0] for text in (string, expected)]
            assert abs(references[0] - references[1]) < 1e-4
        sound, rate_hz = here.decompress(here.file_from_bitstring(string))
        assert rate_hz == 8000 and sound.shape == (12000,)
    assert same or exported.model.get_config()["bottleneck"] == "entropy"


def test_sound_from_the_server_is_as_near_as_the_codecs(local_codec, answers, waveform):
    outputs = answers["decompress_audio", 12000, 7]["waveform"]
    assert outputs.shape == (7, 12000) and outputs.dtype == np.float32
    sound, _ = local_codec.decompress(local_codec.compress(waveform, 8000))
    # The phase is another, and the spectrum much the same.
    spectra = [np.log(np.asarray(mel_of(x)) + 1e-3) for x in (outputs[0], sound)]
    assert np.mean(np.abs(spectra[0] - spectra[1])) < 0.5
    assert not outputs[6].any()


def mel_of(waveform: np.ndarray) -> tf.Tensor:
    return mel_spectrogram(waveform, FRONT_END)


@pytest.mark.parametrize("frames", FRAMES)
def test_metrics_are_those_of_the_library(answers, frames):
    images = tf.constant(_images(frames))
    other = tf.clip_by_value(images + 0.1, 0, 1)
    outputs = answers["metrics", frames, 7]
    np.testing.assert_allclose(outputs["mse"], losses.mse(images, other), rtol=1e-5)
    np.testing.assert_allclose(outputs["nlpd"], losses.nlpd(images, other), rtol=1e-4)
    np.testing.assert_allclose(outputs["ms_ssim"], losses.ms_ssim(images, other, scales=3), rtol=1e-4)


def test_metadata_is_what_the_exporter_recorded(exported, answers):
    assert json.loads(answers["metadata", 0, 1]["metadata"][0]) == codec.read_settings(exported.version)


def _with_extent(string: bytes, extent: int) -> bytes:
    return string[:12] + struct.pack("<I", extent) + string[16:]


def test_what_is_wrong_is_refused_and_the_next_request_is_answered(exported, waveform):
    images, sound = _images(64, 2), np.stack([waveform, waveform])
    good = {"image": images, "bpp": _rates(2)}
    coded, sounds = run_in_cpp(
        exported.version, [("compress", good), ("compress_audio", {"waveform": sound, "bpp": _rates(2)})]
    )
    string = coded["bitstring_bytes"][0]
    (low,) = run_in_cpp(exported.version, [("compress", {"image": images[:1, :32], "bpp": _rates(1)})])
    loud = string[:8] + struct.pack("<f", 400.0) + string[12:]
    bad = [
        ("decompress_audio", {"bitstring_bytes": low["bitstring_bytes"]}, "48 pixels"),
        ("decompress_audio", {"bitstring_bytes": [loud]}, "reference"),
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
        ("decompress", {"bitstring_bytes": []}, "empty batch"),
        ("decompress", {"bitstring_bytes": [b""]}, "not even its prefix"),
        ("decompress", {"bitstring_bytes": [string[:15]]}, "not even its prefix"),
        ("decompress", {"bitstring_bytes": [string[:16]]}, "wrong length"),
        ("decompress", {"bitstring_bytes": [string[:-1]]}, "wrong length"),
        ("decompress", {"bitstring_bytes": [string + b"\0"]}, "wrong length"),
        ("decompress", {"bitstring_bytes": [string, string[:-1]]}, "wrong length"),
        ("decompress", {"bitstring_bytes": [os.urandom(len(string))]}, ""),
        ("decompress", {"bitstring_bytes": [b"\2" + string[1:]]}, "version 1"),
        ("decompress", {"bitstring_bytes": [string[:1] + b"\xff" + string[2:]]}, "steps"),
        ("decompress", {"bitstring_bytes": [string[:4] + b"abcd" + string[8:]]}, "another model"),
        ("decompress", {"bitstring_bytes": [string[:8] + b"\xff" * 4 + string[12:]]}, "reference"),
        ("decompress", {"bitstring_bytes": [_with_extent(string, 0)]}, "empty"),
        ("decompress", {"bitstring_bytes": [_with_extent(string, 2**31 - 1)]}, "too large"),
        ("decompress", {"bitstring_bytes": [_with_extent(string, 2**32 - 1)]}, "empty"),
        ("decompress", {"bitstring_bytes": [string, sounds["bitstring_bytes"][0]]}, "one shape"),
        ("decompress_audio", {"bitstring_bytes": [string[:-1]]}, "wrong length"),
        ("decompress_audio", {"bitstring_bytes": [b"RIFF" + bytes(100)]}, "version 1"),
    ]
    if exported.model.get_config()["bottleneck"] == "entropy":
        beyond = string[:-2] + b"\xff\x7f"
        bad.append(("decompress", {"bitstring_bytes": [beyond]}, "beyond the model's tables"))
    requests = []
    for signature, inputs, _ in bad:
        requests += [(signature, inputs), ("decompress", {"bitstring_bytes": [string]})]
    answers = run_in_cpp(exported.version, requests)
    for (signature, _, message), refusal, next_answer in zip(bad, answers[::2], answers[1::2]):
        assert isinstance(refusal, str), (signature, message, refusal)
        assert message in refusal.replace("\\'", "'"), (signature, message, refusal)
        assert isinstance(next_answer, dict), (message, next_answer)


def test_a_model_of_fixed_frames_takes_those_and_no_others(run_folder, waveform):
    version = exported_once(run_folder, "entropy_fixed", "entropy", frames=64)
    signatures = signature_defs(version)
    image = signatures["serving_default"].inputs["image"].tensor_shape
    assert [dim.size for dim in image.dim] == [-1, 48, 64, 1]
    samples = FRONT_END.samples(64)
    assert [dim.size for dim in signatures["decompress_audio"].outputs["waveform"].tensor_shape.dim] == [
        -1,
        samples,
    ]
    images, sound = _images(64, 3), waveform[None, :samples]
    answers = run_in_cpp(
        version,
        [
            ("compress", {"image": images, "bpp": _rates(3)}),
            ("serving_default", {"image": images[:, :, :48]}),
            ("compress_audio", {"waveform": sound, "bpp": _rates(1)}),
            ("compress_audio", {"waveform": sound[:, :-1], "bpp": _rates(1)}),
            ("metrics", {"image": images, "reference": images}),
        ],
    )
    assert len(answers[0]["bitstring_bytes"]) == 3 and len(answers[2]["bitstring_bytes"]) == 1
    assert "not compatible" in answers[1] and "not compatible" in answers[3]
    np.testing.assert_allclose(answers[4]["ms_ssim"], 1, atol=1e-6)
    # It is the same model: bytes of one are bytes of the other.
    decoded, wrong = run_in_cpp(
        version,
        [
            ("decompress_audio", {"bitstring_bytes": answers[2]["bitstring_bytes"]}),
            ("decompress", {"bitstring_bytes": [_with_extent(answers[0]["bitstring_bytes"][0], 32)]}),
        ],
    )
    assert decoded["waveform"].shape == (1, samples)
    assert isinstance(wrong, str)


def test_every_warm_up_request_is_answered(exported):
    """One that is not would keep a server from loading the model."""
    prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = exported.version / "assets.extra" / "tf_serving_warmup_requests"
    requests = []
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        assert request.model_spec.name == exported.version.parent.name
        arrays = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        plain = {name: list(value) if value.dtype == object else value for name, value in arrays.items()}
        requests.append((request.model_spec.signature_name, plain))
    assert {signature for signature, _ in requests} == set(signature_defs(exported.version))
    assert not [answer for answer in run_in_cpp(exported.version, requests) if isinstance(answer, str)]


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
