"""Scripts answer --help quickly and every mistake with one line and the right status."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from tests.scripts import Result


def _only_line(result: Result) -> str:
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_help_names_what_a_user_needs_and_is_quick(toy_process):
    start_s = time.monotonic()
    result = toy_process("--help", python=("-X", "importtime"))
    assert time.monotonic() - start_s < 4
    assert result.status == 0
    assert result.stdout.startswith("bin/toy: Learn a toy from noise.")
    assert "bin/toy [flags] [IN...]" in result.stdout
    assert "  bin/toy --loss=mse in.wav" in result.stdout
    assert "--loss  (one of mse, nlpd; default: mse)\n      Training loss." in result.stdout
    assert "-o, --output  (no default)" in result.stdout
    assert "--[no]overwrite  (default: false)" in result.stdout
    assert "--[no]json" in result.stdout and "--flagfile" in result.stdout
    assert "pdb" not in result.stdout and "verbosity" not in result.stdout
    imported = {line.split("|")[-1].strip() for line in result.stderr.splitlines()}
    assert "absl.flags" in imported
    assert not {"tensorflow", "tensorflow_io", "numpy"} & imported


@pytest.mark.parametrize("arguments", [("-h",), ("--bogus", "--help"), ("--flagfile=none", "--help")])
def test_help_is_answered_whatever_else_is_wrong(toy, arguments):
    result = toy(*arguments)
    assert result.status == 0
    assert "Usage:" in result.stdout and result.stderr == ""


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--bogus", "unknown flag --bogus"),
        ("--los=mse", "unknown flag --los; did you mean --loss?"),
        ("--loss=x", "--loss=x: must be one of mse, nlpd"),
        ("--bpp", "--bpp has no value; write --bpp=VALUE"),
        ("--bpp=x", "--bpp=x: must be a number"),
        ("--steps=1.5", "--steps=1.5: must be a whole number"),
        ("--overwrite=x", "--overwrite=x: must be true or false"),
        ("--nooverwrite=1", "--nooverwrite=1 does not take an argument"),
        ("--fail=usage", "--levels needs --bottleneck=levels"),
        ("--flagfile=none.cfg", "--flagfile=none.cfg: No such file or directory; check the path"),
        ("--flagfile", "--flagfile has no value; write --flagfile=FILE"),
        ("--flagfile=.", "--flagfile=.: Is a directory; check the path"),
    ],
)
def test_wrong_flags_exit_2_with_the_flag_and_the_remedy(toy, argument, message):
    result = toy(argument)
    assert _only_line(result) == f"toy: {message} (see bin/toy --help)"
    assert result.status == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--bogus=1", "unknown flag --bogus"),
        ("--bpp=x", "--bpp=x: must be a number"),
        ("--bpp=1 # much", "a comment stands on a line of its own; move it out of '--bpp=1 # much'"),
        ("  # indented", "a comment starts in the first column; remove the spaces before it"),
        ("--bpp 1", "'--bpp 1' is not of the form --flag=value; put = between the two"),
        ("bpp=1", "'bpp=1' is no flag; write --flag=value, one a line"),
    ],
)
def test_what_is_wrong_in_a_flagfile_is_named_with_its_line(toy, tmp_path, line, message):
    (tmp_path / "a.cfg").write_text(f"# a comment\n\n{line}\n")
    result = toy("--flagfile=a.cfg")
    assert _only_line(result) == f"toy: a.cfg:3: {message} (see bin/toy --help)"
    assert result.status == 2


def test_flagfiles_nest_and_a_later_flag_wins_but_none_includes_itself(toy, tmp_path):
    (tmp_path / "a.cfg").write_text("# one\n// another\n--loss=nlpd\n--flagfile=b.cfg\n--nooverwrite\n")
    (tmp_path / "b.cfg").write_text("--bpp=.25\n--steps=9\n")
    values = json.loads(toy("--flagfile=a.cfg", "--steps=4", "--json").stdout)
    assert (values["loss"], values["bpp"], values["steps"]) == ("nlpd", 0.25, 4)
    (tmp_path / "b.cfg").write_text("--flagfile=b.cfg\n")
    result = toy("--flagfile=b.cfg")
    assert result.status == 2 and "includes itself" in _only_line(result)


def test_arguments_beside_flags(toy, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("tests.cli.toy.POSITIONAL", None)
        refused = toy("in.wav")
    assert refused.status == 2 and "unexpected argument 'in.wav'" in _only_line(refused)
    (tmp_path / "in.wav").touch()
    result = toy("in.wav", "-o", "out")
    assert result.status == 0 and "mse 0.5 out" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--fail=input",), 1, "in.wav: too short for --bpp or `filters`"),
        (("none.wav",), 1, "none.wav: No such file or directory; check the path"),
        ((".",), 1, ".: Is a directory; name a file instead"),
        (("--fail=bug",), 1, "unexpected TypeError: a bug; TFNOISE_TRACEBACK=1 shows where"),
        (("--fail=interrupt",), 130, "interrupted"),
        (("--fail=tensorflow",), 1, "/nowhere/at/all; No such file or directory"),
    ],
)
def test_a_failure_is_one_line_and_a_status(toy, arguments, status, message):
    result = toy(*arguments, env={"TFNOISE_TRACEBACK": ""})
    assert _only_line(result) == f"toy: {message}"
    assert result.status == status


def test_traceback_on_request(toy):
    result = toy("--fail=bug", env={"TFNOISE_TRACEBACK": "1"})
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("toy: unexpected TypeError: a bug\n")
    assert result.status == 1


def test_json_is_all_that_stdout_carries_and_mains_status_is_the_scripts(toy):
    result = toy("--json")
    assert json.loads(result.stdout) == {"loss": "mse", "bpp": 0.5, "steps": 3, "nan": None}
    assert result.stderr == "a stray print\n"
    assert toy("--fail=status").status == 7


def test_tensorflow_is_quiet(toy_process):
    result = toy_process("--fail=quiet")
    assert (result.status, result.stderr) == (0, "")


def test_a_reader_that_leaves_early_gets_no_complaint(toy_script):
    command = f'"{sys.executable}" "{toy_script}" --steps=100000; echo "status $?" >&2'
    result = subprocess.run(["bash", "-c", f"({command}) | true"], capture_output=True, text=True, timeout=60)
    assert result.stderr == "status 141\n"


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_that_a_callback_swallows_ends_it_all_the_same(toy_process, name, status):
    result = toy_process(f"--fail=swallowed {name}")
    assert result.status == status and "a callback lost it" in result.stdout
    assert "Traceback" not in result.stderr and result.stderr.splitlines()[-1].startswith("toy: ")
