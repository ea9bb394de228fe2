"""TensorBoard's event files, as far as a run that goes on has to know of them."""

from __future__ import annotations

import time
from pathlib import Path

import tensorflow as tf

LOGS_FOLDER = "logs"
"""Of a run's folder."""

_RESTARTED = ".restarted"


def has_events(folder: Path) -> bool:
    """Whether a folder of logs holds anything."""
    return bool(_event_files(folder))


def mark_restart(folder: Path, step: int) -> None:
    """Tells TensorBoard to forget what was logged after `step`, since those steps are taken again.

    A session that was killed has logged steps that its last checkpoint does not know of.  TensorBoard drops
    them on an event of TensorFlow's SessionLog, status START, whose step is the first that is taken again.
    TF 2's writers write none, so it gets a file of its own, whose name sorts behind the last one's and before
    those to come.

    Args:
      folder: of the logs; it holds event files.
      step: the last step whose events stand.
    """
    last = _event_files(folder)[-1]
    path = last if last.suffix == _RESTARTED else last.with_name(last.name + _RESTARTED)
    session_log = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(_event(file_version="brain.Event:2"))
        # Twice, since TensorBoard takes the first in a folder for the run's beginning and drops nothing.
        for _ in range(2):
            writer.write(_event(step=step + 1, session_log=session_log))


def _event(**fields: object) -> bytes:
    return tf.compat.v1.Event(wall_time=time.time(), **fields).SerializeToString()


def _event_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*tfevents*"))


def training_curve(run_dir: Path, name: str) -> list[tuple[int, float]]:
    """A curve of a run's training, as (step, value), in the order of steps.

    Args:
      run_dir: the run's folder.
      name: of the curve, as "loss" or "bpp".
    """
    points: dict[int, float] = {}
    for path in _event_files(run_dir / LOGS_FOLDER):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                if value.tag == f"train/{name}":
                    # Steps that were taken again come later and stand.
                    points[event.step] = float(tf.make_ndarray(value.tensor))
    return sorted(points.items())
