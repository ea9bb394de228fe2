"""Tables line up, and JSON is strict."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tfnoise.cli import output


@pytest.mark.parametrize(
    ("rows", "header", "align", "lines"),
    [
        (
            [["best", 0.5, 12], ["paper_mse", 12.34567, None]],
            ["model", "bpp", "clips"],
            None,
            [
                "model        bpp  clips",
                "---------  -----  -----",
                "best         0.5     12",
                "paper_mse  12.35      -",
            ],
        ),
        ([["a", "10"], ["bcd", "2"]], None, "rr", ["  a  10", "bcd   2"]),
        ([["音楽", 1], ["abcd", 2]], None, None, ["音楽  1", "abcd  2"]),
        ([], ["a", "b"], None, ["a  b", "-  -"]),
        ([], None, None, []),
    ],
    ids=["numbers right, text left", "as asked for", "wide characters", "only a header", "nothing"],
)
def test_tables_are_aligned(rows, header, align, lines):
    assert output.table(rows, header, align) == "\n".join(lines)


@pytest.mark.parametrize(("rows", "align"), [([["a"], ["b", "c"]], None), ([["a"]], "lr"), ([["a"]], "x")])
def test_table_refuses_rows_that_do_not_fit(rows, align):
    with pytest.raises(ValueError):
        output.table(rows, align=align)


def test_json_has_no_nan_and_takes_what_tools_hold(capsys):
    @dataclasses.dataclass
    class Score:
        mean: float
        ci95: tuple

    with output.json_on_stdout():
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
