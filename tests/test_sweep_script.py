"""bin/sweep from the outside: a grid trained and resumed, and what it refuses before anything starts."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from tfnoise.audio import FrontEnd
from tfnoise.files import write_json
from tfnoise.training import TrainingSettings, write_settings

SIZES = {"filters": 8, "patch_size": 48, "batch_size": 2, "epochs": 1, "steps_per_epoch": 2}
TINY = [*(f"--{name}={value}" for name, value in SIZES.items()), "--mels=48"]


def _contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def _pretend_finished(folder, name, **options):
    """A run of TINY's settings as bin/train leaves it, but for the checkpoints."""
    settings = TrainingSettings(**SIZES, front_end=FrontEnd(mels=48), **options)
    run_dir = folder / "runs" / "sweep" / name
    run_dir.mkdir(parents=True)
    write_settings(settings, run_dir)
    numbers = {"seconds": 7.5, "bpp_on_noise": 0.5, "last": {"distortion": 0.25}}
    write_json({"model": f"saved_models/{name}/1", **numbers}, run_dir / "finished.json")


def test_what_is_not_finished_is_trained_and_the_second_call_trains_nothing(run_script, tmp_path):
    (tmp_path / "tiny.cfg").write_text("\n".join([*TINY, "--loss=mse"]) + "\n")
    _pretend_finished(tmp_path, "seed0", loss="mse", seed=0)
    done = run_script("sweep", "--flagfile=tiny.cfg", "--seed=0,1", "--json")
    assert done.status == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["finished"] == 2 and report["failed"] == 0
    skipped, run = report["runs"]
    assert skipped["axes"] == {"seed": 0} and not skipped["trained_now"] and skipped["seconds"] == 7.5
    assert run["name"] == "seed1" and run["axes"] == {"seed": 1} and run["trained_now"]
    finished = json.loads((tmp_path / run["run_dir"] / "finished.json").read_text())
    assert finished["flags"]["seed"] == 1 and finished["flags"]["filters"] == 8 and finished["steps"] == 2
    assert run["status"] == "finished" and run["error"] is None
    assert run["distortion"] == finished["last"]["distortion"] > 0
    assert run["bpp_on_noise"] == finished["bpp_on_noise"] and run["seconds"] == finished["seconds"]
    assert run["model"] == "saved_models/seed1/1" and (tmp_path / run["model"] / "saved_model.pb").is_file()
    assert "training on uniform noise" in (tmp_path / run["log"]).read_text()
    assert "2 trainings in runs/sweep (seed 0, 1): 1 finished already" in done.stderr
    assert "2/2 [" in done.stderr and "Traceback" not in done.stderr

    before = _contents(tmp_path)
    again = run_script("sweep", "--flagfile=tiny.cfg", "--seed=0,1", "--json")
    assert again.status == 0, again.stderr
    assert "2 finished already" in again.stderr and "started" not in again.stderr
    assert json.loads(again.stdout)["runs"] == [skipped, {**run, "trained_now": False}]
    assert _contents(tmp_path) == before


def test_the_table_of_finished_trainings(run_script, tmp_path):
    names = {"mse": "new_mse", "0.5*mse+0.5*nlpd": "new_0.5_mse_0.5_nlpd"}
    runs = [(f"{name}_seed{seed}", loss, seed) for loss, name in names.items() for seed in (0, 1)]
    for name, loss, seed in runs:
        _pretend_finished(tmp_path, name, loss=loss, seed=seed)
    done = run_script("sweep", *TINY, "--seed=0,1", "--loss=mse,0.5*mse+0.5*nlpd", "--name=new")
    assert done.status == 0, done.stderr
    first, header, _, *rows = done.stdout.splitlines()
    assert first.endswith(": 4 finished already")
    columns = ["run", "loss", "seed", "distortion", "bpp on noise", "seconds", "model"]
    assert re.split(r"\s{2,}", header) == columns
    assert [row.split() for row in rows[:4]] == [
        [name, loss, str(seed), "0.25", "0.5", "7.5", f"saved_models/{name}/1"] for name, loss, seed in runs
    ]
    assert "bin/evaluate --model=saved_models/new_mse_seed0,saved_models/new_mse_seed1," in done.stdout


def test_without_an_axis_it_is_one_training_named_by_its_loss(run_script, tmp_path):
    _pretend_finished(tmp_path, "nlpd", loss="nlpd", seed=3)
    done = run_script("sweep", *TINY, "--loss=nlpd", "--seed=3", "--json")
    assert done.status == 0 and "1 training in runs/sweep: 1 finished already" in done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert run["name"] == "nlpd" and run["axes"] == {}


def test_refused_in_one_line_before_anything_is_written(run_script, tmp_path):
    (tmp_path / "wrong.cfg").write_text("# A grid.\n--seed=0,x\n")
    cases = [
        (["--loss=mse,psnr"], 2, "psnr: --loss=psnr: unknown loss 'psnr'"),
        (["--loss=mse,ms_ssim", "--patch_size=32"], 2, "ms_ssim: --patch_size=32 is too small"),
        (["--bottleneck=entropy,levels", "--bpp=0.5,0.3"], 2, "levels_bpp0.3: --bpp=0.3"),
        (["--seed=0,1,1"], 2, "two trainings would be called seed1"),
        (["--seed=1,01"], 2, "two trainings would be called seed1"),
        (["--seed=0,x"], 2, "--seed=0,x: must be a whole number"),
        (["--flagfile=wrong.cfg"], 2, "wrong.cfg:2: --seed=0,x: must be a whole number"),
        (["--bottleneck=entropy,level"], 2, "--bottleneck=entropy,level: must be one of entropy, levels"),
        (["--loss=mse,,nlpd"], 2, "--loss=mse,,nlpd: a value is missing"),
        (["--losses=mse,nlpd"], 2, "unknown flag --losses; did you mean --loss?"),
        (["--run_dir=here"], 2, "--run_dir=here: each training has its own, below --sweep_dir"),
        (["--name=../x"], 2, "--name=../x"),
        (["--jobs=0"], 2, "--jobs=0"),
        (["--checkpoint_every=5,0"], 2, "--checkpoint_every must be 1 or more"),
        (["--early_stop=0,2"], 2, "early_stop2: --early_stop=2"),
        (["--strategy=default,multi_worker"], 2, "--strategy=multi_worker"),
        (["--val_data=absent"], 1, "absent"),
        (["--loss=nlpd,mse", "--nlpd_parameters=absent.json"], 1, "absent.json: cannot be read"),
        (["--sweep_dir=/proc/runs"], 1, "--sweep_dir=/proc/runs"),
        (["--export_dir=/proc/models"], 1, "--export_dir=/proc/models"),
    ]
    for arguments, status, words in cases:
        done = run_script("sweep", *arguments)
        (line,) = done.stderr.splitlines()
        assert done.status == status and words in line, (arguments, line)
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.cfg"]


def test_a_run_of_other_flags_is_refused_before_the_others_start(run_script, tmp_path):
    _pretend_finished(tmp_path, "seed1", loss="mse", seed=1, learning_rate=0.5)
    before = _contents(tmp_path)
    done = run_script("sweep", *TINY, "--loss=mse", "--seed=0,1")
    assert done.status == 2
    (line,) = done.stderr.splitlines()
    assert "runs/sweep/seed1 holds a run with other settings: --learning_rate=0.5 (now 0.001)" in line
    assert "another --sweep_dir" in line and _contents(tmp_path) == before


def test_help_has_an_example_and_the_flags_of_a_training(run_script):
    done = run_script("sweep", "--help")
    assert done.status == 0
    assert "bin/sweep --flagfile=configs/quick.cfg --loss=mse,ms_ssim,nlpd --seed=0,1,2" in done.stdout
    train, sweep = (
        set(re.findall(r"^  --\S+", text, re.MULTILINE))
        for text in (run_script("train", "--help").stdout, done.stdout)
    )
    assert train <= sweep


@pytest.mark.slow
def test_a_failing_training_is_named_and_stops_no_other(run_script, tmp_path):
    # The first one's loss is no number any more after a step.
    grid = [*TINY, "--loss=mse", "--learning_rate=1e30,0.001", "--jobs=2", "--json"]
    done = run_script("sweep", *grid)
    assert done.status == 1
    failed, finished = json.loads(done.stdout)["runs"]
    assert failed["status"] == "failed" and failed["model"] is None and failed["distortion"] is None
    assert "--learning_rate" in failed["error"] and "status 1" in failed["error"]
    assert finished["status"] == "finished" and (tmp_path / finished["model"]).is_dir()
    last = done.stderr.splitlines()[-1]
    assert last.startswith("sweep: learning_rate1e_30 failed: ") and failed["error"] in last
    assert failed["log"] in last and "Traceback" not in done.stderr

    again = run_script("sweep", *grid)
    assert again.status == 1 and "1 finished already, 1 begun" in again.stderr
    assert [run["trained_now"] for run in json.loads(again.stdout)["runs"]] == [True, False]


@pytest.mark.slow
def test_a_sweep_that_is_ended_resumes(run_script, repo_root, tmp_path):
    grid = [*TINY, "--loss=mse", "--seed=0,1", "--steps_per_epoch=200", "--checkpoint_every=20"]
    command = [sys.executable, str(repo_root / "bin" / "sweep"), *grid]
    sweep = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "runs/sweep/seed0/checkpoints/step-20.index").exists():
        assert sweep.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    sweep.send_signal(signal.SIGTERM)
    _, errors = sweep.communicate(timeout=60)
    assert sweep.returncode == 130
    assert errors.splitlines()[-1] == (
        "sweep: interrupted; 0 of 2 trainings are finished; the same command resumes"
    )
    assert "stopped by SIGTERM at step" in (tmp_path / "runs/sweep/seed0.log").read_text()
    assert not (tmp_path / "runs/sweep/seed1").exists()

    again = run_script("sweep", *grid, "--json")
    assert again.status == 0, again.stderr
    assert "0 finished already, 1 begun" in again.stderr
    assert json.loads(again.stdout)["finished"] == 2
    assert "resuming from step" in (tmp_path / "runs/sweep/seed0.log").read_text()
