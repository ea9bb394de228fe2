"""Processes of a sweep: their order, logs and locks, and how a signal ends them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from tfnoise.cli.sweep_jobs import Job, last_line, run_jobs, shared_environment
from tfnoise.files import locked


@pytest.fixture
def run(tmp_path):
    """Runs shell scripts in tmp_path; gives whether all ran, and what happened in order."""

    def run_scripts(scripts, at_once=1, on_start=lambda job: None):
        events = []

        def started(job):
            events.append(f"{job.name} started")
            on_start(job)

        def ended(job, status):
            events.append(f"{job.name} {status}")

        jobs = [
            Job(name, ("sh", "-c", f"cd '{tmp_path}'; {script}"), tmp_path / "logs" / f"{name}.log")
            for name, script in scripts.items()
        ]
        return run_jobs(jobs, at_once, os.environ, started, ended), events

    return run_scripts


def test_one_after_another_and_a_failing_one_stops_nothing(run, tmp_path):
    whole, events = run({"a": "echo one >&2", "b": "echo 'b: no' >&2; echo >&2; exit 3", "c": "kill -9 $$"})
    assert whole
    assert events == ["a started", "a 0", "b started", "b 3", "c started", "c -9"]
    assert last_line(tmp_path / "logs" / "a.log") == "one"
    assert last_line(tmp_path / "logs" / "b.log") == "b: no"
    assert last_line(tmp_path / "logs" / "c.log").startswith("$ sh -c ")
    assert last_line(tmp_path / "absent.log") == ""


def test_processes_share_the_cores_and_have_one_at_least(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    shares = [shared_environment(jobs).get("TF_NUM_INTRAOP_THREADS") for jobs in (1, 2, 3, 8, 20)]
    assert shares == [None, "4", "2", "1", "1"]
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    assert shared_environment(2)["TF_NUM_INTRAOP_THREADS"] == "5"


def test_several_at_once_but_not_more(run):
    # Each of a pair waits for the other, so that neither would end alone.
    meet = "touch {0}; while [ ! -e {1} ]; do sleep 0.02; done"
    scripts = {"a": meet.format("a", "b"), "b": meet.format("b", "a"), "c": "true"}
    whole, events = run(scripts, at_once=2)
    assert whole and events[:2] == ["a started", "b started"]
    assert events.index("c started") > min(events.index("a 0"), events.index("b 0"))
    assert sorted(events[2:]) == ["a 0", "b 0", "c 0", "c started"]


def test_a_log_keeps_what_was_said_before(run, tmp_path):
    run({"a": "echo first >&2"})
    run({"a": "echo second >&2"})
    lines = (tmp_path / "logs" / "a.log").read_text().splitlines()
    assert [line for line in lines if not line.startswith("$ ")] == ["first", "second"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_running_ones_which_can_save(run, tmp_path, number):
    saving = (
        "trap 'sleep 0.3; echo saved > {0}; exit 143' TERM; touch {0}.ready; while :; do sleep 0.02; done"
    )

    def ready_then_signal(job):
        if job.name == "b":
            deadline = time.monotonic() + 20
            while len(list(tmp_path.glob("*.ready"))) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            os.kill(os.getpid(), number)

    scripts = {"a": saving.format("a"), "b": saving.format("b"), "c": "touch c"}
    before = signal.getsignal(number)
    whole, events = run(scripts, at_once=2, on_start=ready_then_signal)
    assert not whole and events == ["a started", "b started"]
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == "saved\n"
    assert not (tmp_path / "c").exists()
    assert signal.getsignal(number) == before


def test_processes_do_not_share_the_terminals_signals(run, tmp_path):
    code = "import os, sys; sys.exit(os.getsid(0) != os.getpid())"
    assert run({"a": f'exec "{sys.executable}" -c "{code}"'})[1][-1] == "a 0"


def test_one_that_another_process_is_at_work_on_is_waited_for(run, tmp_path, capsys):
    log = tmp_path / "logs" / "a.log"
    log.parent.mkdir()
    order = []
    lock = locked(log)
    lock.__enter__()
    release = threading.Timer(1.0, lambda: (order.append("released"), lock.__exit__(None, None, None)))
    release.start()
    whole, events = run({"a": "true", "b": "true"}, on_start=lambda job: order.append(job.name))
    release.join()
    assert whole and events == ["b started", "b 0", "a started", "a 0"]
    assert order == ["b", "released", "a"]
    assert capsys.readouterr().out.count("waiting for a: another process is at work on it") == 1
