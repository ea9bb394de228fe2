"""Tables line up, and JSON is strict."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tfnoise.cli import output


def test_table_aligns_numbers_right_and_text_left():
    text = output.table([["best", 0.5, 12], ["paper_mse", 12.34567, None]], ["model", "bpp", "clips"])
    assert text.splitlines() == [
        "model        bpp  clips",
        "---------  -----  -----",
        "best         0.5     12",
        "paper_mse  12.35      -",
    ]


def test_table_takes_its_alignment_from_the_caller():
    assert output.table([["a", "10"], ["bcd", "2"]], align="rr") == "  a  10\nbcd   2"


def test_table_counts_wide_characters_twice():
    lines = output.table([["音楽", 1], ["abcd", 2]]).splitlines()
    assert lines == ["音楽  1", "abcd  2"]


def test_an_empty_table_is_its_header():
    assert output.table([], ["a", "b"]) == "a  b\n-  -"
    assert output.table([]) == ""


@pytest.mark.parametrize(("rows", "align"), [([["a"], ["b", "c"]], None), ([["a"]], "lr"), ([["a"]], "x")])
def test_table_refuses_rows_that_do_not_fit(rows, align):
    with pytest.raises(ValueError):
        output.table(rows, align=align)


def test_json_has_no_nan_and_takes_what_tools_hold(capsys):
    @dataclasses.dataclass
    class Score:
        mean: float
        ci95: tuple

    output.print_json(
        {
            "nan": float("nan"),
            "numpy": np.float32("inf"),
            "array": np.array([[1.0, np.nan]]),
            "integer": np.int64(3),
            "truth": np.bool_(True),
            "path": Path("a") / "b",
            "score": Score(0.5, (0.25, float("-inf"))),
            7: "é",
        }
    )
    text = capsys.readouterr().out
    assert "NaN" not in text and "Infinity" not in text
    assert json.loads(text) == {
        "nan": None,
        "numpy": None,
        "array": [[1.0, None]],
        "integer": 3,
        "truth": True,
        "path": "a/b",
        "score": {"mean": 0.5, "ci95": [0.25, None]},
        "7": "é",
    }


def test_json_refuses_what_it_cannot_hold():
    with pytest.raises(TypeError, match="bytes"):
        output.jsonable({"a": b"x"})


def test_messages_go_to_stderr_while_json_goes_to_stdout(capsys):
    with output.json_on_stdout():
        print("hello")
        output.print_json({"a": 1})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": 1}
    assert captured.err == "hello\n"
