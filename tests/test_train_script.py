"""bin/train from the outside: the whole job, its second call, and what it refuses."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from tfnoise.audio import FrontEnd
from tfnoise.losses import fit_nlpd
from tfnoise.training import TrainingSettings, write_settings

SIZES = dict(filters=8, patch_size=32, ms_ssim_scales=2, batch_size=4, epochs=2, steps_per_epoch=5)
TINY = [*(f"--{name}={value}" for name, value in SIZES.items()), "--mels=48"]


@pytest.fixture(scope="module")
def audio_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    rng = np.random.default_rng(0)
    soundfile.write(folder / "good.wav", rng.normal(0, 0.1, 32000), 16000)
    (folder / "bad.wav").write_bytes(b"this is no audio")
    return folder


def test_the_whole_job_and_its_second_call(run_script, tmp_path, audio_folder):
    done = run_script("train", *TINY, "--loss=ms_ssim", f"--val_data={audio_folder}", "--checkpoint_every=4")
    assert done.status == 0, done.stderr
    run_dir, version = tmp_path / "runs" / "ms_ssim", tmp_path / "saved_models" / "ms_ssim" / "1"
    assert "bad.wav" in done.stdout and "1 of 2 clips" in done.stdout
    assert "saved_models/ms_ssim/1" in done.stdout
    assert "bin/evaluate --model=saved_models/ms_ssim" in done.stdout
    assert "10/10 [" in done.stderr and "bpp=" in done.stderr
    assert "Traceback" not in done.stderr and "W tensorflow" not in done.stderr
    assert {"checkpoints", "logs", "flags.json", "finished.json"} == {path.name for path in run_dir.iterdir()}
    assert {"saved_model.pb", "variables", "assets"} <= {path.name for path in version.iterdir()}
    settings = json.loads((version / "assets" / "tfnoise.json").read_text())
    assert settings["training"]["uses_natural_data"] is False and settings["training"]["steps"] == 10

    sounds = {}
    for event_file in (run_dir / "logs").iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(event_file)):
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "audio":
                    sounds.setdefault(value.tag.split("/")[-1], {}).setdefault(value.tag, []).append(value)
    # A synthesised sound and a natural one; the originals' once, the reconstructions' after each epoch.
    assert {name: [len(values) for values in tags.values()] for name, tags in sounds.items()} == {
        "front end alone": [1, 1],
        "reconstruction": [2, 2],
    }
    [first, *_] = sounds["reconstruction"].values()
    sound, rate_hz = soundfile.read(io.BytesIO(first[0].tensor.string_val[0]))
    assert rate_hz == 16000 and len(sound) > 16000 and np.std(sound) > 0

    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = run_script("train", *TINY, "--loss=ms_ssim", "--json")
    assert again.status == 0, again.stderr
    assert json.loads(again.stdout)["model"] == "saved_models/ms_ssim/1"
    assert "finished" in again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    other = run_script("train", *TINY, "--loss=ms_ssim", "--seed=1")
    assert other.status == 2
    (line,) = other.stderr.splitlines()
    assert "--seed=0 (now 1)" in line and "--overwrite" in line

    other = run_script("train", *TINY, "--loss=ms_ssim", "--seed=1", "--overwrite")
    assert other.status == 0, other.stderr
    assert (tmp_path / "saved_models" / "ms_ssim" / "2").is_dir()


def test_a_sum_of_losses_with_fitted_parameters(run_script, tmp_path):
    fit_nlpd(np.random.default_rng(0).uniform(size=(2, 48, 48, 1)), scales=3).save(tmp_path / "nlpd.json")
    arguments = [*TINY, "--loss=0.5*ms_ssim + .5*nlpd", "--nlpd_parameters=nlpd.json", "--json"]
    done = run_script("train", *arguments)
    assert done.status == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == "saved_models/0.5_ms_ssim_0.5_nlpd/1"
    assert report["flags"]["loss"] == "0.5*ms_ssim+0.5*nlpd"
    assert report["flags"]["nlpd_parameters"]["origin"] == "fitted to 2 images"
    settings = json.loads((tmp_path / report["model"] / "assets" / "tfnoise.json").read_text())
    assert len(settings["training"]["nlpd_parameters"]["sigma"]) == 3

    same = run_script("train", *[argument.replace(" ", "") for argument in arguments])
    assert same.status == 0 and "finished" in same.stderr
    fit_nlpd(np.random.default_rng(1).uniform(size=(2, 48, 48, 1)), scales=3).save(tmp_path / "nlpd.json")
    other = run_script("train", *arguments)
    assert other.status == 2 and "--nlpd_parameters=fitted to 2 images, sigma" in other.stderr
    assert len(other.stderr.strip().splitlines()) == 1 and len(other.stderr) < 500


def test_help_has_an_example_and_the_flags(run_process):
    started = time.monotonic()
    done = run_process("train", "--help")
    assert time.monotonic() - started < 4
    assert done.status == 0 and "bin/train --loss=ms_ssim" in done.stdout
    for flag in ("loss", "noise", "bottleneck", "bpp", "levels", "quantizer_s", "val_data", "run_dir"):
        assert f"--{flag}" in done.stdout


def test_refused_in_one_line_before_anything_is_written(run_script, tmp_path):
    cases = [
        (["--loss=psnr"], 2, "--loss=psnr: unknown loss 'psnr'; known: mse, ms_ssim, nlpd, ssim"),
        (["--loss=0.5*nlpd+"], 2, "no sum like 0.5*ms_ssim+0.5*nlpd"),
        (["--loss=mse+ms_ssim", "--patch_size=32"], 2, "--patch_size=32"),
        (["--loss=nlpd", "--nlpd_parameters=absent.json"], 1, "absent.json: cannot be read"),
        (["--patch_size=32", "--loss=ms_ssim"], 2, "--patch_size=32"),
        (["--bottleneck=levels", "--bpp=0.3"], 2, "0.296875"),
        (["--name=../x"], 2, "--name=../x"),
        (["--val_data=absent"], 1, "absent"),
        (["--export_dir=/proc/models"], 1, "/proc/models"),
        (["--run_dir=/proc/run"], 1, "/proc/run"),
        (["--name=best"], 2, "--name=best: is a shipped model's name; give another, as --name=my_best"),
    ]
    for arguments, status, words in cases:
        done = run_script("train", *arguments)
        (line,) = done.stderr.splitlines()
        assert done.status == status and words in line, (arguments, line)
    assert list(tmp_path.iterdir()) == []


def test_divergence_exits_with_one_and_one_line(run_script):
    done = run_script("train", *TINY, "--loss=mse", "--learning_rate=1e30")
    assert done.status == 1
    last = done.stderr.splitlines()[-1]
    assert "step-0" in last and "lower --learning_rate" in last and "start over with --overwrite" in last


def test_a_run_whose_checkpoints_are_damaged_is_refused(run_script, tmp_path):
    checkpoints = tmp_path / "runs" / "mse" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "step-5.index").write_bytes(b"damaged")
    write_settings(TrainingSettings(loss="mse", front_end=FrontEnd(mels=48), **SIZES), checkpoints.parent)
    done = run_script("train", *TINY, "--loss=mse")
    message = "step-5: damaged checkpoint; start over with --overwrite or another --name"
    assert done.status == 1 and done.stderr.splitlines()[-1].endswith(message)


def test_every_config_is_read_and_sets_valid_values(run_script, repo_root):
    configs = sorted((repo_root / "configs").glob("*.cfg"))
    assert len(configs) > 3
    for config in configs:
        # A name that is refused after all flags were read and checked, so that nothing is trained.
        done = run_script("train", f"--flagfile={config}", "--name=7")
        assert done.status == 2 and "--name=7" in done.stderr, config
