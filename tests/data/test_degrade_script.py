"""bin/degrade from end to end: the set it writes, what it leaves out, what it refuses and replaces."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.sounds import tone
from tfnoise.audio.degradations import DEGRADATIONS, clip_seed, degrade
from tfnoise.data import degraded as module
from tfnoise.data import list_clips
from tfnoise.data.clip_list import COLUMNS, Clip, read_list
from tfnoise.data.degraded import sources, versions, why_not_ours, write_set
from tfnoise.data.ratings import pmqd_pairs

RATE_HZ = 16000


def sound(seed: int, channels: int = 1, rate_hz: int = RATE_HZ) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.02, [rate_hz // 4, channels])
    return 0.4 * tone(200 + 97 * seed, rate_hz, 0.25)[:, None] + noise


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three good files of different kinds, three that cannot be used."""
    place = tmp_path / "in"
    (place / "sub").mkdir(parents=True)
    soundfile.write(place / "a b.wav", sound(1), RATE_HZ, subtype="PCM_16")
    soundfile.write(place / "sub" / "a b.flac", sound(2, channels=2, rate_hz=44100), 44100, subtype="PCM_24")
    soundfile.write(place / "loud.wav", 3 * sound(3), RATE_HZ, subtype="FLOAT")
    soundfile.write(place / "silent.wav", np.zeros(100), RATE_HZ)
    soundfile.write(place / "nan.wav", np.full(100, np.nan), RATE_HZ, subtype="FLOAT")
    (place / "garbage.wav").write_bytes(b"RIFF this is no audio")
    return place


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_a_folder_becomes_a_set_and_the_same_again(folder, run_script, tmp_path):
    result = run_script("degrade", "--help")
    assert result.status == 0 and "bin/degrade FOLDER_OF_AUDIO -o" in result.stdout
    assert "REAPER" in result.stdout
    result = run_script("degrade", "in", "-o", "new/set", "--json")
    assert result.status == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["clips"] == 3 and report["files"] == 15 and report["list"] == "new/set/pmqd.csv"
    assert len(report["left_out"]) == 3 and result.stderr.count("skipped: in/") == 3
    for name in ("garbage.wav", "nan.wav", "silent.wav"):
        assert sum(f"in/{name}: " in line for line in report["left_out"]) == 1
    written = tmp_path / "new" / "set"
    assert os.listdir(tmp_path / "new") == ["set"] and sorted(os.listdir(written)) == ["audio", "pmqd.csv"]
    assert sorted(report["audio"]) == sorted(
        f"new/set/audio/{name}" for name in os.listdir(written / "audio")
    )

    with open(written / "pmqd.csv", newline="") as source:
        rows = list(csv.DictReader(source))
    assert tuple(rows[0]) == COLUMNS and [int(row["id"]) for row in rows] == list(range(15))
    assert [row["degradation_type"] for row in rows[::3]] == ["original", *DEGRADATIONS]
    assert {row["rating"] for row in rows} == {""}
    assert [row["title"] for row in rows[:3]] == ["a b.wav", "loud.wav", "sub/a b.flac"]
    for row in rows:
        original = rows[int(row["id"]) % 3]
        assert (row["title"], row["sample_start"]) == (original["title"], "0")
        info = soundfile.info(written / "audio" / row["sample_filename"])
        rate_hz, channels = (44100, 2) if row["title"].startswith("sub/") else (RATE_HZ, 1)
        assert (info.format, info.subtype) == ("WAV", "PCM_24")
        assert (info.samplerate, info.channels, info.frames) == (rate_hz, channels, rate_hz // 4)
    drawn = [float(row["degradation_intensity"]) for row in rows]
    assert drawn[:3] == [0, 0, 0] and len(set(drawn[3:])) == 12 and 0 <= min(drawn) <= max(drawn) <= 100

    assert run_script("degrade", "in", "-o", "again").status == 0
    assert contents(tmp_path / "again") == contents(written)


def test_listeners_ratings_pair_each_clip_with_its_original(folder, tmp_path):
    place = tmp_path / "set"
    place.mkdir()
    made, _, _ = write_set(list_clips(folder), place, seed=1)
    path = place / "pmqd.csv"
    with open(path, newline="") as source:
        rows = list(csv.DictReader(source))
    with open(path, "w", newline="") as target:
        writer = csv.DictWriter(target, COLUMNS)
        writer.writeheader()
        writer.writerows({**row, "rating": 3} for row in rows)
    pairs, problems = pmqd_pairs(str(place))
    assert not problems and len(pairs) == 12
    originals = {v[number].path: v[0].path for _, v in made for number in range(1, 5)}
    for pair in pairs:
        assert os.path.basename(pair.reference) == originals[os.path.basename(pair.degraded)]
        reference, degraded = soundfile.read(pair.reference)[0], soundfile.read(pair.degraded)[0]
        assert reference.shape == degraded.shape and not np.array_equal(reference, degraded)


def test_files_hold_what_the_functions_give_and_nothing_clips_or_fills_the_memory(
    folder, tmp_path, monkeypatch
):
    place, other = tmp_path / "set", tmp_path / "other"
    place.mkdir()
    other.mkdir()
    clips = [clip for clip in list_clips(folder) if clip.id in ("a b.wav", "loud.wav", "sub/a b.flac")]
    made, problems, factor = write_set(clips, place, intensity=30.0, seed=5)
    assert not problems
    factors = []
    for clip, of_clip in made:
        samples, rate_hz = soundfile.read(clip.path, dtype="float32", always_2d=True)
        seed = clip_seed(samples, 5)
        expected = [samples, *(degrade(samples, rate_hz, name, 30.0, seed) for name in DEGRADATIONS)]
        factors.append(1 / max(1, *(np.max(np.abs(waveform)) for waveform in expected)))
        for version, waveform in zip(of_clip, expected):
            written, _ = soundfile.read(place / "audio" / version.path, always_2d=True)
            np.testing.assert_allclose(written, factors[-1] * waveform, rtol=0, atol=1.1 / 2**23)
            if factors[-1] == 1 and version.degradation == "original":
                np.testing.assert_array_equal(written.astype(np.float32), samples)
    assert factor == pytest.approx(min(factors)) and 0.2 < factor < 0.8 and factors.count(1) == 2
    # A clip that would fill the memory is skipped.
    monkeypatch.setattr(module, "MOST_VALUES", 10000)
    made, problems, _ = write_set(list_clips(folder), other)
    assert [clip.id for clip, _ in made] == ["a b.wav", "loud.wav"]
    assert [line for line in problems if "a b.flac: is longer than 0.0 minutes; cut it" in line]


def test_an_intensity_and_degradations_can_be_chosen_and_a_list_is_followed(folder, run_script, tmp_path):
    flags = ["--degradation=noise,lowpass", "--intensity=12.5"]
    assert run_script("degrade", "in", "-o", "one", *flags).status == 0
    clips = read_list(str(tmp_path / "one"))
    assert [clip.degradation for clip in clips] == ["original"] * 3 + ["lowpass"] * 3 + ["noise"] * 3
    assert {clip.intensity for clip in clips[3:]} == {12.5}
    # A set of its own list: its originals count, and they keep their titles.
    assert run_script("degrade", "one", "-o", "two", "--degradation=limiter").status == 0
    again = read_list(str(tmp_path / "two"))
    assert [clip.title for clip in again] == [clip.title for clip in clips[:3]] * 2
    assert run_script("degrade", clips[4].path, "-o", "three").status == 0
    assert len(read_list(str(tmp_path / "three"))) == 5


def test_clips_that_share_everything_get_names_of_their_own():
    same = {"artist": "A", "title": "T", "sample_start": 3.0}
    clips = [
        *(Clip(f"x/{number}.wav", id, **same) for number, id in ((1, "7"), (2, "8"), (2, "8"))),
        Clip("x/4.wav", "9", artist="A", title=" T (8) ", sample_start=3.0),
        Clip("x/5.wav", "10"),
        Clip("x/ 10.wav", " 10"),
        Clip("x/\udcff\n.wav", "\udcff\n"),
        Clip("x/6.wav", ""),
    ]
    made = sources(clips)
    triples = [(clip.artist, clip.title, clip.sample_start) for clip in made]
    assert triples[0] == ("A", "T", 3.0) and len(set(triples)) == len(clips)
    assert all(title == title.strip() and title.isprintable() for _, title, _ in triples)
    names = [version.path for clip in made for version in versions(clip, DEGRADATIONS, None, 0)]
    assert len(set(names)) == 5 * len(clips) and all(name.isascii() for name in names)


def test_draws_are_uniform_stay_when_clips_are_added_and_follow_the_seed():
    made = sources([Clip(f"{number}.wav", f"{number}.wav") for number in range(2000)])
    drawn = np.array([[v.intensity for v in versions(s, DEGRADATIONS, None, 0)[1:]] for s in made])
    assert np.all(np.abs(np.quantile(drawn, [0.25, 0.5, 0.75], axis=0).T - [25, 50, 75]) < 4)
    assert np.max(np.abs(np.corrcoef(drawn.T) - np.eye(4))) < 0.1
    alone = sources([Clip("1999.wav", "1999.wav")])[0]
    assert [v.intensity for v in versions(alone, DEGRADATIONS, None, 0)[1:]] == list(drawn[-1])
    assert [v.intensity for v in versions(alone, DEGRADATIONS, None, 1)[1:]] != list(drawn[-1])


def test_only_a_set_of_its_own_is_replaced(folder, run_script, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "thesis.txt").write_text("all my work")
    (tmp_path / "file").write_text("")
    again = ["--overwrite", "--seed=1"]
    for name, flags, status, words in (
        ("empty", [], 0, ""),
        ("empty", [], 1, "add --overwrite"),
        ("strange", [], 1, "add --overwrite"),
        ("file", [], 1, "is a file"),
        ("strange", again, 1, "other things than pmqd.csv and audio/"),
        ("empty", again, 0, ""),
    ):
        result = run_script("degrade", "in", "-o", name, *flags)
        assert result.status == status and words in result.stderr
    assert (tmp_path / "strange" / "thesis.txt").read_text() == "all my work"
    assert sorted(os.listdir(tmp_path)) == ["empty", "file", "in", "strange"]

    place = tmp_path / "empty"
    assert why_not_ours(place) == ""
    first = sorted(os.listdir(place / "audio"))[0]
    (place / "audio" / "extra.wav").write_bytes(b"")
    assert "not in pmqd.csv" in why_not_ours(place)
    (place / "audio" / "extra.wav").unlink()
    (place / "audio" / first).unlink()
    assert why_not_ours(place) == ""
    text = (place / "pmqd.csv").read_text()
    (place / "pmqd.csv").write_text(text.replace(",0.0,,", ",0.0,4,", 1))
    assert "ratings" in why_not_ours(place)
    (place / "pmqd.csv").write_text(text.replace("_original.wav", ".wav", 1))
    assert "would not" in why_not_ours(place)
    (place / "pmqd.csv").write_text("what,ever\n")
    assert "cannot be read" in why_not_ours(place)


def test_refuses_in_one_line(folder, run_script, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.wav").write_bytes(b"no audio")
    (tmp_path / "link").symlink_to("in")
    before = contents(tmp_path)
    for line, status, words in [
        (["absent", "-o", "out"], 1, "absent: no such folder"),
        (["bad", "-o", "out"], 1, "bad: none of the 1 clips can be used; the first problem: bad/x.wav"),
        (["in", "-o", "in"], 1, "inside"),
        (["in", "-o", "in/sub/new"], 1, "inside"),
        (["in/sub", "-o", "in"], 1, "inside"),
        (["link", "-o", "in/new"], 1, "inside"),
        (["in/a b.wav", "-o", "in"], 1, "inside"),
        (["in", "-o", "link"], 1, "inside"),
        (["bad", "-o", "link"], 1, "symbolic link"),
        (["in", "-o", "out", "--intensity=101"], 2, "--intensity=101"),
        (["in", "-o", "out", "--intensity=nan"], 2, "--intensity=nan"),
        (["in", "-o", "out", "--degradation=noise,reverb"], 2, "'reverb' is none of distortion"),
        (["in", "-o", "out", "--degradation="], 2, "--degradation"),
        (["in", "-o", "out", "--seed=-1"], 2, "--seed"),
        (["in", "-o", ""], 2, "--output"),
        (["in", "-o", "gs://bucket/set"], 2, "--output"),
        (["in"], 2, "--output is required"),
        (["-o", "out"], 2, "IN"),
        (["in", "in", "-o", "out"], 2, "one IN"),
    ]:
        result = run_script("degrade", *line)
        lines = [part for part in re.split(r"[\r\n]+", result.stderr) if part and "degrading: " not in part]
        assert result.status == status and len(lines) == 1 and words in lines[0], (line, result.stderr)
    assert contents(tmp_path) == before and sorted(os.listdir(tmp_path)) == ["bad", "in", "link"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_leaves_nothing_that_the_next_one_trips_over(
    how, folder, run_script, repo_root, tmp_path
):
    many = tmp_path / "many"
    many.mkdir()
    for number in range(1500):
        (many / f"{number}.wav").symlink_to(folder / "a b.wav")
    command = [sys.executable, str(repo_root / "bin" / "degrade"), "many", "-o", "set"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob(".set.*.tmp/audio/*"))) < 10 and time.monotonic() < deadline:
        assert run.poll() is None, "the run was over before it could be ended"
        time.sleep(0.01)
    run.send_signal(how)
    _, errors = run.communicate(timeout=60)
    assert run.returncode != 0 and not (tmp_path / "set").exists() and "Traceback" not in errors
    if how == signal.SIGINT:
        assert run.returncode == 130 and not list(tmp_path.glob(".set.*"))
    result = run_script("degrade", "in", "-o", "set")
    assert result.status == 0, result.stderr
    assert ("note: " in result.stdout) == (how == signal.SIGKILL)
    assert len(read_list(str(tmp_path / "set"))) == 15
