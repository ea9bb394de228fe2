"""Trained models of the paper's losses and both bottlenecks, and the shipped ones, as a server runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tools.cpp_process import cpp_session
from tests.tools.outputs import assert_as_keras
from tfnoise import codec, serving
from tfnoise.codec import bitstring
from tfnoise.training import TrainingRun, TrainingSettings

pytestmark = [pytest.mark.cpp_runtime, pytest.mark.slow]
STEPS = 12


def _round_trip(version: Path, suffix: str, inputs: dict) -> tuple[dict, dict]:
    """Outputs of compress and decompress, with a suffix "" or "_audio", at the model's own rate."""
    rows = len(next(iter(inputs.values())))
    with cpp_session(version) as session:
        coded = session.run(f"compress{suffix}", {**inputs, "bpp": np.zeros(rows, np.float32)})
        strings = {"bitstring_bytes": coded["bitstring_bytes"]}
        return coded, session.run(f"decompress{suffix}", strings)


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
    images = np.random.default_rng(0).random([2, 128, 200, 1], np.float32)
    coded, decoded = _round_trip(version, "", {"image": images})
    assert_as_keras(model, version, images, coded, decoded["image"])
    here = codec.Codec.load(version)
    for row, string in enumerate(coded["bitstring_bytes"]):
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
    models = serving.exported_models(Path(__file__).resolve().parents[2] / "saved_models")
    return [model / str(version) for model in models for version in codec.versions(model)]


@pytest.mark.parametrize("version", _shipped(), ids=lambda path: f"{path.parent.name}_{path.name}")
def test_a_shipped_model_runs(version):
    here = codec.Codec.load(version)
    samples = here.front_end.sample_rate_hz
    waveform = np.random.default_rng(0).normal(0, 0.1, [1, samples]).astype(np.float32)
    coded, decoded = _round_trip(version, "_audio", {"waveform": waveform})
    assert decoded["waveform"].shape == waveform.shape
    assert here.fingerprint == codec.read_settings(version)["fingerprint"]
    strings = coded["bitstring_bytes"]
    assert here.bitstrings_from_file(here.file_from_bitstring(strings[0])) == list(strings)
