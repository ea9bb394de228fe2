"""bin/export and bin/serve: from a run or a model to what is served, and what starts the server."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.measuring import free_ports
from tests import scripts
from tests.tiny_models import FRONT_END, tiny_autoencoder
from tfnoise import codec, serving
from tfnoise.errors import InputError
from tfnoise.serving import RestConnection, ServedCodec, ServerError

STAND_IN = Path(__file__).parents[1] / "tools" / "stand_in_server.py"
TINY = ["--filters=8", "--epochs=1", "--steps_per_epoch=4", "--batch_size=2", "--patch_size=48"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> Path:
    """A folder with two runs, of which `good` has the smaller distortion, and their model."""
    folder = tmp_path_factory.mktemp("sweep")
    done = scripts.run_script("train", *TINY, "--loss=mse", "--run_dir=runs/good", cwd=folder)
    assert done.status == 0, done.stderr
    shutil.copytree(folder / "runs" / "good", folder / "runs" / "bad")
    record = json.loads((folder / "runs" / "bad" / "finished.json").read_text())
    record["last"]["distortion"] *= 2
    (folder / "runs" / "bad" / "finished.json").write_text(json.dumps(record))
    return folder


def test_a_runs_last_checkpoint_and_a_sweeps_best_run_are_exported(swept, run_script):
    done = run_script("export", "--run_dir=runs/good", "--name=again", "--json", cwd=swept)
    assert done.status == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == "saved_models/again/1"
    record = json.loads((swept / "runs" / "good" / "finished.json").read_text())
    again, trained = (codec.read_settings(swept / model) for model in (report["model"], record["model"]))
    assert report["fingerprint"] == again["fingerprint"] == trained["fingerprint"]
    assert again["training"] == trained["training"]
    assert all((swept / path).is_file() for path in report["configs"])
    done = run_script("export", "--run_dir=runs", "--export_dir=best", cwd=swept)
    assert done.status == 0, done.stderr
    assert "runs/good: the best of 2 runs by distortion" in done.stdout
    assert (swept / "best" / "good" / "1" / "saved_model.pb").is_file()


@pytest.mark.parametrize(
    ("flag", "name", "frames"), [("--overwrite", "tiny", None), ("--frames=64", "tiny_fixed", 64)]
)
def test_a_model_is_exported_again_with_its_fingerprint(version_of, run_script, tmp_path, flag, name, frames):
    version = version_of("entropy" if frames else "levels")
    models = tmp_path / "saved_models"
    shutil.copytree(version.parent, models / "tiny")
    fingerprint = codec.read_settings(version)["fingerprint"]
    former = (models / "tiny/1/saved_model.pb").stat().st_ino
    done = run_script("export", "--model=saved_models/tiny", flag, "--json")
    assert json.loads(done.stdout)["model"] == f"saved_models/{name}/1", done.stderr
    assert (models / name / "1" / "saved_model.pb").stat().st_ino != former
    settings = codec.read_settings(models / name / "1")
    assert settings["fingerprint"] == fingerprint and settings["training"] == {"loss": "mse"}
    assert settings["serving"] == {"frames": frames}
    assert not list(models.rglob(".*")) and not list(models.rglob("*.old"))


def test_a_model_whose_weights_were_changed_is_refused(version_of, tmp_path):
    shutil.copytree(version_of("entropy"), tmp_path / "m" / "1")
    settings = tmp_path / "m" / "1" / "assets" / "tfnoise.json"
    values = json.loads(settings.read_text())
    settings.write_text(json.dumps({**values, "fingerprint": "0" * 32}))
    with pytest.raises(InputError, match="not those of its fingerprint"):
        serving.export_again(codec.load(tmp_path / "m"), tmp_path / "n")
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("", 2),
        ("--run_dir=a --model=b", 2),
        ("--run_dir=a --overwrite", 2),
        ("--model=b --frames=0", 2),
        ("--model=b --name=a/b", 2),
        ("--run_dir=absent", 1),
        ("--run_dir=nothing", 1),
        ("--run_dir=broken", 1),
        ("--model=absent", 1),
        ("--model=levels --name=other --overwrite", 1),
        ("--model=levels --name=best", 2),
    ],
)
def test_what_export_cannot_do_is_said(run_script, run_process, tmp_path, version_of, arguments, status):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "flags.json").write_text("{")
    (tmp_path / "levels").symlink_to(version_of("levels").parent)
    done = (run_script if arguments else run_process)("export", *arguments.split())
    assert done.status == status and done.stderr.count("\n") == 1, done
    assert "--name=best" not in arguments or "--name=best: is a shipped model's name" in done.stderr


def test_without_a_server_the_docker_command_is_printed(version_of, run_script):
    export_dir = version_of("levels").parents[1].resolve()
    environment = {"PATH": "/nowhere", "TENSORFLOW_MODEL_SERVER": ""}
    done = run_script("serve", f"--export_dir={export_dir}", "--rest_port=9001", env=environment)
    assert done.status == 1 and done.stderr.count("\n") == 1 and "docker" in done.stderr
    command = shlex.split(done.stdout)
    assert command[:3] == ["docker", "run", "--rm"] and "tensorflow/serving:2.14.1" in command
    assert f"-v{export_dir}:{export_dir}:ro" in command and "-p9001:8501" in command
    assert f"--model_config_file={export_dir}/models.config" in command
    assert (export_dir / "models.config").is_file()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--export_dir=empty"], 1, "no exported model"),
        (["--rest_port=0"], 2, "--rest_port=0"),
        (["--rest_port=8500"], 2, "must differ"),
        (["--batching"], 1, "--frames"),
        ([], 1, "/no/such/server"),
    ],
)
def test_what_serve_cannot_do_is_said(run_script, version_of, tmp_path, arguments, status, message):
    (tmp_path / "empty").mkdir()
    export_dir = f"--export_dir={version_of('levels').parents[1]}"
    done = run_script("serve", export_dir, *arguments, env={"TENSORFLOW_MODEL_SERVER": "/no/such/server"})
    assert done.status == status and message in done.stderr and done.stderr.count("\n") == 1


def _wait_for(ready, timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with contextlib.suppress(ServerError):
            if ready():
                return
        time.sleep(0.1)
    raise AssertionError("the server did not come to it")


def test_a_new_version_appears_whole_and_the_old_one_serves_until_then(repo_root, version_of, tmp_path):
    """bin/serve becomes the server, here the stand-in, which polls as the real one does."""
    pytest.importorskip("tensorflow_serving", reason="needs tensorflow-serving-api, the extra `serving`")
    shutil.copytree(version_of("levels"), tmp_path / "tiny" / "1")
    rest, grpc = free_ports(2)
    command = [sys.executable, str(repo_root / "bin" / "serve"), f"--export_dir={tmp_path}"]
    command += [f"--rest_port={rest}", f"--grpc_port={grpc}"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    server_variables = {"TENSORFLOW_MODEL_SERVER": str(STAND_IN), "PATH": path, "PYTHONPATH": str(repo_root)}
    server = subprocess.Popen(command, env={**os.environ, **server_variables}, stdout=subprocess.PIPE)
    try:
        connection = RestConnection(f"127.0.0.1:{rest}", 10)
        _wait_for(lambda: connection.status("tiny")[0].is_available)
        # A version that is being written has another name, and is no version.
        half = tmp_path / "tiny" / ".export-half"
        shutil.copytree(tmp_path / "tiny" / "1", half)
        (half / "saved_model.pb").write_bytes(b"half")
        seen = [ServedCodec(connection, "tiny").settings["training"]]
        serving.export_model(tiny_autoencoder("levels"), FRONT_END, tmp_path / "tiny", {"number": 2})

        def newest() -> bool:
            seen.append(ServedCodec(connection, "tiny").settings["training"])
            return seen[-1] == {"number": 2}

        _wait_for(newest)
        assert all(training == {"loss": "mse"} for training in seen[:-1])
        assert connection.status("tiny")[0].version == 2
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
