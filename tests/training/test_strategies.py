"""Where a training runs: what TF_CONFIG must hold, and devices that are not there."""

from __future__ import annotations

import json

import pytest

from tfnoise.errors import InputError, UsageError
from tfnoise.training import make_strategy
from tfnoise.training.strategies import check_tf_config

TWO = {"worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    "text,words",
    [
        (None, "needs TF_CONFIG in the environment"),
        ("{", "makes no sense"),
        ("[]", "makes no sense"),
        (json.dumps({"cluster": TWO}), "makes no sense"),
        (json.dumps({"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}), "HOST:PORT"),
        (json.dumps({"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}), "HOST:PORT"),
        (json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 2}}), "no task worker 2"),
        (json.dumps({"cluster": TWO, "task": {"type": "worker", "index": "0"}}), "no task worker 0"),
        (json.dumps({"cluster": TWO, "task": {"type": "chief", "index": 0}}), "no task chief 0"),
        (
            json.dumps({"cluster": {**TWO, "ps": ["c:1"]}, "task": {"type": "worker", "index": 0}}),
            "has tasks ps",
        ),
        (
            json.dumps({"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}),
            "an address comes twice",
        ),
    ],
)
def test_a_tf_config_that_makes_no_sense(monkeypatch, text, words):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match=words):
        check_tf_config()


def test_a_tf_config_of_two(monkeypatch):
    for cluster, kind in ((TWO, "worker"), ({"chief": ["c:1"], **TWO}, "chief")):
        config = {"cluster": cluster, "task": {"type": kind, "index": 0}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
        check_tf_config()


def test_devices_that_are_not_there():
    with pytest.raises(InputError, match="--strategy=mirrored: this machine has no GPU"):
        make_strategy("mirrored")
    with pytest.raises(InputError, match="--strategy=tpu: no TPU is found"):
        make_strategy("tpu")
    with pytest.raises(UsageError, match="--strategy=cloud: must be one of default"):
        make_strategy("cloud")
    assert make_strategy("default").num_replicas_in_sync == 1
