"""Where and in which precision a training runs: TF_CONFIG, devices that are not there, bfloat16."""

from __future__ import annotations

import json

import pytest

from tfnoise.errors import InputError, UsageError
from tfnoise.training import TrainingSettings, make_strategy, strategies
from tfnoise.training.strategies import check_tf_config

TWO = {"worker": ["a:1", "b:1"]}


def config(cluster: dict, kind: str = "worker", index: int | str = 0) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


@pytest.mark.parametrize(
    "text,words",
    [
        (None, "needs TF_CONFIG in the environment"),
        ("{", "invalid"),
        ("[]", "invalid"),
        (json.dumps({"cluster": TWO}), "invalid"),
        (config({"worker": ["a"]}), "HOST:PORT"),
        (config({"worker": "a:1"}), "HOST:PORT"),
        (config(TWO, index=2), "no task worker 2"),
        (config(TWO, index="0"), "no task worker 0"),
        (config(TWO, "chief"), "no task chief 0"),
        (config({**TWO, "ps": ["c:1"]}), "has tasks ps"),
        (config({"worker": ["a:1", "a:1"]}), "an address comes twice"),
    ],
)
def test_an_invalid_tf_config(monkeypatch, text, words):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match=words):
        check_tf_config()


def test_a_tf_config_of_two(monkeypatch):
    for text in (config(TWO), config({"chief": ["c:1"], **TWO}, "chief")):
        monkeypatch.setenv("TF_CONFIG", text)
        check_tf_config()


def test_devices_that_are_not_there():
    for name, error, words in (
        ("mirrored", InputError, "`strategy`=mirrored: this machine has no GPU"),
        ("tpu", InputError, "`strategy`=tpu: no TPU is found"),
        ("cloud", UsageError, "`strategy`=cloud: must be one of default"),
    ):
        with pytest.raises(error, match=words):
            make_strategy(name)
    assert make_strategy("default").num_replicas_in_sync == 1


def test_only_what_the_processor_has_is_tried(monkeypatch):
    settings = TrainingSettings(filters=8, patch_size=32, batch_size=2, loss="mse")
    assert isinstance(strategies.has_native_bfloat16(), bool)
    monkeypatch.setattr(strategies, "has_native_bfloat16", lambda: False)
    assert strategies.faster_precision(settings) == "float32"
    monkeypatch.setattr(strategies, "has_native_bfloat16", lambda: True)
    tried = []
    step = strategies._step
    monkeypatch.setattr(strategies, "_step", lambda name, *rest: tried.append(name) or step(name, *rest))
    assert strategies.faster_precision(settings) in ("float32", "bfloat16")
    assert tried == ["float32", "bfloat16"]


@pytest.mark.slow
def test_auto_chooses_once(run_script, tmp_path):
    flags = "--loss=mse --filters=8 --patch_size=32 --batch_size=2 --epochs=1 --steps_per_epoch=2".split()
    flags += ["--precision=auto", "--json"]
    done = run_script("train", *flags)
    assert done.status == 0, done.stderr
    precision = json.loads(done.stdout)["flags"]["precision"]
    assert precision in ("float32", "bfloat16") and f"precision: {precision}" in done.stderr
    again = run_script("train", *flags)
    assert again.status == 0 and "this training is finished" in again.stderr
    record = json.loads((tmp_path / "runs" / "mse" / "flags.json").read_text())
    record["precision"] = "bfloat16" if precision == "float32" else "float32"
    (tmp_path / "runs" / "mse" / "flags.json").write_text(json.dumps(record))
    kept = run_script("train", *flags)
    assert kept.status == 0 and "this training is finished" in kept.stderr
