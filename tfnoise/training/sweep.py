"""A grid of trainings: which there are, what each is called, and its share of the machine."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Union

from tfnoise.errors import UsageError

Value = Union[bool, int, float, str]
"""Of a flag."""


@dataclass(frozen=True)
class GridPoint:
    """A training of a grid.

    Attributes:
      name: of its run and its model, safe as a folder's name.
      axes: its values of the flags that differ within the grid.
      flags: its values of all flags that were given.
    """

    name: str
    axes: dict[str, Value]
    flags: dict[str, Value]

    def arguments(self) -> list[str]:
        """The flags as on a command line."""
        return [f"--{flag}={as_text(value)}" for flag, value in self.flags.items()]


def grid(choices: Mapping[str, Sequence[Value]], prefix: str | None, only_name: str) -> list[GridPoint]:
    """All combinations of the flags' values; the last flag's values change fastest.

    Args:
      choices: each flag's values; a flag with several is an axis.
      prefix: begins all names.
      only_name: the name, or what follows the prefix, where there is no axis.

    Returns:
      The points, whose names are made from their values of the axes, as `nlpd_seed1`.

    Raises:
      UsageError: two points have one name; the message gives both points.
    """
    axes = [flag for flag, values in choices.items() if len(values) > 1]
    points: dict[str, GridPoint] = {}
    for combination in itertools.product(*choices.values()):
        flags = dict(zip(choices, combination))
        own = {flag: flags[flag] for flag in axes}
        parts = [_name_part(flag, value) for flag, value in own.items()] or [_safe(only_name)]
        name = "_".join(part for part in (prefix, *parts) if part)
        point = GridPoint(name or "model", own, flags)
        if point.name in points:
            both = [
                " ".join(f"--{flag}={as_text(own[flag])}" for flag in axes)
                for own in (points[name].axes, own)
            ]
            raise UsageError(
                f"{both[0]} and {both[1]}: two trainings would be called {name}; give each value once, "
                f"and values whose letters and digits differ"
            )
        points[point.name] = point
    return list(points.values())


def as_text(value: Value) -> str:
    """A flag's value as it is written on a command line, numbers in their shortest form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


def threads_each(jobs: int, cores: int) -> int:
    """How many threads each of several trainings at once should use."""
    return max(1, cores // jobs)


def _name_part(flag: str, value: Value) -> str:
    """Numbers and switches say nothing without the flag's name; words do."""
    text = as_text(value)
    return _safe(text if isinstance(value, str) else flag + text)


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._")
