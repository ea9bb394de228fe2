"""A grid of trainings: which there are, and what each is called."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Union

from tfnoise.errors import UsageError

Value = Union[bool, int, float, str]
"""Of a setting."""


@dataclass(frozen=True)
class GridPoint:
    """A training of a grid: the name of its run and model, safe as a folder's, and its values of settings.

    `axes` are those that differ within the grid, `values` all.
    """

    name: str
    axes: dict[str, Value]
    values: dict[str, Value]


def grid(choices: Mapping[str, Sequence[Value]], prefix: str | None, only_name: str) -> list[GridPoint]:
    """All combinations of the settings' values, named by those of the axes; the last one's change fastest.

    >>> [point.name for point in grid({"loss": ["mse", "nlpd"], "seed": [0, 1]}, None, "mse")]
    ['mse_seed0', 'mse_seed1', 'nlpd_seed0', 'nlpd_seed1']

    Args:
      choices: each setting's values; one with several is an axis.
      prefix: begins all names.
      only_name: the name, or what follows the prefix, where there is no axis.

    Raises:
      UsageError: two points have one name; the message gives both points.
    """
    axes = [name for name, values in choices.items() if len(values) > 1]
    points: dict[str, GridPoint] = {}
    for combination in itertools.product(*choices.values()):
        values = dict(zip(choices, combination))
        own = {axis: values[axis] for axis in axes}
        parts = [_name_part(axis, value) for axis, value in own.items()] or [_safe(only_name)]
        name = "_".join(part for part in (prefix, *parts) if part) or "model"
        if name in points:
            both = " and ".join(
                " ".join(f"`{axis}`={as_text(value)}" for axis, value in point.items())
                for point in (points[name].axes, own)
            )
            raise UsageError(
                f"{both}: two trainings would be called {name}; give each value once, and values whose "
                f"letters and digits differ"
            )
        points[name] = GridPoint(name, own, values)
    return list(points.values())


def as_text(value: Value) -> str:
    """A value as it is written on a command line, numbers in their shortest form.

    >>> as_text(0.5), as_text(2.0), as_text(True)
    ('0.5', '2', 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


def _name_part(setting: str, value: Value) -> str:
    """Numbers and switches say nothing without the setting's name; words do."""
    return _safe(value if isinstance(value, str) else setting + as_text(value))


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._")
