"""A wrong environment is met with one line that says what to do."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys

import pytest

from tfnoise.cli import start


def _refusal(monkeypatch, capsys) -> str:
    """The one line with which bin/train ends before it starts."""
    monkeypatch.setattr(sys, "argv", ["bin/train"])
    with pytest.raises(SystemExit) as caught:
        start.prepare()
    message = capsys.readouterr().err
    assert caught.value.code == 1 and message.count("\n") == 1
    return message


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 12, 1), (2, 7, 18), (4, 0, 0)])
def test_other_pythons_are_refused(monkeypatch, capsys, version):
    assert not any(map(start.wrong_python, [(3, 9, 0), (3, 10, 13), (3, 11, 7)]))
    monkeypatch.setattr(sys, "version_info", version)
    message = _refusal(monkeypatch, capsys)
    assert message.startswith("train: tfnoise needs Python 3.9, 3.10 or 3.11, and this is ")
    assert ".".join(map(str, version)) in message
    assert "python3.11 -m venv" in message and "Dockerfile" in message


def test_missing_packages_are_named_with_the_remedy(monkeypatch, capsys):
    find = importlib.util.find_spec
    hidden = ("tensorflow", "tensorflow_compression")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in hidden else find(name))
    message = _refusal(monkeypatch, capsys)
    assert "has no tensorflow and tensorflow_compression; " in message
    assert "activate" in message or "pip install -e ." in message


def test_a_script_says_so_in_an_empty_environment(toy_process):
    result = toy_process("--help", python=("-S",))
    assert (result.status, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert "pip install -e ." in result.stderr or "activate" in result.stderr


def test_older_pythons_get_the_message_not_a_syntax_error(toy_script):
    python = next((path for path in map(shutil.which, ("python3.6", "python3.7", "python3.8")) if path), None)
    if python is None or subprocess.run([python, "--version"], capture_output=True).returncode:
        pytest.skip("no older Python on this machine")
    result = subprocess.run([python, str(toy_script)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "needs Python 3.9, 3.10 or 3.11" in result.stderr


@pytest.mark.parametrize("path", ["__init__.py", "cli/__init__.py", "cli/start.py"])
def test_what_older_pythons_read_is_written_for_them(repo_root, path):
    source = (repo_root / "tfnoise" / path).read_text()
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__" not in source  # Python 3.6 knows no annotations there.


def test_a_chosen_level_of_logging_is_kept(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    start.quiet_tensorflow()
    assert start.os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_pytest_in_a_wrong_python_says_what_to_do(repo_root):
    code = "import sys, pytest; sys.version_info = (3, 12, 1); sys.exit(pytest.main(['-q']))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=repo_root)
    assert result.returncode == 1
    lines = (result.stdout + result.stderr).strip().splitlines()
    assert len(lines) == 1
    assert "this is 3.12.1; run: python3.11 -m venv .venv" in lines[0]


def test_importing_tfnoise_and_its_verbs_loads_nothing_heavy_and_prints_nothing(repo_root):
    code = (
        "import importlib, pkgutil, sys, tfnoise\n"
        "dir(tfnoise); assert not {'tensorflow', 'numpy', 'absl'} & set(sys.modules)\n"
        "import tfnoise.cli\n"
        "for module in pkgutil.iter_modules(tfnoise.cli.__path__):\n"
        "    importlib.import_module(f'tfnoise.cli.{module.name}')\n"
        "assert not {'tensorflow', 'numpy', 'matplotlib'} & set(sys.modules), module\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=repo_root)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
