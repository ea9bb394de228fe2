"""Times of functions that take turns, so that a machine whose speed drifts favours none, and memory."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")
_REPOSITORY = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True)
class Comparison:
    """How long two functions took in turns.

    Attributes:
      seconds: median time of the function.
      baseline_seconds: median time of the baseline.
      speedup: median over rounds of the baseline's time divided by the other's, in the same round.
      speedup_range: the smallest and the largest of these.
      rounds: number of timings of each.
    """

    seconds: float
    baseline_seconds: float
    speedup: float
    speedup_range: tuple[float, float]
    rounds: int


def compare(
    function: Callable[[], object],
    baseline: Callable[[], object],
    rounds: int,
    on_round: Callable[[], object] = lambda: None,
    baseline_returns_seconds: bool = False,
) -> Comparison:
    """Times two functions in turns, after each was called twice to warm up.

    Args:
      function, baseline: return when their work is done.
      rounds: how many times each is timed, 1 or more.
      on_round: called after each round, outside of what is timed.
      baseline_returns_seconds: whether the baseline returns its time, as where another process takes it.
    """
    for _ in range(2):
        baseline()
        function()
    pairs = []
    for _ in range(rounds):
        slow = baseline() if baseline_returns_seconds else _seconds(baseline)
        pairs.append((slow, _seconds(function)))
        on_round()
    ratios = [slow / fast for slow, fast in pairs]
    return Comparison(
        seconds=statistics.median(fast for _, fast in pairs),
        baseline_seconds=statistics.median(slow for slow, _ in pairs),
        speedup=statistics.median(ratios),
        speedup_range=(min(ratios), max(ratios)),
        rounds=rounds,
    )


def range_text(ends: Sequence[float], digits: int = 2) -> str:
    """The ends of a range for a table."""
    return " to ".join(f"{end:.{digits}f}" for end in ends)


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def growth_bytes(function: Callable[[], object]) -> int | None:
    """By how much this process's resident memory grows at most while the function runs, by Linux's count.

    Only in a fresh process is that what the function needs: TensorFlow keeps what it once allocated.

    Returns:
      Bytes, or None where the system does not tell.
    """
    before = _status_bytes("VmRSS")
    function()
    after = _status_bytes("VmHWM")
    return None if before is None or after is None else max(0, after - before)


def _status_bytes(field: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return None


def module_environment(**variables: str) -> dict[str, str]:
    """The environment of a process that runs a module of this package."""
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": _REPOSITORY, **variables}


def in_fresh_process(module: str, *arguments: object) -> Any:
    """The JSON that `python -m MODULE ARGUMENTS` prints.

    Raises:
      RuntimeError: the process failed.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=module_environment())
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{module} {' '.join(map(str, arguments))} failed: {last}")
    return json.loads(done.stdout)


def free_ports(count: int) -> list[int]:
    """Different ports of loopback that nothing listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
