"""A picture of distortion over rate: one panel a metric, one line a codec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METRICS = {
    "mse": "MSE (less is better)",
    "nlpd": "NLPD (less is better)",
    "ms_ssim": "MS-SSIM-4 (more is better)",
}
_PANEL_INCHES = (4.0, 3.4)


def rate_figure(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Mean distortions over mean rates.

    Args:
      rows: with `codec`, `bpp`, and the metrics `mse`, `nlpd`, `ms_ssim`.
      title: of the whole picture.

    Returns:
      A `matplotlib.figure.Figure` of its own, which pyplot does not know.
    """
    # Imported here, since it takes half a second that tables alone need not wait for.
    from matplotlib.figure import Figure

    size = (len(_METRICS) * _PANEL_INCHES[0], _PANEL_INCHES[1] + 0.5)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    axes = figure.subplots(1, len(_METRICS), squeeze=False)[0]
    codecs = list(dict.fromkeys(row["codec"] for row in rows))
    for axis, (metric, name) in zip(axes, _METRICS.items()):
        for codec in codecs:
            points = sorted((row["bpp"], row[metric]) for row in rows if row["codec"] == codec)
            axis.plot(*zip(*points), marker="o", markersize=3.5, linewidth=1.2, label=codec)
        axis.set_xscale("log")
        if metric != "ms_ssim":
            axis.set_yscale("log")
        ticks = sorted({round(row["bpp_target"], 3) for row in rows})
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
        axis.set_xticks([], minor=True)
        axis.set_xlabel("payload [bits per pixel]", fontsize=9)
        axis.set_title(name, fontsize=10, loc="left")
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.3, linewidth=0.5, which="both")
    axes[0].legend(fontsize=8.5, frameon=False)
    figure.suptitle(title, fontsize=11, parse_math=False)
    return figure
