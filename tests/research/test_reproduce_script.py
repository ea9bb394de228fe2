"""bin/reproduce with tiny trainings: what it writes, that it resumes, and what it refuses."""

from __future__ import annotations

import fcntl
import json
import re

import numpy as np
import pytest
import soundfile

from tfnoise.cli import reproduce
from tfnoise.errors import InputError
from tfnoise.research.experiment import Experiment, main_recipe
from tfnoise.training import TrainingSettings, write_settings

TINY = "--filters=8 --epochs=1 --steps_per_epoch=3 --batch_size=2"


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    for number in range(3):
        time_s = np.arange(48000) / 16000
        sound = 0.3 * np.sin(2 * np.pi * 220 * (number + 1) * time_s) * np.exp(-2 * (time_s % 0.5))
        soundfile.write(folder / f"{number}.wav", sound, 16000)
    return folder


def _folder(path, **changes):
    """The folder of an experiment that was begun, as far as bin/reproduce looks before it works."""
    path.mkdir()
    about = {"budget": "quick", "seeds": 3, "train_flags": "", "clips": 9, "data": "x", "clips_digest": "0"}
    about["experiment_format"] = reproduce.EXPERIMENT_FORMAT
    (path / "experiment.json").write_text(json.dumps({**about, **changes}))
    return path


@pytest.mark.slow
def test_a_whole_experiment_and_once_more(run_script, audio, tmp_path):
    flags = [f"--data={audio}", "--out=out", "--seeds=1", f"--train_flags={TINY}", "--json"]
    done = run_script("reproduce", *flags, cwd=tmp_path)
    assert done.status == 0, done.stderr
    report, out = json.loads(done.stdout), tmp_path / "out"
    paper = report["sections"]["paper"]
    assert paper["clips"] == 3 and paper["steps"] == 3 and 0 < paper["constant_image"]["mse"] < 1
    for bottleneck in ("levels", "entropy"):
        for row in paper["table"][bottleneck].values():
            assert row["bpp_max"] <= 0.5 and 0 < row["mse"]["mean"] < 1
        assert 0 <= paper["claim"][bottleneck]["nlpd"]["confidence"] <= 1
    page = (out / "report.html").read_text()
    assert page.count("<audio") == 20 and page.count("<img") == 8
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    for path in re.findall(r"\]\((.*?)\)", (out / "report.md").read_text()):
        assert (out / path).is_file()
    assert json.loads((out / "report.json").read_text())["sections"]["paper"] == paper
    models = {path: path.stat().st_mtime_ns for path in out.glob("models/*/1/saved_model.pb")}
    assert len(models) == 6

    sections = ["sound", "generation", "ablation"]
    again = run_script("reproduce", *flags, *(f"--{name}" for name in sections), cwd=tmp_path)
    assert again.status == 0, again.stderr
    assert "6 finished already" in again.stderr and "scoring" not in again.stderr
    assert {path: path.stat().st_mtime_ns for path in models} == models
    assert json.loads(again.stdout)["sections"].keys() == {"paper", *sections}
    assert json.loads(again.stdout)["sections"]["paper"] == paper


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"seeds": 5}, "--seeds=5, not 3"),
        ({"budget": "paper"}, "--budget=paper, not quick"),
        ({"train_flags": "--filters=8"}, "--train_flags=--filters=8"),
        ({"experiment_format": 0}, "another version of tfnoise"),
        ({}, "9 other clips"),
        (None, "damaged"),
    ],
)
def test_another_experiment_is_not_overwritten(run_script, audio, tmp_path, changes, message):
    folder = _folder(tmp_path / "out", **(changes or {}))
    if changes is None:
        (folder / "experiment.json").write_text("{")
    before = (folder / "experiment.json").read_text()
    status, _, stderr = run_script("reproduce", f"--data={audio}", f"--out={folder}")
    assert status in (1, 2) and message in stderr and stderr.count("\n") == 1
    assert (folder / "experiment.json").read_text() == before
    assert sorted(entry.name for entry in folder.iterdir()) == [".lock", "experiment.json"]


def test_folders_in_use_too_little_audio_and_wrong_flags_are_refused(run_script, audio, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.wav").write_bytes((audio / "0.wav").read_bytes())
    used = _folder(tmp_path / "used")
    with (used / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for flag, expected, message in (
            (f"--out={used}", 1, "another bin/reproduce is at work"),
            (f"--out={audio}", 1, "0.wav, which is no experiment's"),
            (f"--data={tmp_path / 'one'}", 1, "2 or more"),
            (f"--data={tmp_path / 'none'}", 1, "none"),
            ("--guidelines", 1, "guidelines: fine-tunes on up to 50 clips"),
            ("--seeds=0", 2, "--seeds"),
            ("--jobs=0", 2, "--jobs"),
            ("--train_flags=filters", 2, "--train_flags"),
            ("--budget=huge", 2, "quick, paper"),
        ):
            status, _, stderr = run_script("reproduce", f"--data={audio}", f"--out={tmp_path / 'out'}", flag)
            assert status == expected and message in stderr and stderr.count("\n") == 1, (flag, stderr)
    assert not (tmp_path / "out" / "runs").exists()


def test_runs_of_another_version_are_neither_used_nor_overwritten(tmp_path):
    experiment, recipe = Experiment(tmp_path, []), main_recipe("mse", "levels")
    flags = experiment.run_dir(recipe) / "flags.json"
    flags.parent.mkdir(parents=True)
    write_settings(TrainingSettings(), flags.parent)
    reproduce._check_runs(experiment, [recipe])
    good = flags.read_text()
    for before, after, message in (
        ('"run_format": 1', '"run_format": 7', "format 7"),
        ('"run_format": 1', '"run_format": 0', "another version"),
        ("}", "", "damaged"),
    ):
        content = good.replace(before, after)
        flags.write_text(content)
        with pytest.raises(InputError, match=f"{recipe.name}.*{message}.*another --out"):
            reproduce._check_runs(experiment, [main_recipe("nlpd", "levels"), recipe])
        assert flags.read_text() == content


def test_without_data_the_remedy_is_named(run_process):
    status, _, stderr = run_process("reproduce")
    assert status == 1 and "bin/prepare_pmqd" in stderr and "--data" in stderr
