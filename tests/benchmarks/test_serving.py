"""bin/benchmark serving on a tiny model: every runtime and number of clients is measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import serving as benchmark
from tests.tiny_models import exported_once

STAND_IN = Path(__file__).parents[1] / "tools" / "stand_in_server.py"


@pytest.fixture(scope="module")
def model(run_folder) -> Path:
    return exported_once(run_folder, "levels", "levels")


@pytest.mark.cpp_runtime
def test_runtimes_signatures_and_clients_are_measured(model, monkeypatch, repo_root):
    """With the stand-in as the server, which shows that a server would be measured, not how fast it is."""
    pytest.importorskip("tensorflow_serving", reason="needs tensorflow-serving-api, the extra `serving`")
    monkeypatch.setenv("TENSORFLOW_MODEL_SERVER", str(STAND_IN))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setattr(benchmark, "_REQUESTS", 4)
    monkeypatch.setattr(benchmark, "SIGNATURES", ("compress", "decompress"))
    rows = benchmark.compare_runtimes(model, 1)
    measured = {(row["signature"], row["runtime"], row["clients"]) for row in rows}
    runtimes = ("C++ runtime", "Python", "TensorFlow Serving")
    assert measured == {(s, r, c) for s in ("compress", "decompress") for r in runtimes for c in (1, 4, 16)}
    for row in rows:
        assert 0 < row["latency_ms"] <= row["latency_p95_ms"] and row["requests_per_s"] > 0
        # No more can be answered in a second than clients wait for.
        assert row["requests_per_s"] <= 1.5e3 * row["clients"] / (row["latency_ms"] / 2)
