"""Trained models of the paper's losses and both bottlenecks, and the shipped ones, as a server runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tools.cpp_process import run_in_cpp, signature_defs
from tests.tools.outputs import assert_as_keras
from tfnoise import codec, serving
from tfnoise.codec import bitstring
from tfnoise.training import TrainingRun, TrainingSettings

pytestmark = [pytest.mark.cpp_runtime, pytest.mark.slow]
STEPS = 12


def _images(mels: int, frames: int) -> np.ndarray:
    return np.random.default_rng(0).random([2, mels, frames, 1], np.float32)


@pytest.mark.parametrize("loss", ["mse", "ms_ssim", "nlpd"])
@pytest.mark.parametrize("bottleneck", ["entropy", "levels"])
def test_a_trained_model_gives_in_the_runtime_what_keras_gives(loss, bottleneck, tmp_path):
    settings = TrainingSettings(
        loss=loss, bottleneck=bottleneck, filters=16, batch_size=4, epochs=1, steps_per_epoch=STEPS
    )
    run = TrainingRun(settings, tmp_path / "run")
    run.train(STEPS, lambda logs: None, lambda *arguments: None)
    model = run.final_model()
    version = serving.export_model(model, settings.front_end, tmp_path / "models" / loss, {"loss": loss})
    images, rates = _images(128, 200), np.zeros(2, np.float32)
    (coded,) = run_in_cpp(version, [("compress", {"image": images, "bpp": rates})])
    strings = coded["bitstring_bytes"]
    (decoded,) = run_in_cpp(version, [("decompress", {"bitstring_bytes": strings})])
    assert_as_keras(model, version, images, coded, decoded["image"])
    here = codec.Codec.load(version)
    for row, string in enumerate(strings):
        data = here.file_from_bitstring(string)
        payload_bits = 8 * (len(data) - 82)
        if bottleneck == "levels":
            assert 8 * (len(string) - bitstring.PREFIX_BYTES) == 0.5 * 128 * 208
            assert payload_bits <= 0.5 * 128 * 208
        else:
            assert payload_bits <= 0.5 * 128 * 200
            # The server counts the step's own tables; those that follow the symbols take no more.
            assert payload_bits <= coded["bpp"][row] * 128 * 200 + 24


def _shipped() -> list[Path]:
    folder = Path(__file__).resolve().parents[2] / "saved_models"
    return [
        model / str(version) for model in serving.exported_models(folder) for version in codec.versions(model)
    ]


@pytest.mark.parametrize("version", _shipped(), ids=lambda path: f"{path.parent.name}_{path.name}")
def test_a_shipped_model_runs(version):
    settings = codec.read_settings(version)
    assert "decompress_audio" in signature_defs(version)
    front_end = codec.load(version).front_end
    waveform = np.random.default_rng(0).normal(0, 0.1, [1, front_end.sample_rate_hz]).astype(np.float32)
    (coded,) = run_in_cpp(
        version, [("compress_audio", {"waveform": waveform, "bpp": np.zeros(1, np.float32)})]
    )
    strings = coded["bitstring_bytes"]
    (decoded,) = run_in_cpp(version, [("decompress_audio", {"bitstring_bytes": strings})])
    assert decoded["waveform"].shape == waveform.shape
    here = codec.Codec.load(version)
    assert here.fingerprint == settings["fingerprint"]
    assert here.bitstrings_from_file(here.file_from_bitstring(strings[0])) == list(strings)
