"""Recordings cut into clips: where each lies, and the very samples that are there."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tfnoise.audio import read
from tfnoise.data import Clip, list_clips
from tfnoise.data.splits import PMQD_CLIP_S, cut_clips


@pytest.fixture
def folder(tmp_path):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, [30000, 2])
    soundfile.write(tmp_path / "long.flac", sound[:25000], 8000)
    soundfile.write(tmp_path / "one.wav", sound[:10000], 8000)
    soundfile.write(tmp_path / "rest.wav", sound[:12000], 8000)
    soundfile.write(tmp_path / "short.wav", sound[:9999], 8000)
    (tmp_path / "zz.wav").write_bytes(b"RIFF no audio")
    return tmp_path


def test_cuts(folder):
    clips = cut_clips(list_clips(folder), duration_s=1.25)
    assert [(clip.id, clip.first_sample, clip.sample_count) for clip in clips] == [
        ("long.flac#0", 0, 10000),
        ("long.flac#1", 10000, 10000),
        ("one.wav", 0, None),
        ("rest.wav", 0, 10000),
        ("short.wav", 0, None),
        ("zz.wav", 0, None),
    ]
    whole, _ = read(folder / "long.flac")
    for clip in clips[:2]:
        part, _ = read(clip.path, first_sample=clip.first_sample, sample_count=clip.sample_count)
        np.testing.assert_array_equal(part, whole[clip.first_sample :][:10000])


def test_pmqds_clips_stay_whole(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros([201984, 2]), 48000, subtype="PCM_24")
    [clip] = cut_clips(list_clips(tmp_path))
    assert clip.sample_count is None and PMQD_CLIP_S == 4.208


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("nan")])
def test_refuses(duration_s):
    with pytest.raises(ValueError, match="above 0"):
        cut_clips([Clip("a.wav", "a")], duration_s)
