"""A list and its files: what each kind of disagreement is called."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import soundfile

from tfnoise.data import Clip
from tfnoise.data.clip_list import list_problems, odd_files


def clips(*names: str, folder: str = "set") -> list[Clip]:
    return [Clip(path=f"{folder}/audio/{name}", id=str(n), rating=3.0) for n, name in enumerate(names)]


@pytest.mark.parametrize("folder", ["set", "audio", "/data/audio/set", "https://host/audio", "."])
def test_nothing_is_wrong(folder):
    names = ["a.wav", "sub/b.wav", "audio/c.wav"]
    assert list_problems(clips(*names, folder=folder), names) == []
    assert list_problems([], []) == []


def test_files_without_rows_and_rows_without_files():
    assert list_problems(clips("a.wav", "b.wav"), {"b.wav", "d.wav", "c.wav"}) == [
        "id '0': its file 'a.wav' is not in audio/",
        "'c.wav' in audio/ has no row",
        "'d.wav' in audio/ has no row",
    ]


def test_doubles():
    a, b = clips("a.wav", "b.wav")
    assert list_problems([a, dataclasses.replace(b, id="0")], ["a.wav", "b.wav"]) == [
        "id '0' stands in 2 rows"
    ]
    again = dataclasses.replace(b, path=a.path)
    assert list_problems([a, again], ["a.wav"]) == ["'a.wav' is the file of 2 rows"]


@pytest.mark.parametrize("rating", [0.99, 5.01, -3.0, math.nan, math.inf])
def test_ratings_out_of_range(rating):
    [clip] = clips("a.wav")
    [problem] = list_problems([dataclasses.replace(clip, rating=rating)], ["a.wav"])
    assert problem == f"id '0': the rating {rating:g} is not from 1 to 5"


@pytest.mark.parametrize("rating", [None, 1.0, 2.5, 5.0])
def test_ratings_in_range(rating):
    [clip] = clips("a.wav")
    assert list_problems([dataclasses.replace(clip, rating=rating)], ["a.wav"]) == []


def test_files_of_another_form_are_named(tmp_path):
    clips = []
    for number, (samples, rate_hz) in enumerate([(800, 8000), (800, 8000), (799, 8000), (800, 16000)]):
        soundfile.write(tmp_path / f"{number}.wav", np.zeros(samples), rate_hz)
        clips.append(Clip(str(tmp_path / f"{number}.wav"), str(number)))
    clips.append(Clip(str(tmp_path / "absent.wav"), "4"))
    assert odd_files(clips) == {
        clips[2].path: f"{clips[2].path}: has 799 samples at 8000 Hz where the others have 800 at 8000 Hz",
        clips[3].path: f"{clips[3].path}: has 800 samples at 16000 Hz where the others have 800 at 8000 Hz",
    }
    assert odd_files(clips[4:]) == {}
