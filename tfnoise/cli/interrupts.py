"""Signals that end a script as Ctrl-C does, with clean-up, and that no foreign callback can swallow.

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
