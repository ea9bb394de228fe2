"""Progress on stderr: a bar with the time left in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from tqdm import tqdm

from tfnoise.cli import interrupts


class Progress:
    """Shows how far a loop is.

        with Progress(total=1000, initial=200, label="training", unit="step") as progress:
            for step in range(200, 1000):
                progress.update(loss=0.123, bpp=0.5)

    In a terminal it is tqdm's bar. Where stderr is a file or a pipe it is a plain line, at most one in
    `line_every_s`, and one at the end.

    Args:
      total: of units; None if it is not known.
      initial: units done before, as by the run that this one resumes; they count as done, not as speed.
      label: what is going on.
      unit: what is counted, in the singular.
      line_every_s: seconds between two plain lines.
      file: where to; stderr by default.
      clock: gives seconds.
    """

    def __init__(
        self,
        total: int | None = None,
        initial: int = 0,
        label: str = "",
        unit: str = "step",
        line_every_s: float = 10.0,
        file: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.total = total
        self.initial = initial
        self.done = initial
        self._label = label
        self._unit = unit
        self._line_every_s = line_every_s
        self._file = file if file is not None else sys.stderr
        self._clock = clock
        self._values = ""
        self._bar: tqdm | None = None
        self._start_s = self._last_line_s = clock()
        self._printed = -1
        self._warm: tuple[int, float] | None = None

    def __enter__(self) -> Progress:
        self._start_s = self._last_line_s = self._clock()
        if self._file.isatty():
            self._bar = tqdm(
                total=self.total,
                initial=self.initial,
                desc=self._label or None,
                unit=self._unit,
                file=self._file,
                dynamic_ncols=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None and self._printed != self.done:
            self._print_line()

    def update(self, n: int = 1, **values: float | str) -> None:
        """Counts `n` units more.

        Args:
          n: units done since the last call.
          **values: shown beside the progress, as loss=0.123; they stay until they are given anew.
        """
        interrupts.check()
        self.done += n
        if self._warm is None:
            # The first unit often holds compiling or reading that the others do not.
            self._warm = (self.done, self._clock())
        if values:
            self._values = " ".join(f"{name}={_format(value)}" for name, value in values.items())
        if self._bar is not None:
            self._bar.set_postfix_str(self._values, refresh=False)
            self._bar.update(n)
        elif self._clock() - self._last_line_s >= self._line_every_s:
            self._print_line()

    def write(self, text: str) -> None:
        """Prints a line without breaking the bar."""
        if self._bar is not None:
            tqdm.write(text, file=self._file)
        else:
            print(text, file=self._file, flush=True)

    def _print_line(self) -> None:
        now_s = self._clock()
        elapsed_s = now_s - self._start_s
        since, since_s = self._warm or (self.initial, self._start_s)
        fresh, fresh_s = self.done - since, now_s - since_s
        count = f"{self.done}" if self.total is None else f"{self.done}/{self.total}"
        parts = [f"{self._label} {count}".strip()]
        if self.total:
            parts[0] += f" ({100 * self.done // self.total} %)"
        if self._values:
            parts.append(self._values)
        if fresh > 0 and fresh_s > 0:
            parts.append(f"{fresh / fresh_s:.3g} {self._unit}/s")
            if self.total is not None and self.done < self.total:
                left_s = (self.total - self.done) * fresh_s / fresh
                parts.append(f"{tqdm.format_interval(left_s)} left")
        parts.append(f"{tqdm.format_interval(elapsed_s)} elapsed")
        print(", ".join(parts), file=self._file, flush=True)
        self._last_line_s = now_s
        self._printed = self.done


def _format(value: float | str) -> str:
    return value if isinstance(value, str) else f"{float(value):.4g}"
