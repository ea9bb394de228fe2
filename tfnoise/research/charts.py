"""Line charts of an experiment, as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfnoise.evaluation import save_figure

Curve = Sequence[tuple[float, float]]


def line_chart(
    curves: Mapping[str, Curve],
    path: Path,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    marks: bool = True,
) -> None:
    """Draws curves by their names; points whose value is missing (NaN) are left out.

    Raises:
      OSError: the folder cannot be written to.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.0), layout="constrained", facecolor="white")
    axis = figure.subplots()
    for name, points in curves.items():
        shown = [(x, y) for x, y in points if y == y]
        axis.plot(
            *zip(*shown) if shown else ((), ()), marker="o" if marks else None, ms=4, lw=1.4, label=name
        )
    axis.set_xscale("log" if log_x else "linear")
    axis.set_yscale("log" if log_y else "linear")
    axis.set_xlabel(x_label)
    axis.set_ylabel(y_label)
    axis.grid(alpha=0.25, which="both", lw=0.5)
    if len(curves) > 1:
        figure.legend(loc="outside right upper", fontsize=8.5, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_figure(figure, path)
