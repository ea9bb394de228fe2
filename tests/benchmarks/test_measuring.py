"""Comparisons in turns, and the benchmark's own NLPD."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import compare, growth_bytes
from benchmarks.losses import straightforward_nlpd
from tfnoise.losses import nlpd, published_parameters


def test_both_are_warmed_up_and_then_take_turns():
    calls = []
    comparison = compare(lambda: calls.append("ours"), lambda: calls.append("baseline"), rounds=3)
    assert calls == ["baseline", "ours"] * 5
    low, high = comparison.speedup_range
    assert comparison.rounds == 3 and low <= comparison.speedup <= high


def test_growth_is_at_least_what_is_held():
    grown = growth_bytes(lambda: np.ones(1 << 27, np.uint8).sum())
    assert grown is None or grown > 1 << 26


def test_the_straightforward_nlpd_is_the_same_distance():
    random = np.random.RandomState(0)
    a, b = (random.uniform(size=(3, 67, 64, 1)).astype(np.float32) for _ in range(2))
    np.testing.assert_allclose(straightforward_nlpd(a, b, published_parameters()), nlpd(a, b), rtol=1e-5)


def test_wrong_usage(run_script, run_process):
    for arguments in ([], ["speed"], ["losses", "losses"], ["losses", "--rounds=2"]):
        done = run_script("benchmark", *arguments)
        assert done.status == 2 and len(done.stderr.strip().splitlines()) == 1
    assert run_process("benchmark", "speed").status == 2


@pytest.mark.slow
def test_losses_as_json(run_script):
    done = run_script("benchmark", "losses", "--rounds=5", "--json")
    assert done.status == 0, done.stderr
    report = json.loads(done.stdout)
    assert {(row["loss"], row["direction"]) for row in report["losses"]} == {
        (loss, direction) for loss in ("ms_ssim", "nlpd") for direction in ("forward", "forward and backward")
    }
    assert all(row["speedup"] > 0 and row["rounds"] == 5 for row in report["losses"])
    assert {row["loss"] for row in report["training"]} == {"ms_ssim", "nlpd"}
    assert all(0 < row["share"] < 1 for row in report["training"])
