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
        found = ".".join(map(str, sys.version_info[:3]))
        return f"tfnoise needs Python 3.9, 3.10 or 3.11, and this is {found}"
    missing = [name for name in _REQUIRED if importlib.util.find_spec(name) is None]
    return f"{sys.executable} has no {', '.join(missing)}" if missing else None


# Not pytest.exit: in a conftest.py that is reported as an import error, with a trace around the message.
if _problem():
    sys.exit(f"{_problem()}; run: {_SETUP}")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import json  # noqa: E402
import subprocess  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

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


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a script of bin/ as `run_script("train", "--loss=mse", timeout=60)`, by default in tmp_path."""

    def run(
        name: str,
        *args: str | os.PathLike[str],
        timeout: float = 300,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(_REPOSITORY / "bin" / name), *map(str, args)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd or tmp_path,
            env={**os.environ, **(env or {})},
            **options,
        )

    return run


# The start of a script takes seconds, and a process can call its main several times.
_MANY = """
import importlib.machinery, importlib.util, json, sys
script, command_lines = sys.argv[1], json.loads(sys.argv[2])
loader = importlib.machinery.SourceFileLoader("script", script)
module = importlib.util.module_from_spec(importlib.util.spec_from_loader("script", loader))
loader.exec_module(module)
for arguments in command_lines:
    for name in list(module.flags.FLAGS):
        module.flags.FLAGS[name].unparse()
    try:
        module.app.run(module.main, positional="IN...", argv=[script, *arguments])
    except SystemExit as stop:
        print(f"status {stop.code}", file=sys.stderr, flush=True)
"""


@pytest.fixture
def run_many(tmp_path: Path) -> Callable[..., list[tuple[int, str]]]:
    """Runs a script of bin/ several times in one process; gives each status and what went to stderr."""

    def run(name: str, *command_lines: list[Any]) -> list[tuple[int, str]]:
        lines = json.dumps([list(map(str, line)) for line in command_lines])
        command = [sys.executable, "-c", _MANY, str(_REPOSITORY / "bin" / name), lines]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
        assert "Traceback" not in result.stderr, result.stderr
        answers, text = [], []
        for line in result.stderr.splitlines():
            if line.startswith("status "):
                answers.append((int(line.split()[1]), "\n".join(text)))
                text = []
            else:
                text.append(line)
        return answers

    return run
