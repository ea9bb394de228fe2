"""Splits: by source file, never both sides, always the same."""

from __future__ import annotations

import pytest

from tfnoise.data import Clip
from tfnoise.data.splits import link_clips, odd_even_split
from tfnoise.errors import InputError


def test_clips_of_one_file_stay_on_one_side():
    clips = [Clip(f"{file}.wav", f"{file}.{part}", first_sample=part) for file in "dbca" for part in (1, 0)]
    learned, tested = odd_even_split(clips)
    assert [clip.id for clip in learned] == ["b.0", "b.1", "d.0", "d.1"]
    assert [clip.id for clip in tested] == ["a.0", "a.1", "c.0", "c.1"]
    assert odd_even_split(clips[::-1]) == (learned, tested)


@pytest.mark.parametrize("clips", [[], [Clip("a.wav", "1"), Clip("a.wav", "2")]])
def test_fewer_than_two_files_cannot_be_split(clips):
    with pytest.raises(InputError, match="two files or more"):
        odd_even_split(clips)


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


def test_a_clip_that_is_no_file_here_is_named(tmp_path):
    with pytest.raises(InputError, match="http://host/a.wav"):
        link_clips([Clip("http://host/a.wav", "a")], tmp_path / "links")
