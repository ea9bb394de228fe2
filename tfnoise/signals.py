"""Signals that end a process with clean-up, or a training after its present step, with a checkpoint.

An exception that a signal raises inside a callback of a C library is printed and lost. So it is noted, too,
and `check` raises it again, which every progress bar calls.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

_noted: int | None = None


class Ended(KeyboardInterrupt):
    """A signal ends the process; what was half written is cleaned away.

    Args:
      number: of the signal.
    """

    def __init__(self, number: int):
        super().__init__()
        self.number = number


def install() -> None:
    """Lets SIGINT, SIGTERM and SIGHUP raise `Ended` in the main thread; what is ignored stays so."""
    global _noted
    _noted = None
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # As SIGHUP is under nohup.
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _raise)


def check() -> None:
    """Raises what was swallowed.

    Raises:
      Ended: a signal came before.
    """
    if _noted is not None:
        raise Ended(_noted)


def _raise(number: int, frame: FrameType | None) -> None:
    global _noted
    _noted = number
    raise Ended(number)


class Stopped(Exception):
    """A signal stopped a training, which has saved a checkpoint.

    Attributes:
      signal: number of the signal.
      step: the training's last step.
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
            numbers = (signal.SIGTERM, signal.SIGINT)
            self._before = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self.__exit__()
