"""bin/evaluate from end to end: what it prints and writes, and how it refuses."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from PIL import Image

from tfnoise.losses import fit_nlpd


def test_a_folder_with_everything_wrong_is_scored_without_what_is_wrong(
    run_script, tiny_model, mixed_folder, tmp_path
):
    arguments = [f"--model={tiny_model}", f"--data={mixed_folder}", "--plots=pictures/new", "--plots_clips=2"]
    result = run_script("evaluate", *arguments, "--json", "--seed=3")
    assert result.status == 0, result.stderr
    report = json.loads(result.stdout)
    model = report["models"]["tiny"]
    assert model["clips"] == 4 and 0 < model["bpp"] <= model["bpp_max"] <= 0.5 == model["bpp_target"]
    for metric in ("mse", "nlpd", "ms_ssim"):
        low, high = model["metrics"][metric]["ci95"]
        assert low <= model["metrics"][metric]["mean"] <= high
    assert {genre: scores["clips"] for genre, scores in model["genres"].items()} == {"Jazz": 1, "Rock": 2}
    left_out = {os.path.basename(clip["path"]): clip["problem"] for clip in report["left_out"]}
    assert set(left_out) == {"nan.wav", "two.wav", "silent.wav", "garbage.wav", "absent.wav"}
    assert [os.path.basename(clip["path"]) for clip in report["ms_ssim_left_out"]] == ["brief.wav"]
    assert len(model["fingerprint"]) == 32 and model["path"] == str(tiny_model / "1")
    assert report["synthetic"] is False and report["data"] == str(mixed_folder) and report["seed"] == 3

    assert report["pictures"] == ["pictures/new/clip_01_high_1.png", "pictures/new/clip_02_brief.png"]
    assert sorted(os.listdir(tmp_path / "pictures" / "new")) == ["clip_01_high_1.png", "clip_02_brief.png"]
    with Image.open(tmp_path / report["pictures"][0]) as picture:
        assert picture.format == "PNG" and 1000 < picture.width < 2000

    assert "4 of 9 clips scored; 5 skipped:" in result.stderr
    assert all(problem in result.stderr for problem in left_out.values())
    assert "wrote pictures/new/clip_01_high_1.png" in result.stderr


def test_models_of_one_name_side_by_side(run_script, tiny_model, levels_model, mixed_folder, tmp_path):
    shutil.copytree(levels_model, tmp_path / "other" / "tiny")
    result = run_script(
        "evaluate", f"--model={tiny_model},other/tiny/1", f"--data={mixed_folder / 'audio' / 'low.wav'}"
    )
    assert result.status == 0, result.stderr
    header, _, first, second, *_ = result.stdout.splitlines()
    assert header.split() == ["model", "clips", "MSE", "NLPD", "MS-SSIM-4", "bpp", "largest"]
    assert first.split()[:2] == [str(tiny_model), "1"] and second.split()[:2] == ["other/tiny/1", "1"]
    assert second.split()[-2:] == ["0.500", "0.500"]
    assert "skipped" not in result.stdout and "scoring: 100%" in result.stderr


def test_what_cannot_be_evaluated_is_one_line(run_script, tiny_model, levels_model, mixed_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "mute").mkdir()
    soundfile.write(tmp_path / "mute" / "a.wav", np.zeros(16000), 16000)
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "pmqd.csv").write_text("id,genre\n0,Rock\n")
    foreign = tf.Module()
    foreign.value = tf.Variable(1.0)
    tf.saved_model.save(foreign, str(tmp_path / "foreign" / "1"))
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_model, damaged)
    graph = damaged / "1" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:5000])
    weights = tmp_path / "weights"
    shutil.copytree(tiny_model, weights)
    data = next((weights / "1" / "variables").glob("*data*"))
    data.write_bytes(data.read_bytes()[:1000])
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "clip_01_a.png").touch()
    model = f"--model={tiny_model}"
    cases = [
        ([], 1, "saved_models/best: there is no such model here; train one with bin/train"),
        (["--model=none"], 1, "none: no such model folder; bin/train makes one"),
        (["--model=empty"], 1, "empty: no SavedModel in this folder"),
        (["--model=foreign"], 1, "foreign/1: a SavedModel, but not one that tfnoise exported"),
        (["--model=damaged"], 1, "damaged/1: damaged SavedModel"),
        (["--model=weights"], 1, "weights/1: damaged SavedModel"),
        (["--model=a,,b"], 2, "--model has an empty name"),
        ([model, "--data=empty"], 1, "empty: holds no audio"),
        ([model, "--data=none", "--plots=new"], 1, "none: no such folder"),
        ([model, "--data=list"], 1, "pmqd.csv: has no column artist"),
        ([model, "--data=mute"], 1, "mute: none of its clips can be scored with tiny; the first: mute/a.wav"),
        ([model, f"--data={mixed_folder}", "--degradation=rain"], 1, "ask for one of: all, noise, original"),
        (["--degradation=all"], 2, "name their folder with --data"),
        (["--bpp=-1"], 2, "--bpp=-1: must be a rate above 0"),
        (["--bpp=nan"], 2, "--bpp=nan: must be a rate above 0"),
        ([f"--model={levels_model}", "--bpp=0.25"], 2, "always at 0.5 bpp; leave --bpp out"),
        (["--ms_ssim_scales=6"], 2, "ms_ssim_scales"),
        ([model, "--plots=mute/a.wav"], 1, "--plots=mute/a.wav: cannot be written to (Not a directory)"),
        ([model, "--plots=/proc/none"], 1, "--plots=/proc/none: cannot be written to"),
        ([model, "--plots=old"], 1, "holds pictures of an earlier run, as clip_01_a.png"),
    ]
    for arguments, status, message in cases:
        done = run_script("evaluate", *arguments)
        last = done.stderr.splitlines()[-1]
        assert done.status == status and last.startswith("evaluate: ") and message in last, done
        # Beside the line of the error there may be one of progress.
        assert done.stderr.count("\n") <= 2, done
    assert not (tmp_path / "new").exists()
    assert sorted(path.name for path in Path(tmp_path / "old").iterdir()) == ["clip_01_a.png"]


@pytest.mark.slow
def test_without_data_clips_are_synthesised(run_script, tiny_model):
    result = run_script("evaluate", f"--model={tiny_model}", "--bpp=0.25", "--json")
    report = json.loads(result.stdout)
    assert report["synthetic"] is True and report["data"] is None
    assert report["models"]["tiny"]["clips"] == 14 and report["models"]["tiny"]["bpp_max"] <= 0.25
    assert "The clips are synthetic" in result.stderr and "github.com/Peltarion/pmqd" in result.stderr


@pytest.mark.slow
def test_natural_clips(run_script, tiny_model, natural_folder):
    result = run_script("evaluate", f"--model={tiny_model}", f"--data={natural_folder}", "--json")
    report = json.loads(result.stdout)
    scored = report["models"]["tiny"]["clips"]
    assert scored > 100 and scored + len(report["left_out"]) == 111
    assert report["models"]["tiny"]["bpp_max"] <= 0.5


def test_fitted_nlpd_parameters_change_nlpd_alone_and_sounds_are_scored_beside_the_front_end(
    run_script, tiny_model, mixed_folder, tmp_path
):
    fit_nlpd(np.random.default_rng(0).uniform(size=(2, 64, 64, 1))).save(tmp_path / "nlpd.json")
    arguments = [f"--model={tiny_model}", f"--data={mixed_folder}", "--json"]
    plain = json.loads(run_script("evaluate", *arguments).stdout)
    done = run_script("evaluate", *arguments, "--nlpd_parameters=nlpd.json", "--audio")
    assert done.status == 0, done.stderr
    report = json.loads(done.stdout)
    assert "NLPD with the parameters in nlpd.json" in done.stderr
    assert report["nlpd_parameters"]["path"] == "nlpd.json" and len(report["nlpd_parameters"]["sigma"]) == 6
    before, after = (each["models"]["tiny"]["metrics"] for each in (plain, report))
    assert before["mse"] == after["mse"] and before["ms_ssim"] == after["ms_ssim"]
    assert before["nlpd"]["mean"] != after["nlpd"]["mean"]
    bad = run_script("evaluate", *arguments, f"--nlpd_parameters={mixed_folder / 'pmqd.csv'}")
    assert bad.status == 1 and "is no file of NLPD parameters" in bad.stderr

    model, alone = report["models"]["tiny"]["audio"], report["front_end_audio"]["front end alone"]
    assert model["clips"] == alone["clips"] == report["models"]["tiny"]["clips"]
    assert alone["genres"]["Rock"]["clips"] == 2
    for name in ("log_spectral_distance_db", "spectral_convergence", "mel_mse"):
        low, high = model["metrics"][name]["ci95"]
        assert low <= model["metrics"][name]["mean"] <= high
        assert 0 < alone["metrics"][name]["mean"] < model["metrics"][name]["mean"]
    assert "front end alone" in done.stderr and "spectral convergence" in done.stderr
