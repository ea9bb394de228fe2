"""Which precision a training computes in."""

from __future__ import annotations

import json

import pytest

from tfnoise.training import precision


def test_only_what_the_processor_has_is_tried(monkeypatch):
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: False)
    assert precision.faster_precision(8, 3, 32, 2) == "float32"
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: True)
    tried = []
    step = precision._step
    monkeypatch.setattr(precision, "_step", lambda name, *rest: tried.append(name) or step(name, *rest))
    assert precision.faster_precision(8, 3, 32, 2) in ("float32", "bfloat16")
    assert tried == ["float32", "bfloat16"]
    assert isinstance(precision.has_native_bfloat16(), bool)


@pytest.mark.slow
def test_auto_is_chosen_once(run_script, tmp_path):
    flags = [
        "--loss=mse",
        "--filters=8",
        "--patch_size=32",
        "--batch_size=2",
        "--epochs=1",
        "--steps_per_epoch=2",
    ]
    flags += ["--precision=auto", "--json"]
    done = run_script("train", *flags)
    assert done.status == 0, done.stderr
    chosen = json.loads(done.stdout)["flags"]["precision"]
    assert chosen in ("float32", "bfloat16") and f"precision: {chosen}" in done.stderr
    again = run_script("train", *flags)
    assert again.status == 0 and "this training is finished" in again.stderr
    record = json.loads((tmp_path / "runs" / "mse" / "flags.json").read_text())
    record["precision"] = "bfloat16" if chosen == "float32" else "float32"
    (tmp_path / "runs" / "mse" / "flags.json").write_text(json.dumps(record))
    kept = run_script("train", *flags)
    assert kept.status == 0 and "this training is finished" in kept.stderr
