"""Processes one after another or several at once, each with a log; a signal ends them, and they can save."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfnoise.cli.output import say
from tfnoise.files import locked
from tfnoise.signals import StopSignals

_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_POLL_S = 0.1
_LOG_END_BYTES = 20_000


@dataclass(frozen=True)
class Job:
    """A process to be; its stderr is appended to the file `log`, which is locked while it runs."""

    name: str
    command: tuple[str, ...]
    log: Path


def run_jobs(
    jobs: Sequence[Job],
    at_once: int,
    environment: Mapping[str, str],
    on_start: Callable[[Job], None],
    on_end: Callable[[Job, int], None],
) -> bool:
    """Runs all jobs, in their order.

    A job whose log is locked, by another call or by an orphan of a killed one, starts when the lock is free.

    Args:
      jobs: what to run; their stdout is thrown away.
      at_once: the largest number of processes at a time.
      environment: of the processes.
      on_start: called when a job has started.
      on_end: called when it has ended, with its exit status (negative: the signal that killed it).

    Returns:
      False if SIGINT or SIGTERM came: the running jobs got SIGTERM and have ended, no other has started.
      A second signal kills them.
    """
    waiting, running = list(jobs), dict[Job, subprocess.Popen]()
    said_so = False
    with StopSignals() as signals:
        try:
            while (waiting or running) and signals.number is None:
                for job in list(waiting):
                    if len(running) < at_once:
                        process = _start(job, environment)
                        if process is not None:
                            waiting.remove(job)
                            running[job] = process
                            on_start(job)
                if not running and not said_so:
                    say(f"waiting for {waiting[0].name}: another process is at work on it ({waiting[0].log})")
                    said_so = True
                time.sleep(_POLL_S)
                for job, process in list(running.items()):
                    if process.poll() is not None:
                        del running[job]
                        on_end(job, process.returncode)
        finally:
            _end(list(running.values()))
        return signals.number is None


def shared_environment(jobs: int) -> dict[str, str]:
    """The environment of `jobs` trainings at once: each has its share of the cores, unless that is set."""
    environment = dict(os.environ)
    if jobs > 1:
        for name in _THREADS:
            environment.setdefault(name, str(max(1, len(os.sched_getaffinity(0)) // jobs)))
    return environment


def last_line(log: Path) -> str:
    """The last line of a log that is not empty; "" if there is none."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_END_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""


def _start(job: Job, environment: Mapping[str, str]) -> subprocess.Popen | None:
    """Starts a process, or gives None if another one has the lock of the log."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(BlockingIOError), locked(job.log) as log:
        os.write(log, f"$ {shlex.join(job.command)}\n".encode())
        # The process inherits the lock with the log, and holds it even if we are killed.
        # It has a session of its own: a terminal's Ctrl-C would reach it beside our SIGTERM, and a second
        # signal ends it before it has saved.
        return subprocess.Popen(
            list(job.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=dict(environment),
            start_new_session=True,
        )
    return None


def _end(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        process.terminate()
    try:
        for process in processes:
            process.wait()
    finally:
        for process in processes:
            process.kill()
            process.wait()
