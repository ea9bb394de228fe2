"""bin/prepare_pmqd as it is called: its messages, statuses and JSON, and runs that are killed."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
import time

import pytest

from tests.data.pmqd_server import NAMES, Behaviour, Release, release, rows, serving, wav_files

RELEASE = release()
SIZE = len(RELEASE.files["audio.tgz"])


@pytest.fixture
def server():
    with serving(RELEASE.files) as server:
        yield server


@pytest.fixture
def run(server, run_script, tmp_path):
    RELEASE.write_manifest(tmp_path / "manifest.json")

    def run(*args, runner=run_script, **more):
        flags = ["--dir=pmqd", f"--url_base={server.url}", "--manifest=manifest.json", *args]
        return runner("prepare_pmqd", *flags, **more)

    return run


def failed(result, status: int = 1) -> str:
    """The one line on stderr that is no progress."""
    assert result.status == status, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    lines = [line for line in re.split(r"[\r\n]+", result.stderr) if line]
    assert [line for line in lines if line.startswith("prepare_pmqd: ")] == lines[-1:]
    return lines[-1]


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_prepares_and_then_only_checks(run, server, tmp_path):
    result = run()
    assert result.status == 0, result.stderr
    assert "pmqd: is complete: 6 clips" in result.stdout
    assert "Next: bin/correlate --pmqd=pmqd" in result.stdout
    assert "fetching audio.tgz: 100%" in result.stderr and "unpacking: 100%" in result.stderr
    assert names(tmp_path / "pmqd") == [".prepared.json", "audio", "pmqd.csv"]
    assert names(tmp_path / "pmqd" / "audio") == sorted(NAMES)
    server.log.clear()
    again = run("--json")
    assert again.status == 0 and server.log == [] and "was complete before" in again.stderr
    report = json.loads(again.stdout)
    assert report.pop("seconds") > 0
    assert report == {
        "folder": "pmqd",
        "files": 6,
        "audio_bytes": sum(map(len, wav_files().values())),
        "already_complete": True,
        "repaired": 0,
        "fetched_bytes": 0,
        "archive_kept": False,
        "list": "pmqd/pmqd.csv",
        "audio": "pmqd/audio",
        "archive": None,
        "clips": 6,
        "problems": [],
    }
    (tmp_path / "pmqd" / "audio" / NAMES[0]).unlink()
    report = json.loads(run("--keep_archive", "--json").stdout)
    assert report["repaired"] == 1 and report["archive"] == "pmqd/audio.tgz"
    # Files that are in the folder need no server.
    RELEASE.write_manifest(tmp_path / "manifest.json")
    (tmp_path / "here").mkdir()
    for name, content in RELEASE.files.items():
        (tmp_path / "here" / name).write_bytes(content)
    report = json.loads(run("--dir=here", "--url_base=http://127.0.0.1:9", "--json").stdout)
    assert report["fetched_bytes"] == 0 and report["archive"] == "here/audio.tgz"
    # A folder of another manifest, and audio of the user.
    (tmp_path / "mine" / "audio").mkdir(parents=True)
    (tmp_path / "mine" / "audio" / "mine.wav").write_bytes(b"mine")
    assert "is there already and not of this command" in failed(run("--dir=mine"))
    release("another").write_manifest(tmp_path / "manifest.json")
    assert "pmqd: was prepared by another manifest" in failed(run())


def test_killed_while_downloading_it_resumes(run, server, tmp_path, repo_root):
    server.behaviour = Behaviour(piece_bytes=10_000, piece_wait_s=0.02)
    flags = [f"--url_base={server.url}", "--manifest=manifest.json"]
    command = [sys.executable, repo_root / "bin" / "prepare_pmqd", *flags]
    part = tmp_path / "pmqd" / ".download" / "audio.tgz.part"
    fetched = 0
    for _ in range(2):
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
        until = time.monotonic() + 20
        while (not part.exists() or part.stat().st_size < fetched + 50_000) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert fetched + 50_000 <= part.stat().st_size < SIZE and not (tmp_path / "pmqd" / "audio").exists()
        fetched = part.stat().st_size
    server.behaviour = Behaviour()
    server.log.clear()
    result = run("--json")
    assert result.status == 0, result.stderr
    assert server.log == [["/audio.tgz", f"bytes={fetched}-", SIZE - fetched]]
    assert json.loads(result.stdout)["fetched_bytes"] == SIZE - fetched
    assert names(tmp_path / "pmqd") == [".prepared.json", "audio", "pmqd.csv"]


def test_a_limit_on_files_is_as_a_full_disk(run, run_process, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    line = failed(run(runner=run_process, preexec_fn=limit))
    assert "pmqd/.download/audio.tgz.part: no space left on the disk; free some" in line
    assert f"it resumes from the 100000 of {SIZE} bytes" in line
    assert (tmp_path / "pmqd" / ".download" / "audio.tgz.part").stat().st_size == 100_000
    assert run().status == 0


def test_wrong_bytes_are_refused(run, server, tmp_path):
    server.files["audio.tgz"] = bytes(SIZE)
    line = failed(run())
    wrong = Release({"x": bytes(SIZE)}).manifest()["x"]["sha256"]
    assert wrong in line and RELEASE.manifest()["audio.tgz"]["sha256"] in line
    assert not (tmp_path / "pmqd" / "audio").exists()
    server.files = dict(RELEASE.files)
    assert run().status == 0


BAD_LISTS = {
    "has no row": rows(NAMES[:-1]),
    "is not in audio/": rows([*NAMES, "absent.wav"]),
    "0": rows().replace("\n1,Rock", "\n0,Rock"),
    "7": rows().replace(",1.0,0,", ",7.0,0,"),
    "'good'": rows().replace(",1.0,0,", ",good,0,"),
    "has no column rating": rows().replace("rating", "mark"),
}


@pytest.mark.parametrize("words", list(BAD_LISTS))
def test_a_list_that_does_not_fit_loses_nothing(run, server, tmp_path, words):
    bad = Release({**RELEASE.files, "pmqd.csv": BAD_LISTS[words].encode()})
    bad.write_manifest(tmp_path / "manifest.json")
    server.files = bad.files
    for _ in range(2):
        result = run("--json")
        line, report = failed(result), json.loads(result.stdout)
        [problem] = report["problems"]
        assert words in line and words in problem and f"  problem: {problem}" in result.stderr
        assert "everything is left as it is" in line
        assert names(tmp_path / "pmqd" / "audio") == sorted(NAMES)
        assert (tmp_path / "pmqd" / "pmqd.csv").read_bytes() == bad.files["pmqd.csv"]
    assert report["already_complete"]


@pytest.mark.parametrize(
    "args, status, words",
    [
        (["--url_base=/x"], 2, "--url_base=/x: is no address of the form https://HOST/FOLDER; to use files"),
        (["--url_base=file:///data"], 2, "put audio.tgz and pmqd.csv into pmqd"),
        (["--url_base="], 2, "is no address"),
        (["--dir="], 2, "--dir is empty"),
        (["--dir=manifest.json"], 1, "--dir=manifest.json: is a file"),
        (["--manifest=absent.json"], 1, "absent.json: cannot be opened"),
        (["extra"], 2, "unexpected argument 'extra'"),
    ],
)
def test_wrong_flags(run, server, args, status, words):
    assert words in failed(run(*args), status)
    assert server.log == []


def test_help_is_quick_and_nothing_needs_tensorflow(run_script):
    assert "bin/prepare_pmqd --dir=pmqd" in run_script("prepare_pmqd", "--help").stdout
    modules = "tfnoise.cli.prepare_pmqd, tfnoise.data.pmqd_folder"
    code = f"import sys, {modules}; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
