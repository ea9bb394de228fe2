"""Recordings cut into clips, the very samples that are there; and splits by source file, always the same."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tfnoise.audio import read
from tfnoise.data import Clip, list_clips
from tfnoise.data.splits import PMQD_CLIP_S, cut_clips, link_clips, odd_even_split
from tfnoise.errors import InputError


def test_clips_of_one_file_stay_on_one_side():
    clips = [Clip(f"{file}.wav", f"{file}.{part}", first_sample=part) for file in "dbca" for part in (1, 0)]
    learned, tested = odd_even_split(clips)
    assert [clip.id for clip in learned] == ["b.0", "b.1", "d.0", "d.1"]
    assert [clip.id for clip in tested] == ["a.0", "a.1", "c.0", "c.1"]
    assert odd_even_split(clips[::-1]) == (learned, tested)
    for too_few in ([], [Clip("a.wav", "1"), Clip("a.wav", "2")]):
        with pytest.raises(InputError, match="two files or more"):
            odd_even_split(too_few)


def test_links_lead_to_the_files_and_are_made_once(tmp_path):
    sources = [tmp_path / name for name in ("b.wav", "a.flac")]
    for source in sources:
        source.write_bytes(source.name.encode())
    clips = [Clip(str(source), source.name) for source in sources]
    for _ in range(2):
        link_clips(clips, tmp_path / "links")
    links = sorted((tmp_path / "links").iterdir())
    assert [link.name for link in links] == ["00000.flac", "00001.wav"]
    assert [link.read_bytes() for link in links] == [b"a.flac", b"b.wav"]
    with pytest.raises(InputError, match="http://host/a.wav"):
        link_clips([Clip("http://host/a.wav", "a")], tmp_path / "links")


def test_cuts(tmp_path):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, [30000, 2])
    for name, samples in {"long.flac": 25000, "one.wav": 10000, "rest.wav": 12000, "short.wav": 9999}.items():
        soundfile.write(tmp_path / name, sound[:samples], 8000)
    (tmp_path / "zz.wav").write_bytes(b"RIFF no audio")
    clips = cut_clips(list_clips(tmp_path), duration_s=1.25)
    assert [(clip.id, clip.first_sample, clip.sample_count) for clip in clips] == [
        ("long.flac#0", 0, 10000),
        ("long.flac#1", 10000, 10000),
        ("one.wav", 0, None),
        ("rest.wav", 0, 10000),
        ("short.wav", 0, None),
        ("zz.wav", 0, None),
    ]
    whole, _ = read(tmp_path / "long.flac")
    for clip in clips[:2]:
        part, _ = read(clip.path, first_sample=clip.first_sample, sample_count=clip.sample_count)
        np.testing.assert_array_equal(part, whole[clip.first_sample :][:10000])


def test_pmqds_clips_stay_whole(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros([201984, 2]), 48000, subtype="PCM_24")
    [clip] = cut_clips(list_clips(tmp_path))
    assert clip.sample_count is None and PMQD_CLIP_S == 4.208
    for duration_s in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            cut_clips([clip], duration_s)
