"""Short trainings, whole or interrupted."""

from __future__ import annotations

import contextlib

from tfnoise.training import TrainingRun

SMALL = {"filters": 8, "patch_size": 32, "batch_size": 4}


class Interrupted(Exception):
    """Ends a training where a test wants it."""


def train(run: TrainingRun, stop_after: int | None = None, checkpoint_every: int = 100, on_epoch_end=None):
    """Trains to the end, or through `stop_after` steps; gives the logs of each, its number and rate."""
    logs: list[dict[str, float]] = []

    def on_step(values):
        rate = float(run.model.optimizer.learning_rate.numpy())
        logs.append({**values, "step": run.step, "learning_rate": rate})
        if len(logs) == stop_after:
            raise Interrupted

    with contextlib.suppress(Interrupted):
        run.train(checkpoint_every, on_step, on_epoch_end or (lambda epoch, values, summaries: None))
    return logs
