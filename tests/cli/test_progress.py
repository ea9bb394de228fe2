"""Progress goes to stderr, with the time left, and beside it lines stay whole."""

from __future__ import annotations

import pytest

from tfnoise import signals
from tfnoise.cli.progress import Progress


def test_counts_and_values_stand_on_stderr(capsys):
    with Progress(10, label="training", unit="step", initial=2) as progress:
        progress.write("epoch 1")
        for _ in range(8):
            progress.update(loss="0.123")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "epoch 1\n" in captured.err
    last = captured.err.rsplit("\r", 1)[-1]
    assert last.startswith("training: 100%") and "10/10" in last and "loss=0.123" in last


def test_a_signal_that_was_swallowed_ends_the_loop(monkeypatch):
    monkeypatch.setattr(signals, "_noted", 15)
    with Progress(2) as progress, pytest.raises(signals.Ended):
        progress.update()
