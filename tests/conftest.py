"""What all tests share: a check of the environment, folders of audio, a way to run the scripts."""

from __future__ import annotations

import importlib.util
import os
import sys

import pytest

_SETUP = "python3.11 -m venv .venv && . .venv/bin/activate && pip install -e '.[test]' && pytest"
_REQUIRED = ("tensorflow", "tensorflow_compression", "tfnoise")


def _problem() -> str | None:
    if not (3, 9) <= sys.version_info[:2] <= (3, 11):
        version = ".".join(map(str, sys.version_info[:3]))
        return f"tfnoise needs Python 3.9, 3.10 or 3.11, and this is {version}"
    missing = [name for name in _REQUIRED if importlib.util.find_spec(name) is None]
    return f"{sys.executable} has no {', '.join(missing)}" if missing else None


# Not pytest.exit: in a conftest.py that is reported as an import error, with a trace around the message.
if _problem():
    sys.exit(f"{_problem()}; run: {_SETUP}")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from tests import scripts  # noqa: E402

_REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The checkout."""
    return _REPOSITORY


def _audio_folder(variable: str, name: str) -> Path:
    folder = Path(os.environ.get(variable) or _REPOSITORY.parent / "shared" / name)
    if not folder.is_dir():
        pytest.skip(f"needs the folder {folder} (or another that {variable} names), which is not there")
    return folder


@pytest.fixture(scope="session")
def natural_folder() -> Path:
    """Real clips in PMQD's layout: pmqd.csv and audio/."""
    return _audio_folder("TFNOISE_NATURAL", "natural")


@pytest.fixture(scope="session")
def rated_folder() -> Path:
    """Pairs of clips with listeners' ratings."""
    return _audio_folder("TFNOISE_RATED", "rated")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test run share, for what is made once; see tests/tiny_models.py."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[..., scripts.Result]:
    """Runs a script in this process: `run_script("train", "--loss=mse")`, by default in tmp_path."""

    def run(name: str, *arguments: Any, cwd: Path = tmp_path, **options: Any) -> scripts.Result:
        return scripts.run_script(name, *arguments, cwd=cwd, **options)

    return run


@pytest.fixture
def run_process(tmp_path: Path) -> Callable[..., scripts.Result]:
    """As `run_script`, in a process of its own; for tests whose subject is the process."""

    def run(name: str, *arguments: Any, cwd: Path = tmp_path, **options: Any) -> scripts.Result:
        return scripts.run_process(name, *arguments, cwd=cwd, **options)

    return run
