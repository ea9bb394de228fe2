"""Runs the scripts of bin/: in this process, or in one of their own where the process is the subject."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from tfnoise.cli import app

REPOSITORY = Path(__file__).resolve().parents[1]


class Result(NamedTuple):
    """What a script did."""

    status: int
    stdout: str
    stderr: str


def run_script(
    name: str, *arguments: str | os.PathLike[str], cwd: Path, env: dict[str, str] | None = None
) -> Result:
    """Runs a script in this process: the same flags, messages and statuses, without TensorFlow's start.

    Not for what a process is the subject of: signals, kills, threads, the start itself.
    """
    verb = importlib.import_module("benchmarks.verb" if name == "benchmark" else f"tfnoise.cli.{name}")
    return call(verb, [str(REPOSITORY / "bin" / name), *map(str, arguments)], cwd, env)


def load_module(path: Path) -> Any:
    """The module in a file that belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(verb: Any, argv: list[str], cwd: Path, env: dict[str, str] | None = None) -> Result:
    """Calls a verb's module as a script would with this command line."""
    stdout, stderr = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True) for _ in range(2)
    )
    before = os.getcwd()
    os.chdir(cwd)
    try:
        with (
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
            mock.patch.dict(os.environ, env or {}),
            warnings.catch_warnings(),
        ):
            status = app.call(verb, argv)
    finally:
        os.chdir(before)
        if "tensorflow" in sys.modules:
            keras = sys.modules["tensorflow"].keras
            # What a script sets for its process, and the names that Keras counts.
            keras.mixed_precision.set_global_policy("float32")
            keras.backend.clear_session()
    return Result(status, *(stream.buffer.getvalue().decode() for stream in (stdout, stderr)))


def run_process(
    name: str,
    *arguments: str | os.PathLike[str],
    cwd: Path,
    env: dict[str, str] | None = None,
    timeout: float = 300,
    **options: Any,
) -> Result:
    """Runs a script in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "bin" / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        **options,
    )
    return Result(done.returncode, done.stdout, done.stderr)
