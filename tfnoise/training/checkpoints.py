"""A run's checkpoints: whole or not there, the last few and the best; damaged ones are skipped."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from tfnoise.errors import InputError
from tfnoise.training.strategies import LOST_WORKER

_KEPT = 3
_LAST, _BEST = "step", "best"


class UnusableRun(InputError):
    """A run that cannot be resumed; the message ends with "start over"."""


class Checkpoints:
    """Saves and restores all that a training needs to be resumed.

    TensorFlow writes a checkpoint's data under temporary names and its index last, so that what has an index
    is whole unless the disk or a person damaged it. Of several workers all must save; the chief's files stay.

    Args:
      checkpoint: what is saved.
      run_dir: the run's folder.
      chief: whether this process's files are the run's.
      partly: whether the files may hold more than `checkpoint`, as when a part of a model is restored.
    """

    def __init__(
        self, checkpoint: tf.train.Checkpoint, run_dir: Path, chief: bool = True, partly: bool = False
    ):
        self._checkpoint, self._chief, self._partly = checkpoint, chief, partly
        self._folder = run_dir / "checkpoints"
        # The others write because the chief cannot collect their shares of variables otherwise.
        self._scratch = None if chief else tempfile.mkdtemp(prefix="tfnoise-worker-")
        folder = Path(self._scratch or self._folder)
        if chief:
            for leftover in self._folder.glob("*_temp"):
                shutil.rmtree(leftover, ignore_errors=True)
        self._last = tf.train.CheckpointManager(checkpoint, str(folder), _KEPT, checkpoint_name=_LAST)
        self._best = tf.train.CheckpointManager(checkpoint, str(folder / _BEST), 1, checkpoint_name=_BEST)

    @property
    def newest(self) -> str | None:
        """The path of the newest checkpoint."""
        return next(reversed(self._paths()), None)

    def restore_newest(self, tell: Callable[[str], None]) -> bool:
        """Restores the newest checkpoint that can be read, if there is one; tells of each that is damaged.

        Raises:
          UnusableRun: all are damaged.
        """
        paths = self._paths()
        for path in reversed(paths):
            if self._restored(path):
                return True
            tell(f"{path}: damaged checkpoint; trying the one before")
        if paths:
            raise UnusableRun(f"{paths[-1]}: damaged checkpoint; start over")
        return False

    def restore_best(self) -> bool:
        """Restores the best checkpoint, if there is one that can be read."""
        path = tf.train.latest_checkpoint(str(self._folder / _BEST))
        return path is not None and self._restored(path)

    def save(self, step: int, best: bool = False) -> None:
        """Saves a checkpoint of a step, among the last or as the best.

        Raises:
          InputError: it cannot be written; those before are there still.
        """
        try:
            (self._best if best else self._last).save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            if isinstance(error, LOST_WORKER):
                raise
            reason = " ".join(str(error).split())[:120]
            remedy = "free some space, and the same command resumes from the checkpoint before"
            raise InputError(f"{self._folder}: a checkpoint cannot be written ({reason}); {remedy}") from None

    def close(self) -> None:
        """Removes what the chief does not need."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _paths(self) -> list[str]:
        """The checkpoints by their files, oldest first; TensorFlow's own list could be damaged, too."""
        numbered = []
        for index in self._folder.glob(f"{_LAST}-*.index"):
            number = index.stem.rsplit("-", 1)[1]
            if number.isdigit():
                numbered.append((int(number), str(index.with_suffix(""))))
        return [path for _, path in sorted(numbered)]

    def _restored(self, path: str) -> bool:
        try:
            status = self._checkpoint.restore(path)
            status.assert_existing_objects_matched()
            if self._partly:
                status.expect_partial()
        except (tf.errors.OpError, AssertionError, ValueError):
            return False
        return True
