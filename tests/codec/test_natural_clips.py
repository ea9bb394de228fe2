"""The shipped model on real clips: exact symbols, rates that are kept and used, levels, no seams."""

from __future__ import annotations

import io
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.audio import read, recording_to_image, resample, to_mono
from tfnoise.codec import Codec
from tfnoise.codec.blocks import code_in_blocks
from tfnoise.codec.format import summary
from tfnoise.data import list_clips

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def best(repo_root: Path) -> Codec:
    return Codec.load(repo_root / "saved_models" / "best")


def level_db(waveform: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(waveform, dtype=np.float64)))


def test_every_clip(best, natural_folder, monkeypatch):
    spy = mock.Mock(side_effect=best._payloads.encode)
    monkeypatch.setattr(best._payloads, "encode", spy)
    clips = list_clips(str(natural_folder), "all")
    assert len(clips) > 100
    for clip in clips:
        samples, rate_hz = read(clip.path)
        mono = to_mono(samples)
        for bpp in (0.25, 0.5, 1.0):
            data = best.compress(mono, rate_hz, bpp)
            counts = summary(data)
            [block] = best.symbols_of(io.BytesIO(data))
            np.testing.assert_array_equal(block.symbols, spy.call_args.args[0])
            spy.reset_mock()
            rate = 8 * counts.payload_bytes / (best.front_end.mels * counts.frames)
            assert 0.9 * bpp <= rate <= bpp, (clip.path, bpp, rate)
            assert len(data) - counts.payload_bytes <= 84
            assert 8 * counts.payload_bytes - best.estimated_bits(io.BytesIO(data)) <= 15
        decoded, _ = best.decompress(best.compress(mono, rate_hz))
        own_hz = best.front_end.sample_rate_hz
        band_limited = resample(resample(mono, rate_hz, own_hz), own_hz, rate_hz)
        assert len(decoded) == len(mono)
        assert abs(level_db(decoded) - level_db(band_limited)) < 6, clip.path


def test_no_seam_shows(best, natural_folder):
    """Two minutes in blocks have the error of two minutes in one, near the edges as elsewhere."""
    clips = list_clips(str(natural_folder), "all")
    near_error, far_error = [], []
    for start in (0, 29, 58, 82):
        sounds = []
        for clip in clips[start : start + 29]:
            samples, rate_hz = read(clip.path)
            sounds.append(resample(to_mono(samples), rate_hz, best.front_end.sample_rate_hz))
        image, _ = recording_to_image(np.concatenate(sounds), best.front_end)
        assert image.shape[1] > 6 * 1024
        coded = code_in_blocks(best.model.module, image, 0.5)
        whole = code_in_blocks(best.model.module, image, 0.5, 1 << 14)
        np.testing.assert_allclose(coded.reconstruction, whole.reconstruction, atol=1e-4)
        errors = np.mean(np.square(coded.reconstruction - image), axis=(0, 2))
        edges = np.arange(1024, image.shape[1], 1024)
        near = np.zeros(len(errors), bool)
        near[(edges[:, None] + np.arange(-16, 16)).ravel()] = True
        near_error.extend(errors[near])
        far_error.extend(errors[~near])
    assert np.mean(near_error) <= 1.05 * np.mean(far_error)


def test_bfloat16_changes_the_sound_and_no_symbol(repo_root, best, natural_folder):
    clip = list_clips(str(natural_folder))[0]
    samples, rate_hz = read(clip.path)
    data = best.compress(to_mono(samples), rate_hz)
    other = Codec.load(repo_root / "saved_models" / "best", precision="bfloat16")
    [block], [other_block] = (codec.symbols_of(io.BytesIO(data)) for codec in (best, other))
    np.testing.assert_array_equal(block.symbols, other_block.symbols)
    quantized = best.model.module.dequantize(block.symbols[None], tf.constant([block.step_index]))
    images = [codec._synthesise(quantized).numpy() for codec in (best, other)]
    difference = np.abs(images[0] - images[1])
    assert 0 < difference.mean() < 0.005
    assert abs(level_db(other.decompress(data)[0]) - level_db(best.decompress(data)[0])) < 0.5
