"""Against a real TensorFlow Serving, where TENSORFLOW_MODEL_SERVER names its binary:

    TENSORFLOW_MODEL_SERVER=/usr/bin/tensorflow_model_server pytest -m real_server

It listens on all interfaces, so it runs in a network namespace of its own, together with what asks it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_models import FRONT_END, tiny_autoencoder
from tfnoise import serving

pytestmark = pytest.mark.real_server
INSIDE = Path(__file__).parents[1] / "tools" / "inside_namespace.py"


@pytest.fixture(scope="module")
def binary() -> str:
    named = os.environ.get("TENSORFLOW_MODEL_SERVER")
    if not named:
        pytest.skip("needs the variable TENSORFLOW_MODEL_SERVER to name TensorFlow Serving's binary")
    return named


def _in_namespace(what: str, export_dir: Path, repo_root: Path) -> None:
    """Runs a part of inside_namespace.py where loopback is all there is."""
    inner = [sys.executable, str(INSIDE), what, str(export_dir)]
    command = [
        "unshare",
        "--map-root-user",
        "--net",
        "sh",
        "-c",
        'ip link set lo up && exec "$@"',
        "sh",
        *inner,
    ]
    environment = {**os.environ, "PYTHONPATH": str(repo_root)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("bottleneck", ["entropy", "levels"])
def test_every_signature_is_what_the_runtime_in_cpp_gives(binary, bottleneck, repo_root, tmp_path):
    serving.export_model(tiny_autoencoder(bottleneck), FRONT_END, tmp_path / "tiny", {})
    _in_namespace("signatures", tmp_path, repo_root)


def test_bad_requests_are_refused_and_the_server_lives(binary, repo_root, tmp_path):
    serving.export_model(tiny_autoencoder("levels"), FRONT_END, tmp_path / "tiny", {})
    _in_namespace("bad_requests", tmp_path, repo_root)


def test_mixed_clients_of_the_fixed_variant_are_joined_to_batches(binary, repo_root, tmp_path):
    serving.export_model(tiny_autoencoder("levels"), FRONT_END, tmp_path / "tiny_fixed", {}, frames=64)
    _in_namespace("batching", tmp_path, repo_root)


def test_a_new_version_appears(binary, repo_root, tmp_path):
    serving.export_model(tiny_autoencoder("levels"), FRONT_END, tmp_path / "tiny", {"number": 1})
    _in_namespace("new_version", tmp_path, repo_root)
