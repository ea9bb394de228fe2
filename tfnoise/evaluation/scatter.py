"""A picture of ratings against metrics: one panel a metric, one dot a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL_INCHES = (3.4, 2.9)
_MOST_COLUMNS = 3
_MOST_CONDITIONS = 20


def scatter_figure(
    values: Mapping[str, np.ndarray],
    ratings: Sequence[float],
    conditions: Sequence[str | None],
    details: Mapping[str, str],
    title: str,
) -> Figure:
    """Ratings over each metric's values, coloured by condition.

    Args:
      values: by the metric's title, `[pairs]`; NaN is left out.
      ratings: `[pairs]`.
      conditions: what was done to each; a legend shows them where there are 2 to 20.
      details: a line for each title, as its correlation.
      title: of the whole picture.

    Returns:
      A `matplotlib.figure.Figure` of its own, which pyplot does not know.
    """
    # Imported here, since it takes half a second that tables alone need not wait for.
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    columns = min(len(values), _MOST_COLUMNS)
    rows = -(-len(values) // columns)
    size = (columns * _PANEL_INCHES[0] + 1.8, rows * _PANEL_INCHES[1] + 0.5)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    ratings = np.asarray(ratings, np.float64)
    kinds = sorted({condition or "" for condition in conditions})
    if not 2 <= len(kinds) <= _MOST_CONDITIONS:
        kinds = [None]
    colours = colormaps["tab20" if len(kinds) > 10 else "tab10"]
    for number, (axis, (name, points)) in enumerate(zip(axes, values.items())):
        for place, kind in enumerate(kinds):
            chosen = np.array([kind in (None, condition or "") for condition in conditions])
            axis.scatter(
                points[chosen],
                ratings[chosen],
                s=14,
                color=colours(place),
                alpha=0.8,
                linewidths=0,
                label=kind,
            )
        axis.set_title(name, fontsize=10, fontweight="bold", loc="left", pad=16)
        axis.annotate(
            details[name], (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", fontsize=8.5
        )
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.25, linewidth=0.5)
        if number % columns == 0:
            axis.set_ylabel("listeners' rating", fontsize=9)
    for axis in axes[len(values) :]:
        axis.remove()
    if len(kinds) > 1:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    # File names may hold dollar signs, which would otherwise start a formula.
    figure.suptitle(title, fontsize=11, parse_math=False)
    return figure
