"""Pictures: spectrograms beside their reconstructions, ratings over metrics, distortion over rate.

Each is a `matplotlib.figure.Figure` of its own, which pyplot does not know.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfnoise.audio import FrontEnd, mel_filterbank
from tfnoise.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 150
_PANEL_INCHES = (3.9, 2.5)
_SCATTER_INCHES = (3.4, 2.9)
_CURVES_INCHES = (4.0, 3.4)
_MOST_COLUMNS = 3
_COLOURS, _ERROR_COLOURS = "magma", "RdBu_r"
_TICKS_HZ = (16000, 8000, 4000, 2000, 1000, 500, 250, 125)
_LEAST_TICK_DISTANCE = 0.06
_MOST_CONDITIONS = 20
_CURVE_TITLES = {
    "mse": "MSE (less is better)",
    "nlpd": "NLPD (less is better)",
    "ms_ssim": "MS-SSIM-4 (more is better)",
}
_LEVEL_LABEL = "level [dB], 0 is the clip's peak"


@dataclass(frozen=True, eq=False)
class Panel:
    """One spectrogram of a picture.

    Attributes:
      image: `[mels, frames, 1]` in [0, 1].
      front_end: the settings of the image.
      title: as "original" or a model's name.
      details: a line under the title, as the scores; "" gives the size of the image.
    """

    image: np.ndarray
    front_end: FrontEnd
    title: str
    details: str = ""


def clip_figure(panels: Sequence[Panel], title: str) -> Figure:
    """Spectrograms side by side, in dB below the clip's peak, on one scale of colours.

    Args:
      panels: one or more; the first is the original.
      title: of the whole picture.

    >>> panel = Panel(np.zeros([128, 96, 1], np.float32), FrontEnd(), "original")
    >>> len(clip_figure([panel, panel], "song.wav").axes)
    3
    """
    columns = min(len(panels), _MOST_COLUMNS)
    if len(panels) == _MOST_COLUMNS + 1:
        columns = 2
    rows = -(-len(panels) // columns)
    size = (columns * _PANEL_INCHES[0] + 1.2, rows * (_PANEL_INCHES[1] + 0.55) + 0.55)
    figure, axes = _figure(size, rows, columns, title)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    widest_db = max(panel.front_end.top_db for panel in panels)
    for number, (axis, panel) in enumerate(zip(axes, panels)):
        shown = _draw(axis, panel, _level_db(panel), (-widest_db, 0.0))
        if number % columns == 0:
            axis.set_ylabel("frequency [Hz]", fontsize=9)
        if number + columns >= len(panels):
            axis.set_xlabel("time [s]", fontsize=9)
    for axis in axes[len(panels) :]:
        axis.remove()
    _add_scale(figure, shown, list(axes[: len(panels)]), _LEVEL_LABEL, aspect=14 * rows + 6)
    return figure


def error_figure(original: Panel, reconstruction: Panel, title: str) -> Figure:
    """A spectrogram, its reconstruction and the error between them, side by side.

    The first two share the scale of `clip_figure`.  The error is reconstruction less original, on a scale of
    its own that is centred on 0 and as wide as theirs; too loud is red, too quiet is blue.

    Args:
      original, reconstruction: of one size and front end.
      title: of the whole picture.
    """
    size = (3 * _PANEL_INCHES[0] + 2.2, _PANEL_INCHES[1] + 2.1)
    figure, axes = _figure(size, 1, 3, title)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    top_db = original.front_end.top_db
    for axis, panel in zip(axes, (original, reconstruction)):
        level = _draw(axis, panel, _level_db(panel), (-top_db, 0.0))
    error_db = _level_db(reconstruction) - _level_db(original)
    rms_db = float(np.sqrt(np.mean(np.square(error_db))))
    difference = Panel(reconstruction.image, reconstruction.front_end, "error", f"RMS {rms_db:.1f} dB")
    error = _draw(axes[2], difference, error_db, (-top_db / 2, top_db / 2), _ERROR_COLOURS)
    for axis in axes:
        axis.set_xlabel("time [s]", fontsize=9)
    axes[0].set_ylabel("frequency [Hz]", fontsize=9)
    _add_scale(figure, level, axes[:2], _LEVEL_LABEL, aspect=28)
    _add_scale(figure, error, axes[2:], "reconstruction − original [dB]", aspect=28, extend="both")
    return figure


def scatter_figure(
    panels: Sequence[tuple[str, str, np.ndarray]],
    ratings: Sequence[float],
    conditions: Sequence[str | None],
    title: str,
) -> Figure:
    """Listeners' ratings over metrics, coloured by condition.

    Args:
      panels: a metric's title, a line under it, as its correlation, and its values `[pairs]`; NaN is skipped.
      ratings: `[pairs]`.
      conditions: degradation of each clip, or None; a legend shows them where there are 2 to 20.
      title: of the whole picture.
    """
    from matplotlib import colormaps

    columns = min(len(panels), _MOST_COLUMNS)
    rows = -(-len(panels) // columns)
    size = (columns * _SCATTER_INCHES[0] + 1.8, rows * _SCATTER_INCHES[1] + 0.5)
    figure, axes = _figure(size, rows, columns, title, sharey=True)
    kinds: list[str | None] = [*sorted({condition or "" for condition in conditions})]
    if not 2 <= len(kinds) <= _MOST_CONDITIONS:
        kinds = [None]
    colours = colormaps["tab20" if len(kinds) > 10 else "tab10"]
    for number, (axis, (name, details, values)) in enumerate(zip(axes, panels)):
        for place, kind in enumerate(kinds):
            of_kind = np.array([kind in (None, condition or "") for condition in conditions])
            style = {"s": 14, "color": colours(place), "alpha": 0.8, "linewidths": 0, "label": kind}
            axis.scatter(values[of_kind], np.asarray(ratings)[of_kind], **style)
        _add_title(axis, name, details)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.25, linewidth=0.5)
        if number % columns == 0:
            axis.set_ylabel("listeners' rating", fontsize=9)
    for axis in axes[len(panels) :]:
        axis.remove()
    if len(kinds) > 1:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    return figure


def rate_figure(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Mean distortions over mean rates: one panel a metric, one line a codec.

    Args:
      rows: with `codec`, `bpp`, `bpp_target`, and the metrics `mse`, `nlpd`, `ms_ssim`.
      title: of the whole picture.
    """
    size = (len(_CURVE_TITLES) * _CURVES_INCHES[0], _CURVES_INCHES[1] + 0.5)
    figure, axes = _figure(size, 1, len(_CURVE_TITLES), title)
    codecs = list(dict.fromkeys(row["codec"] for row in rows))
    for axis, (metric, name) in zip(axes, _CURVE_TITLES.items()):
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
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Writes a figure as PNG, under a temporary name that is then renamed: `path` is whole or not there.

    Raises:
      OSError: the folder is absent or cannot be written to.
    """
    with replacing(path) as temporary, warnings.catch_warnings():
        # A title in a script that the font lacks shows boxes, which is no news to the reader.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(temporary, format="png", dpi=_DPI)
    return Path(path)


def _figure(
    size: tuple[float, float], rows: int, columns: int, title: str, **options: Any
) -> tuple[Any, Any]:
    """A figure with a title, and its axes in one list."""
    # Imported here, since it takes half a second that scores without pictures need not wait for.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    # File names may hold dollar signs, which would otherwise start a formula.
    figure.suptitle(title, fontsize=11, parse_math=False)
    return figure, figure.subplots(rows, columns, squeeze=False, **options).ravel()


def _add_title(axis: Any, title: str, details: str, **options: Any) -> None:
    axis.set_title(title, fontsize=10, fontweight="bold", loc="left", pad=16, parse_math=False)
    place = {"xycoords": "axes fraction", "textcoords": "offset points"}
    axis.annotate(details, (0, 1), (0, 4), fontsize=8.5, parse_math=False, **place, **options)


def _level_db(panel: Panel) -> np.ndarray:
    return (panel.image[..., 0] - 1.0) * panel.front_end.top_db


def _draw(
    axis: Any, panel: Panel, values_db: np.ndarray, limits_db: tuple[float, float], colours: str = _COLOURS
) -> Any:
    mels, frames = panel.image.shape[:2]
    shown = axis.imshow(
        values_db,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap=colours,
        vmin=limits_db[0],
        vmax=limits_db[1],
        extent=(0.0, panel.front_end.duration_s(frames), -0.5, mels - 0.5),
    )
    bands, labels = frequency_ticks(panel.front_end)
    axis.set_yticks(bands, labels)
    axis.tick_params(labelsize=8, length=2.5, width=0.5)
    for spine in axis.spines.values():
        spine.set_linewidth(0.5)
    _add_title(axis, panel.title, panel.details or f"{mels} mels × {frames} frames", color="0.3")
    return shown


def _add_scale(figure: Any, shown: Any, axes: list[Any], label: str, aspect: float, **options: Any) -> None:
    bar = figure.colorbar(shown, ax=axes, pad=0.015, aspect=aspect, fraction=0.05, **options)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_linewidth(0.5)


def frequency_ticks(front_end: FrontEnd) -> tuple[list[float], list[str]]:
    """Places of round frequencies on the axis of mel bands, whose centres are 0, 1, ..., and their labels."""
    filters = mel_filterbank(front_end).astype(np.float64)
    bins_hz = np.arange(filters.shape[1]) * (front_end.sample_rate_hz / front_end.n_fft)
    weights = filters.sum(axis=1)
    # A band narrower than a bin may have no weight at all.
    weighted = weights > 0
    bands = np.arange(front_end.mels)[weighted]
    centres_hz = (filters[weighted] @ bins_hz) / weights[weighted]
    edges_hz, edges = np.append(centres_hz, front_end.upper_hz), np.append(bands, front_end.mels - 0.5)
    places: list[float] = []
    labels = []
    for hz in _TICKS_HZ:
        if not centres_hz[0] <= hz <= front_end.upper_hz:
            continue
        place = float(np.interp(hz, edges_hz, edges))
        # Downwards, since the scale is densest at its low end.
        if not places or places[-1] - place >= _LEAST_TICK_DISTANCE * front_end.mels:
            places.append(place)
            labels.append(f"{hz:,}")
    return places, labels
