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


@pytest.mark.parametrize(
    ("part", "bottleneck", "frames"),
    [
        # Every signature gives what the runtime in C++ gives.
        ("signatures", "entropy", None),
        ("signatures", "levels", None),
        # They are refused, and the server lives.
        ("bad_requests", "levels", None),
        # Requests of several clients are joined to batches.
        ("batching", "levels", 64),
        # It appears, and the old one serves until then.
        ("new_version", "levels", None),
    ],
)
def test_a_real_server(binary, part, bottleneck, frames, repo_root, tmp_path):
    """Runs a part of inside_namespace.py where loopback is all there is."""
    model_folder = tmp_path / ("tiny_fixed" if frames else "tiny")
    serving.export_model(tiny_autoencoder(bottleneck), FRONT_END, model_folder, {"number": 1}, frames)
    command = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    command += [sys.executable, str(INSIDE), part, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(repo_root)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
