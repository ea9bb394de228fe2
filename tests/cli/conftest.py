"""Runs tests/cli/toy.py, a small verb that uses everything that verbs share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import scripts
from tests.cli import toy as verb

_SCRIPT = """#!/usr/bin/env python3
import sys
sys.path.insert(0, ROOT)
from tfnoise.cli import start
start.prepare()
from tfnoise.cli import app
from tests.cli import toy
app.run(toy)
"""


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., scripts.Result]:
    """Runs the verb in this process, in tmp_path."""

    def run(*arguments: str, env: dict[str, str] | None = None) -> scripts.Result:
        return scripts.call(verb, [str(tmp_path / "bin" / "toy"), *arguments], tmp_path, env)

    return run


@pytest.fixture
def toy_script(tmp_path: Path, repo_root: Path) -> Path:
    """A script like those of bin/ that runs the verb."""
    script = tmp_path / "bin" / "toy"
    script.parent.mkdir(exist_ok=True)
    script.write_text(_SCRIPT.replace("ROOT", repr(str(repo_root))))
    return script


@pytest.fixture
def toy_process(tmp_path: Path, toy_script: Path) -> Callable[..., scripts.Result]:
    """Runs the script in a process of its own; `python` takes options of the interpreter."""

    def run(*arguments: str, python: tuple[str, ...] = ()) -> scripts.Result:
        command = [sys.executable, *python, str(toy_script), *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment
        )
        return scripts.Result(done.returncode, done.stdout, done.stderr)

    return run
