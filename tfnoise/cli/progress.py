"""Progress on stderr, by tqdm: often in a terminal, every ten seconds in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

from tfnoise import signals

_LOG_EVERY_S = 10.0
_Item = TypeVar("_Item")


class Progress(tqdm):
    """A tqdm bar whose updates end a process whose signal a callback swallowed.

        with Progress(1000, label="training", unit="step", initial=200) as progress:
            progress.update(loss="0.123")

    Args:
      total: number of units; None if unknown.
      label: what is going on.
      unit: what is counted, in the singular.
      initial: units done before, as by the run that this one resumes.
    """

    def __init__(self, total: int | None = None, label: str = "", unit: str = "step", initial: int = 0):
        super().__init__(
            total=total,
            desc=label or None,
            unit=f" {unit}",
            initial=initial,
            mininterval=0.1 if sys.stderr.isatty() else _LOG_EVERY_S,
            dynamic_ncols=True,
        )

    def update(self, n: float | None = 1, **postfix: str) -> bool | None:
        """Counts `n` units more; `postfix` is shown behind the bar.

        Raises:
          Ended: a signal came that a callback of a C library swallowed.
        """
        signals.check()
        if postfix:
            self.set_postfix(postfix, refresh=False)
        return super().update(n)

    def count(self, items: Iterable[_Item], **postfix: str) -> Iterator[_Item]:
        """Yields the items, counting each one after its use."""
        for item in items:
            yield item
            self.update(1, **postfix)

    @classmethod
    def write(cls, s: str, file: Any = None, end: str = "\n", nolock: bool = False) -> None:
        """Prints a line to stderr without breaking the bar."""
        super().write(s, file or sys.stderr, end, nolock)
