"""bin/resynthesize from end to end: the sound's rate and length, what it says, and how it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.evaluation.conftest import tone


@pytest.fixture
def sounds(tmp_path):
    """A stereo file at 22,050 Hz in a folder, a silent one below it, and one that is no audio."""
    folder = tmp_path / "sounds"
    (folder / "more").mkdir(parents=True)
    stereo = np.stack([tone(1.5, 440), 0.5 * tone(1.5, 880)], 1)[:20001]
    soundfile.write(folder / "a.flac", stereo, 22050)
    soundfile.write(folder / "more" / "quiet.wav", np.zeros(9000), 16000)
    (folder / "bad.wav").write_bytes(b"RIFF no audio")
    return folder


def test_a_sound_through_a_model(run_script, sounds, tiny_model, tmp_path):
    done = run_script(
        "resynthesize", sounds / "a.flac", "-o", "new/b.flac", f"--model={tiny_model}", "--json", "--picture"
    )
    assert done.status == 0, done.stderr
    [row] = json.loads(done.stdout)["files"]
    written, rate_hz = soundfile.read(tmp_path / "new" / "b.flac")
    assert (rate_hz, written.shape) == (22050, (20001,)) and row["output"] == "new/b.flac"
    assert soundfile.info(tmp_path / "new" / "b.flac").subtype == "PCM_24"
    assert 0 < row["bpp"] <= 0.5 and row["image_mse"] > 0
    assert row["log_spectral_distance_db"] > 0 and row["channels"] == 2 and row["model"] == "tiny"
    assert "averaged to one" in done.stderr and "wrote new/b.flac and new/b.png" in done.stderr
    with Image.open(tmp_path / "new" / "b.png") as picture:
        assert picture.width > 3 * 300
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["b.flac", "b.png"]


def test_the_front_end_alone_is_near_and_the_level_stays(run_script, sounds, tmp_path):
    arguments = ["resynthesize", sounds / "a.flac", "-o", "plain.wav", "--front_end_only"]
    done = run_script(*arguments, "--json")
    [row] = json.loads(done.stdout)["files"]
    assert row["mel_mse"] < 0.001 and "bpp" not in row
    written, _ = soundfile.read(tmp_path / "plain.wav")
    original = soundfile.read(sounds / "a.flac")[0].mean(1)
    assert np.std(written) == pytest.approx(np.std(original), rel=0.1)
    again = run_script(*arguments)
    assert again.status == 1 and "plain.wav: exists" in again.stderr
    before = (tmp_path / "plain.wav").read_bytes()
    assert run_script(*arguments, "--overwrite").status == 0
    assert (tmp_path / "plain.wav").read_bytes() == before


def test_a_folder_is_mirrored_a_bad_file_is_named_and_an_input_never_replaced(run_script, sounds, tmp_path):
    done = run_script("resynthesize", sounds, "-o", "out", "--front_end_only", "--iterations=2")
    assert done.status == 0, done.stderr
    out = tmp_path / "out"
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.wav")}
    assert written == {"a.front_end.wav", "more/quiet.front_end.wav"}
    quiet, rate_hz = soundfile.read(out / "more" / "quiet.front_end.wav")
    assert np.all(quiet == 0) and len(quiet) == 9000 and rate_hz == 16000
    assert f"skipped: {sounds / 'bad.wav'}" in done.stdout
    beside, target = [sounds / "a.flac", "--front_end_only", "--iterations=1"], sounds / "a.front_end.wav"
    assert run_script("resynthesize", *beside).status == 0
    before = target.read_bytes()
    done = run_script("resynthesize", *beside, target, "--overwrite")
    assert done.status == 1 and "a.front_end.wav: is an input itself" in done.stderr
    assert target.read_bytes() == before


def test_a_loud_sound_does_not_clip(run_script, tmp_path):
    # A square wave: what is left of it in bands overshoots.
    soundfile.write(tmp_path / "loud.wav", np.sign(np.sin(np.arange(24000) / 9)), 16000, "FLOAT")
    done = run_script("resynthesize", "loud.wav", "-o", "out.wav", "--front_end_only", "--json")
    [row] = json.loads(done.stdout)["files"]
    assert row["turned_down_db"] > 0 and "turned down by" in done.stderr
    assert np.abs(soundfile.read(tmp_path / "out.wav")[0]).max() == pytest.approx(1, abs=1e-4)


def test_refusals_are_one_line(run_script, sounds, tiny_model, levels_model, tmp_path):
    song, plain = sounds / "a.flac", "--front_end_only"
    cases = [
        ([], 2, "needs 1 or more arguments"),
        ([song], 1, "saved_models/best: there is no such model here"),
        ([song, "--model=nowhere"], 1, "nowhere: no such model folder"),
        ([song, plain, "--bpp=1"], 2, "--bpp: with --front_end_only nothing is coded"),
        ([song, plain, f"--model={tiny_model}"], 2, "--model: with --front_end_only there is none"),
        ([song, f"--model={tiny_model}", "--hop=128"], 2, "--hop=128: "),
        ([song, f"--model={tiny_model}", "--bpp=nan"], 2, "--bpp=nan: must be a rate above 0"),
        ([song, f"--model={levels_model}", "--bpp=0.4"], 2, "codes with fixed levels, always at 0.5 bpp"),
        ([song, sounds / "more" / "quiet.wav", "-o", "x.wav", plain], 2, "--output=x.wav: is one file"),
        ([sounds / "bad.wav", plain], 1, "bad.wav: is damaged or not audio"),
        ([sounds / "none.wav", plain], 1, "none.wav: no such folder"),
        ([song, "-o", song / "x.wav", plain], 1, "cannot be written to"),
    ]
    for line, status, words in cases:
        done = run_script("resynthesize", *line)
        assert done.status == status and words in done.stderr.splitlines()[-1], done
    assert [path.name for path in tmp_path.iterdir()] == ["sounds"]
