"""Signals that end a training after its present step, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """A training was asked to stop, and has saved a checkpoint.

    Attributes:
      signal: which one asked.
      step: that it has come to.
    """

    def __init__(self, number: int, step: int):
        super().__init__(f"stopped by {signal.Signals(number).name} at step {step}")
        self.signal, self.step = number, step


class StopSignals:
    """Notes SIGTERM and SIGINT while it is entered; a second one has its usual effect at once.

    Attributes:
      number: of the signal that came, or None.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        # Only the main thread may set handlers; in another one the caller stops as it likes.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
