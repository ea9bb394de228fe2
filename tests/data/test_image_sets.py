"""PMQD and recordings as datasets: what each clip comes with, in order, and what is refused."""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import tfnoise
from tests.data.pmqd_server import serving_folder
from tfnoise.audio import FrontEnd
from tfnoise.data import list_clips, natural_images
from tfnoise.data.clip_list import COLUMNS
from tfnoise.errors import InputError

FRONT_END = FrontEnd(n_fft=512, hop=128, mels=32)
KINDS = ("original", "noise", "lowpass")


def make_set(folder: Path, pieces: int = 3) -> list[list[str]]:
    """A small set in PMQD's form; gives its rows."""
    (folder / "audio").mkdir(parents=True)
    rows = []
    for number in range(pieces * len(KINDS)):
        kind, piece = KINDS[number // pieces], number % pieces
        sound = np.random.default_rng(number).uniform(-0.5, 0.5, [9000, 2])
        soundfile.write(folder / "audio" / f"{number}.wav", sound, 16000, "PCM_24")
        rating = "" if number == 4 else f"{1 + number % 5}"
        genre = ["Rock", "Jazz", ""][piece]
        rows.append([number, genre, "A", f"P{piece}", kind, 10.5 * number, rating, 7, f"{number}.wav"])
    rows[0][5] = rows[1][5] = rows[2][5] = 0
    return rows


def write_list(folder: Path, rows: list) -> None:
    lines = [",".join(COLUMNS), *(",".join(map(str, row)) for row in rows)]
    (folder / "pmqd.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def pmqd(tmp_path):
    folder = tmp_path / "set"
    rows = make_set(folder)
    write_list(folder, rows)
    run = functools.partial(tfnoise.data.pmqd, front_end=FRONT_END, cache_dir=tmp_path / "cache")
    return folder, rows, run


def test_the_originals_are_one_call(pmqd):
    folder, _, run = pmqd
    dataset = run(folder)
    assert dataset.cardinality() == 3
    items = list(dataset.as_numpy_iterator())
    assert [item["id"] for item in items] == [b"0", b"1", b"2"] == [item["original_id"] for item in items]
    assert [item["genre"] for item in items] == [b"Rock", b"Jazz", b""]
    assert {item["degradation"] for item in items} == {b"original"}
    expected = natural_images(list_clips(folder), FRONT_END).as_numpy_iterator()
    for item, other in zip(items, expected):
        np.testing.assert_array_equal(item["image"], other["image"])
        assert item["reference_db"] == other["reference_db"]
    assert dataset.element_spec["image"] == tf.TensorSpec([32, None, 1], tf.float32)


@pytest.mark.parametrize("cache", [True, False])
def test_degraded_clips_know_their_originals(pmqd, cache):
    folder, rows, run = pmqd
    items = list(run(folder, "all", with_originals=True, cache=cache).as_numpy_iterator())
    assert [int(item["id"]) for item in items] == list(range(9))
    originals = {item["id"]: item for item in items[:3]}
    for item, row in zip(items, rows):
        assert item["degradation"].decode() == row[4] and item["path"].decode().endswith(row[8])
        assert item["intensity"] == pytest.approx(float(row[5]))
        assert math.isnan(item["rating"]) if row[6] == "" else item["rating"] == float(row[6])
        assert int(item["original_id"]) == int(row[0]) % 3
        np.testing.assert_array_equal(item["original_image"], originals[item["original_id"]]["image"])
        assert item["original_reference_db"] == originals[item["original_id"]]["reference_db"]
    lowpass = list(run(folder, "lowpass", cache=cache).as_numpy_iterator())
    assert [item["id"] for item in lowpass] == [b"6", b"7", b"8"]
    assert "original_image" not in lowpass[0]


def test_order_and_bits_do_not_depend_on_the_run(pmqd):
    folder, _, run = pmqd
    runs = [list(run(folder, "all", cache=cache).as_numpy_iterator()) for cache in (False, True, True, False)]
    for other in runs[1:]:
        np.testing.assert_equal(other, runs[0])
    # Batches for Keras.
    images = run(folder, "all").map(lambda clip: clip["image"][:, :64]).batch(4)
    assert [batch.shape for batch in images.as_numpy_iterator()] == [(n, 32, 64, 1) for n in (4, 4, 1)]


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def spoil(folder: Path, rows: list, what: str) -> None:
    path = folder / "audio" / "5.wav"
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, [9000, 2])
    if what == "missing row":
        rows.pop(5)
    elif what == "missing file":
        path.unlink()
    elif what == "id twice":
        rows[5][0] = 4
    elif what in ("5.5", "good"):
        rows[5][6] = what
    elif what == "rate":
        soundfile.write(path, sound, 22050, "PCM_24")
    elif what == "length":
        soundfile.write(path, sound[:8000], 16000, "PCM_24")
    else:
        cut_short(path)


PROBLEMS = {
    "missing row": "'5.wav' in audio/ has no row",
    "missing file": "id '5': its file '5.wav' is not in audio/",
    "id twice": "line 7: the id '4' is another row's too; give each row its own",
    "5.5": "line 7: rating 5.5 is not within 1 to 5",
    "good": "line 7: rating 'good' is not a number",
    "rate": "5.wav: has 9000 samples at 22050 Hz where the others have 9000 at 16000 Hz",
    "length": "5.wav: has 8000 samples at 16000 Hz where the others have 9000 at 16000 Hz",
    "cut": "5.wav: is cut short",
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_a_set_that_is_not_as_it_should_be_is_refused(pmqd, what):
    folder, rows, run = pmqd
    spoil(folder, rows, what)
    write_list(folder, rows)
    with pytest.raises(InputError) as caught:
        run(folder, "all")
    assert PROBLEMS[what] in str(caught.value) and "\n" not in str(caught.value)
    if what in ("missing file", "rate", "length", "cut"):
        with pytest.warns(UserWarning, match="skipped: "):
            dataset = run(folder, "all", on_problem="skip")
        assert dataset.cardinality() == 8
        assert [int(item["id"]) for item in dataset.as_numpy_iterator()] == [0, 1, 2, 3, 4, 6, 7, 8]
    # The originals are untouched and stay usable where the list itself is right.
    if what in ("rate", "length", "cut"):
        assert run(folder).cardinality() == 3


def test_silence_is_no_fault_and_without_a_cache_a_bad_clip_is_met_where_it_lies(pmqd):
    folder, _, run = pmqd
    soundfile.write(folder / "audio" / "5.wav", np.zeros([9000, 2]), 16000, "PCM_24")
    for cache in (True, False):
        with pytest.warns(UserWarning, match="5.wav: is silent") if cache else contextlib.nullcontext():
            dataset = run(folder, "all", cache=cache)
        assert [int(item["id"]) for item in dataset.as_numpy_iterator()] == [0, 1, 2, 3, 4, 6, 7, 8]
    cut_short(folder / "audio" / "5.wav")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"5\.wav: is cut short"):
        list(run(folder, "all", cache=False).as_numpy_iterator())
    kept = run(folder, "all", cache=False, on_problem="skip")
    assert len(list(kept.as_numpy_iterator())) == 8


def test_refuses_arguments(pmqd):
    folder, _, run = pmqd
    with pytest.raises(ValueError, match="raise, skip, not 'ignore'"):
        run(folder, on_problem="ignore")
    with pytest.raises(InputError, match="has no clip of the degradation 'reverb'"):
        run(folder, "reverb")
    with pytest.raises(InputError, match="no such folder"):
        run(folder / "nowhere")


def test_recordings_are_cut(tmp_path):
    music = tmp_path / "music" / "album"
    music.mkdir(parents=True)
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, [40000, 2])
    soundfile.write(music / "b.ogg", sound[:30000], 44100)
    soundfile.write(music / "a.flac", sound, 16000)
    soundfile.write(music / "quiet.wav", 0 * sound, 16000)
    run = functools.partial(
        tfnoise.data.recordings, clip_duration_s=0.5, front_end=FRONT_END, cache_dir=tmp_path / "cache"
    )
    with pytest.warns(UserWarning, match="quiet.wav: is silent.*and 2 more like these"):
        dataset = run(tmp_path / "music")
    items = list(dataset.as_numpy_iterator())
    assert dataset.cardinality() == len(items) == 6
    ids = [item["id"].decode() for item in items]
    assert ids == [*(f"album/a.flac#{n}" for n in range(5)), "album/b.ogg"]
    assert {item["image"].shape for item in items} == {(32, 48, 1)}
    (music / "bad.wav").write_bytes(b"RIFF no audio")
    with pytest.raises(InputError, match="bad.wav: is damaged or not audio"):
        run(tmp_path / "music", on_problem="raise")
    # A folder without a list is the same pipeline.
    with pytest.warns(UserWarning, match="bad.wav"):
        whole = tfnoise.data.pmqd(tmp_path / "music", front_end=FRONT_END, cache_dir=tmp_path / "cache")
    assert [item["id"] for item in whole.as_numpy_iterator()] == [b"album/a.flac", b"album/b.ogg"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(music / "a.flac").cardinality() == 5


def test_a_remote_set_is_the_same(pmqd):
    folder, _, run = pmqd
    with serving_folder(folder) as url:
        remote = list(run(url, "all", with_originals=True).as_numpy_iterator())
    paths = [item.pop("path").decode() for item in remote]
    local = list(run(folder, "all", with_originals=True).as_numpy_iterator())
    for item in local:
        del item["path"]
    np.testing.assert_equal(remote, local)
    assert paths == [f"{url}/audio/{number}.wav" for number in range(9)]


def test_natural_clips_with_pmqds_files(natural_folder, tmp_path):
    """Five of them are of PMQD's format: 24-bit WAV, 48 kHz, two channels, 201,984 samples."""
    dataset = tfnoise.data.pmqd(natural_folder, cache_dir=tmp_path)
    assert dataset.cardinality() == 111
    wav = 0
    for item in dataset.as_numpy_iterator():
        assert item["image"].shape == (128, 256, 1) and item["original_id"] == item["id"]
        path = item["path"].decode()
        if path.endswith(".wav"):
            info = soundfile.info(path)
            assert (info.subtype, info.samplerate, info.channels, info.frames) == ("PCM_24", 48000, 2, 201984)
            wav += 1
    assert wav == 5


def test_originals_are_checked_where_they_are_asked_for(pmqd):
    folder, rows, run = pmqd
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, [4500, 2])
    soundfile.write(folder / "audio" / "0.wav", sound, 16000, "PCM_24")
    assert run(folder, "noise").cardinality() == 3
    with pytest.raises(InputError, match="0.wav: has 4500 samples"):
        run(folder, "noise", with_originals=True)
    with pytest.warns(UserWarning, match="0.wav: has 4500 samples"):
        kept = run(folder, "noise", with_originals=True, on_problem="skip")
    assert [item["id"] for item in kept.as_numpy_iterator()] == [b"4", b"5"]
    write_list(folder, rows[1:])
    (folder / "audio" / "0.wav").unlink()
    with pytest.raises(InputError, match=r"3\.wav \(its original, which is not on the list\): no such file"):
        run(folder, "noise", with_originals=True)
