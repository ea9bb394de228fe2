"""Progress is a bar in a terminal and sparse plain lines elsewhere."""

from __future__ import annotations

import io

import pytest

from tfnoise.cli.progress import Progress


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_are_sparse_and_tell_the_time_left():
    file, clock = io.StringIO(), _Clock()
    with Progress(total=100, label="training", file=file, clock=clock) as progress:
        for step in range(100):
            clock.now_s += 0.25
            progress.update(loss=1 / (step + 1), bpp=0.5)
    assert "\r" not in file.getvalue()
    assert file.getvalue().splitlines() == [
        "training 40/100 (40 %), loss=0.025 bpp=0.5, 4 step/s, 00:15 left, 00:10 elapsed",
        "training 80/100 (80 %), loss=0.0125 bpp=0.5, 4 step/s, 00:05 left, 00:20 elapsed",
        "training 100/100 (100 %), loss=0.01 bpp=0.5, 4 step/s, 00:25 elapsed",
    ]


def test_a_resumed_run_counts_what_was_done_but_not_as_speed():
    file, clock = io.StringIO(), _Clock()
    with Progress(total=100, initial=80, file=file, clock=clock) as progress:
        for _ in range(2):
            clock.now_s += 10
            progress.update(5)
        progress.update(10)
    first, second, last = file.getvalue().splitlines()
    assert first == "85/100 (85 %), 00:10 elapsed"  # the first unit may hold compiling: no speed yet
    assert second == "90/100 (90 %), 0.5 step/s, 00:20 left, 00:20 elapsed"
    assert last.startswith("100/100 (100 %)")


def test_without_a_total():
    file = io.StringIO()
    with Progress(label="reading", unit="file", file=file, clock=_Clock()) as progress:
        progress.update(3)
    assert file.getvalue() == "reading 3, 00:00 elapsed\n"


def test_an_error_is_not_followed_by_a_closing_line():
    file = io.StringIO()
    with pytest.raises(RuntimeError), Progress(total=3, file=file) as progress:
        progress.update()
        raise RuntimeError
    assert file.getvalue() == ""


def test_a_terminal_gets_a_bar():
    file = _Terminal()
    with Progress(total=4, initial=2, label="training", file=file) as progress:
        progress.update(2, loss=0.123456, state="warm")
        progress.write("a message")
    text = file.getvalue()
    assert "\r" in text and "4/4" in text and "loss=0.1235 state=warm" in text
    assert "a message\n" in text
