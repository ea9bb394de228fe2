#!/usr/bin/env python3
"""Draws the figures of docs/findings.md from the JSON files beside this script, the same bytes each time.

Example:
    python docs/results/figures.py [FOLDER]
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tables.files import DOCS, LOSSES, TITLES, read

# Okabe and Ito's colours, which differ for people who do not see red and green alike too.
BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = (
    f"#{code}" for code in "000000 E69F00 56B4E9 009E73 0072B2 D55E00 CC79A7".split()
)
COLOURS = {"mse": RED, "nlpd": BLUE, "ms_ssim": GREEN}
MARKERS = {"mse": "o", "nlpd": "s", "ms_ssim": "^"}
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "lines.markersize": 6,
    "legend.frameon": False,
    "legend.fontsize": 9,
}
WIDTH_IN, DPI = 8.0, 160
BOTTLENECKS = ("levels", "entropy")
MODELS = [(bottleneck, loss) for bottleneck in BOTTLENECKS for loss in LOSSES]


def reproduction(section: str, budget: str = "") -> Any:
    """A section of reproduction.json, or of reproduction_quick.json if the budget is "_quick"."""
    return read(f"reproduction{budget}")["sections"][section]


def panels(height_in: float, columns: int = 2, **options: Any) -> tuple[Figure, Any]:
    """A figure as wide as a page, and its axes."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained", facecolor="white")
    return figure, figure.subplots(1, columns, **options)


def looks(loss: str, **options: Any) -> dict[str, Any]:
    """Colour, marker and name of a loss."""
    return {"color": COLOURS[loss], "marker": MARKERS[loss], "label": TITLES[loss], **options}


def whiskers(axis: Axes, places: Sequence[float], rows: Sequence[dict[str, Any]], **options: Any) -> None:
    """Ratios with their intervals, lying."""
    ratios, low, high = (np.array([row[key] for row in rows]) for key in ("ratio", "low", "high"))
    axis.errorbar(ratios, places, xerr=[ratios - low, high - ratios], ls="", capsize=3, **options)


def name_rows(axis: Axes, names: Sequence[str]) -> None:
    """Names the rows of an axis, from the top."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)


def constant_image(axis: Axes, lying: bool = True) -> None:
    """A dashed line at the baseline's MSE."""
    mse = reproduction("paper")["constant_image"]["mse"]
    (axis.axhline if lying else axis.axvline)(mse, color=BLACK, ls="--", lw=1.2, label="constant image")


def no_gain(axis: Axes) -> None:
    """A dashed line where a ratio is 1."""
    axis.axvline(1, color=BLACK, ls="--", lw=1.2, label="no gain")


def legend_below(figure: Figure, axis: Axes) -> None:
    """The legend of one axis below all."""
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=5)


def claim() -> Figure:
    """Errors by bottleneck and loss against the constant image, and the ratios that the paper claims."""
    paper, photographs = reproduction("paper"), reproduction("images")["models"]
    figure, (errors, ratios) = panels(3.4)
    for place, (bottleneck, loss) in enumerate(MODELS):
        score = paper["table"][bottleneck][loss]["mse"]
        errors.plot(score["seeds"], [place] * len(score["seeds"]), **looks(loss, ls="", mfc="none"))
        errors.text(0.0635, place, f"{score['mean']:.4f}", va="center", ha="right")
    constant_image(errors, lying=False)
    text = f"constant image {paper['constant_image']['mse']:.4f}"
    errors.text(paper["constant_image"]["mse"], -0.55, text, ha="center", va="bottom")
    name_rows(errors, [f"{bottleneck}, {TITLES[loss]}" for bottleneck, loss in MODELS])
    errors.set(xlim=(0, 0.064), xlabel="MSE on natural audio: seeds, and their mean")
    compared = [model for model in MODELS if model[1] != "mse"]
    for place, (bottleneck, loss) in enumerate(compared):
        audio, images = paper["claim"][bottleneck][loss], photographs[bottleneck]["losses"][loss]["ratio"]
        whiskers(ratios, [place - 0.12], [audio], **looks(loss))
        whiskers(ratios, [place + 0.12], [images], **looks(loss, mfc="white"))
        ratios.text(audio["high"] + 0.03, place - 0.12, f"{audio['ratio']:.3f}", va="center")
    no_gain(ratios)
    name_rows(ratios, [f"{bottleneck}, {TITLES[loss]}" for bottleneck, loss in compared])
    ratios.set(xlim=(0, 1.1), xlabel="MSE relative to the MSE-trained model")
    ratios.set_title("filled: audio; hollow: photographs", loc="right")
    return figure


def ablation() -> Figure:
    """The error on clips in three parts, and what is kept of each spatial frequency."""
    models = reproduction("ablation")["models"]
    figure, (errors, gains) = panels(3.2, width_ratios=[1.15, 1])
    left = np.zeros(len(MODELS))
    for part, colour in (("level", BLUE), ("contrast", ORANGE), ("structure", SKY)):
        widths = [models[bottleneck][loss]["error"]["parts"][part] for bottleneck, loss in MODELS]
        errors.barh(range(len(MODELS)), widths, left=left, color=colour, label=part, height=0.7)
        left += widths
    name_rows(errors, [f"{bottleneck}, {TITLES[loss]}" for bottleneck, loss in MODELS])
    errors.set(xlim=(0, 0.052), xlabel="MSE on natural audio, in parts")
    errors.legend(loc="lower right")
    bands = ["<1/64", "–1/32", "–1/16", "–1/8", "–1/4", ">1/4"]
    for loss in LOSSES[:2]:
        gain = models["entropy"][loss]["gain"]
        gains.plot(bands, gain["clips"], **looks(loss, label=f"{TITLES[loss]}, clips"))
        gains.plot(bands, gain["noise"], **looks(loss, label=f"{TITLES[loss]}, noise", ls=":", mfc="white"))
    gains.set(ylim=(0, 1.1), xlabel="spatial frequency, cycles per pixel", ylabel="gain, 1: all is kept")
    gains.set_title("entropy bottleneck")
    gains.legend(loc="lower left", bbox_to_anchor=(0, 0.33))
    return figure


def noise_families() -> Figure:
    """Two images of each family above the errors of models trained on it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfnoise.data import noise_images

    rows = reproduction("noise")["rows"]
    families = [row["noise"] for row in rows]
    figure = Figure(figsize=(WIDTH_IN, 4.8), facecolor="white")
    left, width = 0.105, 0.89
    axis = figure.add_axes((left, 0.03, width, 0.49))
    for column, family in enumerate(families):
        images = next(iter(noise_images(64, 64, batch_size=2, seed=0, family=family))).numpy()
        for row, image in enumerate(images):
            place = left + width * (column + 0.06) / len(families), 0.795 - 0.21 * row
            tile = figure.add_axes((*place, width * 0.88 / len(families), 0.2))
            # In 32 greys, to keep the file small.
            tile.imshow(np.round(31 * image) / 31, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            tile.set_axis_off()
    for loss in LOSSES[:2]:
        label = f"trained with {TITLES[loss]}"
        axis.plot(families, [row[loss]["mse"] for row in rows], **looks(loss, ls="", label=label))
    constant_image(axis)
    axis.set(yscale="log", ylim=(0.0018, 0.06), xlim=(-0.5, 6.5), ylabel="MSE on natural audio")
    axis.set_yticks([0.002, 0.005, 0.01, 0.02, 0.05], ["0.002", "0.005", "0.01", "0.02", "0.05"])
    axis.minorticks_off()
    axis.xaxis.tick_top()
    axis.tick_params(axis="x", length=0)
    axis.legend(loc="upper right", bbox_to_anchor=(1, 0.85))
    return figure


def noise_vs_data() -> Figure:
    """Streaked noise against natural clips: errors seed by seed, and ratios with intervals."""
    section = reproduction("natural_data_bound")
    names = {"mse": "MSE", "calibrated_mse": "MSE, calibrated", "nlpd": "NLPD"}
    contest = [section["contest"][name] for name in names]
    once = {row["learned_from"]: row["mse"] for row in section["rows"]["levels"]}
    figure, (errors, ratios) = panels(3.2, width_ratios=[1.3, 1])
    for source, colour, marker in (("streaked noise", BLUE, "s"), ("natural clips", RED, "o")):
        values = [*contest[0]["by_seed"][f"{source}, MSE"], once[f"{source}, MSE"]]
        errors.plot(values, range(len(values)), marker, color=colour, label=f"trained on {source}")
    name_rows(errors, [*(f"entropy, seed {seed}" for seed in range(section["seeds"])), "levels, seed 0"])
    errors.set(xlim=(0, 0.009), xlabel="MSE on clips that neither was trained on")
    whiskers(ratios, range(len(names)), contest, color=BLUE, marker="s", label="all seeds, 95 %")
    for place, row in enumerate(contest):
        clips, noise = (row["by_seed"][f"{source}, MSE"] for source in ("natural clips", "streaked noise"))
        seeds = np.divide(noise, clips)
        ratios.plot(seeds, [place + 0.25] * len(seeds), "o", color=BLACK, mfc="white", markersize=4.5)
    ratios.plot([], [], "o", color=BLACK, mfc="white", markersize=4.5, label="single seeds")
    no_gain(ratios)
    name_rows(ratios, list(names.values()))
    ratios.set(xlim=(0, 1.1), xlabel="noise's error relative to data's", title="entropy bottleneck")
    handles = [axis.get_legend_handles_labels() for axis in (errors, ratios)]
    figure.legend(*(sum(parts, []) for parts in zip(*handles)), loc="outside lower center", ncols=5)
    return figure


def rate_curves() -> Figure:
    """MSE by rate for both bottlenecks and all losses, against the constant image."""
    rows = reproduction("rate", "_quick")["rows"]
    figure, axes = panels(3.4, sharey=True)
    for axis, bottleneck in zip(axes, ("2 levels", "entropy")):
        for loss in LOSSES:
            points = [row for row in rows if (row["bottleneck"], row["loss"]) == (bottleneck, loss)]
            axis.plot([row["bpp"] for row in points], [row["mse"] for row in points], **looks(loss))
            for row in points:
                if row["bpp_max"] > row["bpp_target"]:
                    axis.plot(row["bpp"], row["mse"], **looks(loss, mfc="white", label=None))
                    text = f"clips up to {row['bpp_max']:.2f} bpp"
                    axis.text(row["bpp"], 0.93 * row["mse"], text, ha="right", va="top")
        constant_image(axis)
        axis.set(xscale="log", yscale="log", xlabel="mean rate, bits per pixel", title=bottleneck)
        axis.set_xticks([0.125, 0.25, 0.5, 1, 2], ["0.125", "0.25", "0.5", "1", "2"])
        axis.set_yticks([0.01, 0.02, 0.03, 0.04, 0.06], ["0.01", "0.02", "0.03", "0.04", "0.06"])
        axis.minorticks_off()
    axes[0].set(ylabel="MSE on natural audio", ylim=(0.009, 0.07))
    legend_below(figure, axes[0])
    return figure


def quantizer_gradient() -> Figure:
    """Error and the gradient's norm by the quantizer's s."""
    rows = reproduction("quantizer_gradient", "_quick")["rows"]
    figure, (errors, norms) = panels(2.9)
    s = [row["s"] for row in rows]
    errors.plot(s, [row["mse"] for row in rows], **looks("nlpd"))
    constant_image(errors)
    errors.set(xscale="log", ylim=(0, 0.05), xlabel="s", ylabel="MSE on natural audio")
    for name, colour, marker in (("largest", ORANGE, "^"), ("median", PURPLE, "o")):
        norms.plot(s, [row[f"gradient_norm_{name}"] for row in rows], marker=marker, color=colour, label=name)
    norms.set(xscale="log", yscale="log", xlabel="s", ylabel="norm of a step's gradient")
    for axis in (errors, norms):
        axis.set_xticks(s, [f"{value:g}" for value in s])
        axis.legend()
    norms.set_yticks([0.2, 1, 5], ["0.2", "1", "5"])
    return figure


def guidelines() -> Figure:
    """Mixtures of losses, and fine-tuning on a few natural clips."""
    section = reproduction("guidelines", "_quick")
    figure, (mixtures, tuned) = panels(2.9)
    for loss in LOSSES[1:]:
        rows = [row for row in section["mixtures"] if row["loss"] == loss]
        mixtures.plot([f"{row['weight']:g}" for row in rows], [row["mse"] for row in rows], **looks(loss))
    constant_image(mixtures)
    mixtures.set(ylim=(0, 0.05), xlabel="weight of the perceptual loss, the rest MSE", title="uniform noise")
    mixtures.set_ylabel("MSE on natural audio")
    starts = {
        "scratch": ("500 steps from scratch", ORANGE, "o"),
        "noise": ("500 more after noise", BLUE, "s"),
    }
    for start, (label, colour, marker) in starts.items():
        rows = [row for row in section["tuned"] if row["from"] == start and row["clips"]]
        clips = [str(row["clips"]) for row in rows]
        tuned.plot(clips, [row["mse"] for row in rows], marker=marker, color=colour, label=label)
    tuned.set(ylim=(0, 0.008), xlabel="natural clips trained on", ylabel="MSE on other clips")
    for axis in (mixtures, tuned):
        axis.legend(loc="lower left")
    return figure


def sound() -> Figure:
    """Scores of sounds relative to the MSE-trained model's."""
    section = reproduction("sound")
    names = {
        "log_spectral_distance_db": "log-spectral distance",
        "spectral_convergence": "spectral convergence",
        "mel_mse": "mel MSE",
        "added_db": "added (too loud)",
        "missing_db": "missing (too quiet)",
    }
    figure, axes = panels(3.2, sharey=True)
    for axis, bottleneck in zip(axes, BOTTLENECKS):
        for loss, shift in (("nlpd", -0.15), ("ms_ssim", 0.15)):
            rows = [section["models"][bottleneck][loss][name] for name in names]
            whiskers(axis, shift + np.arange(len(rows)), rows, **looks(loss))
        no_gain(axis)
        name_rows(axis, list(names.values()))
        axis.set(xlim=(0, 1.25), xlabel="relative to the MSE-trained model", title=bottleneck)
    legend_below(figure, axes[0])
    return figure


def rate_distortion() -> Figure:
    """The shipped model beside codecs of images, on the clips that its recipe was not chosen on."""
    curve = read("codec")["curve"]
    figure, axes = panels(3.3, 3)
    styles = {
        "tfnoise:best": ("tfnoise best", BLUE, "s"),
        "jpeg": ("JPEG", ORANGE, "o"),
        "jpeg2000": ("JPEG 2000", GREEN, "^"),
        "webp": ("WebP", PURPLE, "D"),
    }
    for axis, (metric, title) in zip(axes, TITLES.items()):
        for codec, (label, colour, marker) in styles.items():
            points = [(row["bpp"], row[metric]) for row in curve if row["codec"] == codec]
            axis.plot(*zip(*points), marker=marker, color=colour, label=label, markersize=5)
        axis.set(xscale="log", xlabel="payload, bits per pixel")
        better = "more" if metric == "ms_ssim" else "less"
        axis.set_title(f"{title}, {better} is better", loc="center")
        axis.set_xticks([0.25, 0.35, 0.5, 0.7, 1], ["0.25", "0.35", "0.5", "0.7", "1"])
        axis.minorticks_off()
    for axis in axes[:2]:
        axis.set_ylim(bottom=0)
    legend_below(figure, axes[0])
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    make.__name__: make
    for make in (
        claim, ablation, noise_families, noise_vs_data, rate_curves, quantizer_gradient, guidelines, sound,
        rate_distortion,
    )
}  # fmt: skip
"""By the name of the picture, without .png."""


def write_png(make: Callable[[], Figure], path: Path) -> None:
    """Draws a figure in 256 colours, without dates and versions."""
    drawn = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        make().savefig(drawn, format="png", dpi=DPI)
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def write_figures(folder: Path) -> None:
    """Draws all figures."""
    for name, make in FIGURES.items():
        write_png(make, folder / f"{name}.png")
        print(f"wrote {folder / name}.png")


if __name__ == "__main__":
    write_figures(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "pictures")
