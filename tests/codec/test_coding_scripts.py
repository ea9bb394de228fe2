"""bin/compress, bin/decompress and bin/info from end to end."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from tests.codec.tfn_files import header_of
from tfnoise.codec.format import write_header


@pytest.fixture
def place(tmp_path, models):
    """saved_models, and sounds of several formats, one of them no sound."""
    shutil.copytree(models / "saved_models", tmp_path / "saved_models")
    sounds = tmp_path / "sounds"
    (sounds / "more").mkdir(parents=True)
    stereo = np.random.default_rng(0).normal(0, 0.1, [16000, 2])
    soundfile.write(sounds / "a.flac", stereo, 22050)
    soundfile.write(sounds / "more" / "b.wav", stereo[:5001, 0], 8000, "FLOAT")
    (sounds / "bad.wav").write_text("no sound")
    return tmp_path


MODEL = "--model=saved_models/entropy"


def test_there_and_back(run_script, place):
    done = run_script("compress", "sounds", "-o", "coded", MODEL, "--json")
    assert done.status == 1, done.stderr
    report = json.loads(done.stdout)
    assert [row["path"] for row in report["files"]] == ["coded/a.tfn", "coded/more/b.tfn"]
    [left_out] = report["left_out"]
    assert left_out.startswith("sounds/bad.wav: ") and "averaged to one" in done.stderr
    for row in report["files"]:
        assert 0 < row["bpp_payload"] <= 0.125 < row["bpp_file"] and row["intact"]
    back = run_script("decompress", "coded", "-o", "out", "--iterations=2", "--json")
    assert back.status == 0, back.stderr
    for name, rate_hz, samples in (("a.wav", 22050, 16000), ("more/b.wav", 8000, 5001)):
        info = soundfile.info(place / "out" / name)
        assert (info.samplerate, info.frames, info.channels) == (rate_hz, samples, 1)
    info = run_script("info", "coded", "--json")
    [first, second] = json.loads(info.stdout)["files"]
    assert first["duration_s"] == pytest.approx(16000 / 22050) and second["blocks"] == 1
    assert first["model"] == second["model"] and first["kbps"] > 0


def test_the_shipped_model_is_there_for_all(run_script, place):
    """Without a model of that name below the working folder; and a file finds its model again."""
    done = run_script("compress", "sounds/a.flac", "--json")
    assert done.status == 0, done.stderr
    [row] = json.loads(done.stdout)["files"]
    assert row["path"] == "sounds/a.tfn" and 0.45 <= row["bpp_payload"] <= 0.5
    assert abs(row["bpp_estimated"] - row["bpp_payload"]) * 128 * 46 <= 15
    back = run_script("decompress", "sounds/a.tfn", "--iterations=1")
    assert back.status == 0 and soundfile.info(place / "sounds" / "a.wav").frames == 16000
    info = run_script("info", "sounds/a.tfn")
    assert "best/" in info.stdout and re.search("range coded|adaptive", info.stdout)


def test_one_bad_name_or_file_leaves_the_others(run_script, place):
    shutil.copy(place / "sounds" / "a.flac", place / "sounds" / "bad\udcff.flac")
    shutil.copy(place / "sounds" / "a.flac", place / "sounds" / ("a" * 245 + ".flac"))
    done = run_script("compress", "sounds", "-o", "coded", MODEL, "--json")
    assert done.status == 1, done.stderr
    report = json.loads(done.stdout)
    names = {row["path"] for row in report["files"]}
    assert {"coded/a.tfn", "coded/more/b.tfn", f"coded/{'a' * 245}.tfn"} <= names
    assert len(report["left_out"]) == 4 - len(names) + 1
    (place / "coded" / "cut.tfn").write_bytes((place / "coded" / "a.tfn").read_bytes()[:50])
    info = run_script("info", "coded", "--json")
    assert info.status == 1 and len(json.loads(info.stdout)["files"]) == len(names)


def test_a_signal_leaves_nothing_half_written(repo_root, place):
    noise = np.random.default_rng(0).normal(0, 0.1, 8000 * 900).astype(np.float32)
    soundfile.write(place / "long.wav", noise, 8000)
    command = [sys.executable, str(repo_root / "bin" / "compress"), "long.wav", "-o", "out/long.tfn", MODEL]
    process = subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True)
    while not (place / "out").is_dir():
        assert process.poll() is None
        time.sleep(0.01)
    process.terminate()
    text = process.communicate(timeout=60)[1]
    assert process.returncode == 143 and text.splitlines()[-1] == "compress: ended by SIGTERM"
    assert list((place / "out").iterdir()) == []


def test_stereo_and_a_rate(run_script, place):
    done = run_script("compress", "sounds/a.flac", "-o", "c.tfn", MODEL, "--stereo", "--bpp=0.3", "--json")
    [row] = json.loads(done.stdout)["files"]
    assert row["channels"] == 2 and 0.2 < row["bpp_payload"] <= 0.3 and "averaged" not in done.stderr
    run_script("decompress", "c.tfn", "-o", "c.flac", "--iterations=1")
    assert soundfile.info(place / "c.flac").channels == 2


def test_a_damaged_file(run_script, place):
    run_script("compress", "sounds/a.flac", MODEL)
    path = place / "sounds" / "a.tfn"
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    refused = run_script("decompress", "sounds/a.tfn", "-o", "x.wav")
    assert refused.status == 1 and "sounds/a.tfn: block 0 is damaged" in refused.stderr
    assert not (place / "x.wav").exists()
    info = run_script("info", "sounds/a.tfn", "--json")
    assert info.status == 3 and json.loads(info.stdout)["files"][0]["intact"] is False
    rest = run_script("decompress", "sounds/a.tfn", "-o", "x.wav", "--on_damage=conceal", "--iterations=1")
    assert rest.status == 3 and "block 0 is damaged" in rest.stdout
    assert soundfile.info(place / "x.wav").frames == 16000


def test_refusals_are_one_line(run_script, place):
    (place / "there.tfn").write_text("other")
    # Two names of one folder are one place.
    (place / "also").symlink_to(place / "sounds", target_is_directory=True)
    shutil.copy(place / "sounds" / "a.flac", place / "sounds" / "a.ogg")
    cases = [
        ("compress", ["sounds/a.flac", "--model=saved_models/absent"], 1, "absent: no such model folder"),
        ("compress", ["sounds/a.flac", "-o", "there.tfn", MODEL], 1, "there.tfn: exists"),
        ("compress", ["sounds/a.flac", "sounds/more/b.wav", "-o", "x.tfn", MODEL], 2, "x.tfn: is one file"),
        ("compress", ["sounds/a.flac", MODEL, "--bpp=0"], 2, "--bpp=0: must be a rate above 0"),
        ("compress", ["sounds/a.flac", "--model=saved_models/levels", "--bpp=0.5"], 2, "at 0.125 bpp"),
        ("compress", ["sounds/a.flac", MODEL, "--bpp=0.00001"], 1, "the coarsest step gives"),
        ("compress", ["sounds/bad.wav", MODEL], 1, "sounds/bad.wav: is damaged or not audio"),
        ("compress", ["nowhere.wav", MODEL], 1, "nowhere.wav: no such folder"),
        ("compress", ["sounds/a.flac", "also/a.ogg", MODEL], 1, "would be written to it"),
        ("decompress", ["there.tfn", "-o", "y.wav"], 1, "there.tfn: this is no .tfn file"),
        ("decompress", ["sounds"], 1, "sounds: holds no .tfn files"),
        ("decompress", ["absent.tfn"], 1, "absent.tfn: no such file"),
    ]
    for script, arguments, status, words in cases:
        done = run_script(script, *arguments)
        assert done.status == status and words in done.stderr.splitlines()[-1], (arguments, done.stderr)
    assert (place / "there.tfn").read_text() == "other"
    assert {path.name for path in place.iterdir()} == {"also", "saved_models", "sounds", "there.tfn"}
    assert list(place.rglob("*.tfn")) == [place / "there.tfn"]


def test_a_file_without_a_sample_is_described(run_process, tmp_path):
    (tmp_path / "none.tfn").write_bytes(write_header(header_of(0)))
    done = run_process("info", "none.tfn")
    assert done.status == 0 and "none.tfn" in done.stdout, done.stderr
