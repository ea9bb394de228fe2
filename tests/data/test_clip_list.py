"""Lists of clips: by pmqd.csv, by walking, and what is wrong with a list or between it and its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tfnoise.data import Clip, list_clips
from tfnoise.data.clip_list import list_problems, odd_files, read_list
from tfnoise.errors import InputError

HEADER = "id,genre,artist,title,degradation_type,degradation_intensity,rating,sample_start,sample_filename\n"
ROWS = HEADER + (
    '7,Rock,"Band, The",Söng,original,0.0,4.5,30,b.wav\n'
    "8,Rock,Band,Song,noise,12.5,,30.5,sub/a.wav\n"
    "9,,,,original,,,,c.flac\n"
)


def listed(folder: Path, text: str, encoding: str = "utf-8") -> str:
    folder.joinpath("pmqd.csv").write_text(text, encoding=encoding)
    return str(folder)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_reads_the_list_in_its_order(tmp_path, encoding):
    folder = listed(tmp_path, ROWS, encoding)
    first, second, third = list_clips(folder, degradation="all")
    assert first == Clip(
        path=f"{folder}/audio/b.wav",
        id="7",
        genre="Rock",
        degradation="original",
        intensity=0.0,
        rating=4.5,
        artist="Band, The",
        title="Söng",
        sample_start=30.0,
    )
    assert (second.degradation, second.intensity, second.rating) == ("noise", 12.5, None)
    assert second.path == f"{folder}/audio/sub/a.wav"
    assert third == Clip(path=f"{folder}/audio/c.flac", id="9")


def test_chooses_the_degradation(tmp_path):
    folder = listed(tmp_path, ROWS)
    assert [clip.id for clip in list_clips(folder)] == ["7", "9"]
    assert [clip.id for clip in list_clips(folder, degradation="noise")] == ["8"]
    with pytest.raises(InputError, match="'limiter'; ask for one of: all, noise, original"):
        list_clips(folder, degradation="limiter")


@pytest.mark.parametrize(
    "name", ["../x.wav", "/x.wav", "a/../../x.wav", "..\\x.wav", "C:\\x.wav", "http://a/x.wav", ""]
)
def test_refuses_files_outside_audio(tmp_path, name):
    folder = listed(tmp_path, f"{HEADER}1,,,,original,0,,,ok.wav\n2,,,,original,0,,,{name}\n")
    with pytest.raises(InputError, match=r"pmqd\.csv, line 3: sample_filename") as caught:
        list_clips(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text,words",
    [
        (HEADER.replace("rating,", ""), "no column rating;"),
        ("", "no column id, genre"),
        (HEADER, "holds no audio"),
        (HEADER + "1,,,,original,0,good,,a.wav\n", "line 2: rating 'good' is not a number"),
        (HEADER + "1,,,,original,0,nan,,a.wav\n", "line 2: rating 'nan' is not a number"),
        (HEADER + "1,,,,original,0,5.1,,a.wav\n", "line 2: rating 5.1 is not within 1 to 5"),
        (HEADER + "1,,,,original,0,0,,a.wav\n", "line 2: rating 0 is not within 1 to 5"),
        (HEADER + 2 * "1,,,,original,0,5,,a.wav\n", "line 3: the id '1' is another row's too"),
        (HEADER + "1,,,,original,much,,,a.wav\n", "degradation_intensity 'much'"),
        (HEADER + "1,,,,original,0,a.wav\n", "line 2: expected 9 fields, found 7; fix the line"),
        (HEADER + "1,,,,original,0,,,a.wav,more\n", "line 2: expected 9 fields, found 10"),
        (HEADER + '1,"a,b\n', "not a readable CSV file"),
    ],
)
def test_bad_lists(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as caught:
        list_clips(listed(tmp_path, text))
    assert str(tmp_path) in str(caught.value)


def test_walks_a_folder_without_a_list_in_order(tmp_path):
    for name in ("b/z.wav", "b/a.FLAC", "a.mp3", "c.txt", "b.wav", "b/.hidden.wav", "B.ogg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    clips = list_clips(tmp_path)
    assert [clip.id for clip in clips] == ["B.ogg", "a.mp3", "b.wav", "b/a.FLAC", "b/z.wav"]
    assert clips[3] == Clip(path=f"{tmp_path}/b/a.FLAC", id="b/a.FLAC")
    # One file is one clip.
    assert list_clips(tmp_path / "b.wav") == [Clip(path=f"{tmp_path}/b.wav", id="b.wav")]


def test_folders_that_cannot_be_listed(tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").touch()
    listed(tmp_path, ROWS, "latin-1")
    for name, words in (("absent", "absent: no such folder"), ("text", "holds no audio"), ("", "not UTF-8")):
        with pytest.raises(InputError, match=words):
            list_clips(tmp_path / name)


def clips(*names: str, folder: str = "set") -> list[Clip]:
    return [Clip(path=f"{folder}/audio/{name}", id=str(n), rating=3.0) for n, name in enumerate(names)]


def problems(folder: Path, rows: list[str], files: list[str]) -> list[str]:
    """What is wrong between a list with these files in its rows and an audio/ with these files."""
    for name in files:
        (folder / "audio" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "audio" / name).touch()
    return list_problems(folder, clips(*rows, folder=str(folder)))


@pytest.mark.parametrize("folder", ["set", "audio", "audio/set", "."])
def test_nothing_is_wrong(tmp_path, monkeypatch, folder):
    names = ["a.wav", "sub/b.wav", "audio/c.wav"]
    assert problems(tmp_path / folder, names, names) == []
    monkeypatch.chdir(tmp_path)
    assert problems(Path(folder), names, names) == []
    assert problems(Path("empty"), [], []) == []


def test_files_without_rows_rows_without_files_and_a_file_of_two_rows(tmp_path):
    assert problems(tmp_path / "a", ["a.wav", "b.wav"], ["b.wav", "d.wav", "c.wav"]) == [
        "id '0': its file 'a.wav' is not in audio/",
        "'c.wav' in audio/ has no row",
        "'d.wav' in audio/ has no row",
    ]
    assert problems(tmp_path / "b", ["a.wav", "a.wav"], ["a.wav"]) == ["'a.wav' is the file of 2 rows"]


def test_bad_ratings_can_be_collected(tmp_path):
    folder = listed(tmp_path, f"{HEADER}1,,,,original,0,5.1,,a.wav\n2,,,,original,0,4,,b.wav\n")
    bad_ratings: dict[str, str] = {}
    assert [clip.rating for clip in read_list(folder, bad_ratings)] == [None, 4.0]
    words = f"{folder}/pmqd.csv, line 2: rating 5.1 is not within 1 to 5; fix it or leave it empty"
    assert bad_ratings == {"1": words}


def test_files_of_another_form_are_named(tmp_path):
    paths = [str(tmp_path / f"{number}.wav") for number in range(5)]
    # The last one is absent.
    for path, (samples, rate_hz) in zip(paths, [(800, 8000), (800, 8000), (799, 8000), (800, 16000)]):
        soundfile.write(path, np.zeros(samples), rate_hz)
    assert odd_files(paths) == {
        paths[2]: f"{paths[2]}: has 799 samples at 8000 Hz where the others have 800 at 8000 Hz",
        paths[3]: f"{paths[3]}: has 800 samples at 16000 Hz where the others have 800 at 8000 Hz",
    }
    assert odd_files(paths[4:]) == {}
