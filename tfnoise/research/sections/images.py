"""Images: whether what noise teaches carries over to photographs, which the paper did not try."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfnoise.evaluation import METRICS, ClipImage, bootstrap_crossed, score_clips
from tfnoise.layers import TOTAL_STRIDE
from tfnoise.research.experiment import BOTTLENECKS, LOSSES, TITLES, Experiment, Section, main_recipe
from tfnoise.research.image_statistics import tiles
from tfnoise.research.report import Picture, Table, number, numbers, ratio_cell

TILE = 256
"""Side of what is coded at once, pixels."""

# Photographs in packages that tfnoise does not depend on: package, folder in it, files.
_OPTIONAL = (
    ("sklearn", "datasets/images", ("china.jpg", "flower.jpg")),
    ("skimage", "data", ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg")),
)


class Photograph(NamedTuple):
    """A photograph by what it shows, the package that holds it, and its luma."""

    name: str
    source: str
    image: np.ndarray


def photographs() -> Iterator[Photograph]:
    """The photographs that installed packages hold; nothing is fetched, and absent ones are skipped.

    matplotlib has a portrait, SciPy 1.11 (which tensorflow-compression 2.14 asks for) a raccoon and a
    staircase; scikit-learn and scikit-image, where somebody has installed them, have more.
    """
    import matplotlib
    from PIL import Image

    files = [("portrait", "matplotlib", Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg")]
    for package, folder, names in _OPTIONAL:
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            files += [(Path(name).stem, package, Path(place) / folder / name) for name in names]
    for name, package, path in files:
        if path.is_file():
            with Image.open(path) as picture:
                yield Photograph(name, package, luma(np.asarray(picture.convert("RGB"))))
    with warnings.catch_warnings():
        # SciPy 1.12 has them no longer.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            from scipy import misc

            yield Photograph("raccoon", "SciPy", luma(misc.face()))
            yield Photograph("staircase", "SciPy", luma(misc.ascent()))
        except (ImportError, AttributeError, OSError):
            pass


def luma(pixels: np.ndarray) -> np.ndarray:
    """The luma, as JPEG has it (ITU-R BT.601), float32 `[height, width, 1]` in [0, 1], of bytes."""
    from PIL import Image

    image = Image.fromarray(np.asarray(pixels, np.uint8)).convert("L")
    return (np.asarray(image, np.float32) / 255)[..., None]


def measure(experiment: Experiment) -> dict[str, Any]:
    """Scores of tiles of photographs, ratios with intervals, the same of natural audio, a picture."""
    cut = [(photograph, tiles(photograph.image, TILE)) for photograph in photographs()]
    cut = [(photograph, squares) for photograph, squares in cut if len(squares)]
    counts = [{"name": one.name, "source": one.source, "tiles": len(squares)} for one, squares in cut]
    if not cut:
        return {"photographs": counts}
    clips = [
        ClipImage(f"{photograph.name} {place}", photograph.name, None, tile)
        for photograph, squares in cut
        for place, tile in enumerate(squares)
    ]
    first = cut[0][0]
    return {
        "photographs": counts,
        "seeds": experiment.seeds,
        "models": {bottleneck: _models(experiment, clips, bottleneck) for bottleneck in BOTTLENECKS},
        "picture": {"path": _picture(experiment, first.image), "name": first.name},
    }


def _models(experiment: Experiment, clips: Sequence[ClipImage], bottleneck: str) -> dict[str, Any]:
    """Of a bottleneck's losses means and ratios, over the tiles that all models code at or under the rate."""
    scores = {loss: _scores(experiment, clips, loss, bottleneck) for loss in LOSSES}
    fits = within(np.stack([values["bpp"] for values in scores.values()]), scores["mse"]["target"])
    names = np.array([clip.path for clip in clips])[fits]
    base = scores["mse"]["mse"][:, fits]
    rows: dict[str, dict[str, Any]] = {}
    for loss, values in scores.items():
        row = rows[loss] = {name: float(values[name][:, fits].mean()) for name in METRICS}
        row["bpp_max"] = float(values["bpp"][:, fits].max())
        if loss != "mse":
            errors = values["mse"][:, fits]
            audio = [experiment.by_seed(trained, bottleneck, "mse") for trained in (loss, "mse")]
            row["ratio"] = bootstrap_crossed(errors, base)._asdict()
            row["audio"] = bootstrap_crossed(audio[0], audio[1])._asdict()
            row["by_photograph"] = {
                name: float(errors[:, names == name].mean() / base[:, names == name].mean())
                for name in dict.fromkeys(names.tolist())
            }
    return {"tiles": int(fits.sum()), "losses": rows}


def within(bpp: np.ndarray, target: float) -> np.ndarray:
    """Which tiles are compared: those at or under the target rate in all of `bpp [..., tiles]`; else all."""
    fits = (bpp <= target * (1 + 1e-6)).reshape(-1, bpp.shape[-1]).all(axis=0)
    return fits if fits.any() else np.ones_like(fits)


def _scores(experiment: Experiment, clips: Sequence[ClipImage], loss: str, bottleneck: str) -> dict[str, Any]:
    """MSE, NLPD, MS-SSIM and bpp, each `[seeds, tiles]`, and the target rate."""
    by_seed = []
    for seed in range(experiment.seeds):
        recipe = main_recipe(loss, bottleneck, seed)
        experiment.log(f"scoring photographs, {recipe.name}")
        model = experiment.model(recipe)
        by_seed.append(score_clips(model.module.code, clips, model.bpp))
    values = {name: np.stack([scores.values(name) for scores in by_seed]) for name in (*METRICS, "bpp")}
    return {**values, "target": by_seed[0].bpp_target}


def tables(result: dict[str, Any]) -> list[Table]:
    """The photographs; scores and ratios by training loss, for each bottleneck."""
    counts, header = result["photographs"], ["photograph", "package", "tiles"]
    if not counts:
        return [Table(header, [], "No photograph was found in the installed packages; nothing was measured")]
    rows = [[row["name"], row["source"], str(row["tiles"])] for row in counts]
    shown = [
        Table(header, rows, f"Photographs in installed packages, luma in tiles of {TILE} × {TILE} pixels")
    ]
    total, seeds = sum(row["tiles"] for row in counts), result["seeds"]
    header = ["trained with", *TITLES.values(), "MSE ratio", "of audio", "photographs below 1", "largest bpp"]
    for bottleneck, title in BOTTLENECKS.items():
        used, by_loss = result["models"][bottleneck]["tiles"], result["models"][bottleneck]["losses"]
        rows = []
        for loss in LOSSES:
            row = by_loss[loss]
            ratios = row.get("by_photograph", {}).values()
            below = f"{sum(ratio < 1 for ratio in ratios)} of {len(ratios)}" if ratios else "–"
            cells = [ratio_cell(row.get("ratio")), ratio_cell(row.get("audio")), below]
            rows.append([TITLES[loss], *numbers(row, METRICS), *cells, number(row["bpp_max"], 4)])
        caption = (
            f"Photographs, {title}; means over {used} of {total} tiles, those that all models code at or "
            f"below the rate, and {seeds} seed{'s' if seeds > 1 else ''}; ratios to the MSE-trained model's "
            "MSE, of tiles and of natural audio, with 95 % intervals over tiles or clips and seeds, as if "
            "the tiles of one photograph were independent"
        )
        shown.append(Table(header, rows, caption))
    return shown


def figures(result: dict[str, Any]) -> list[Picture]:
    """A photograph as all models reconstruct it."""
    picture = result.get("picture")
    return [Picture(picture["path"], f"{picture['name']}, coded whole; seed 0")] if picture else []


IMAGES = Section("images", "Images: photographs instead of spectrograms", measure, tables, figures)


def _picture(experiment: Experiment, photograph: np.ndarray) -> str:
    """A photograph as the models of the first seed reconstruct it, a row for each bottleneck."""
    from matplotlib.figure import Figure

    height, width = (side // TOTAL_STRIDE * TOTAL_STRIDE for side in photograph.shape[:2])
    original, columns = photograph[:height, :width], 1 + len(LOSSES)
    size = (2.6 * columns, len(BOTTLENECKS) * (2.6 * height / width + 0.45))
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    for axes, bottleneck in zip(figure.subplots(len(BOTTLENECKS), columns), BOTTLENECKS):
        panels = [("original", BOTTLENECKS[bottleneck], original)]
        for loss in LOSSES:
            coded = experiment.code(main_recipe(loss, bottleneck), original)
            image, bpp = coded["reconstruction"], float(coded["bpp"])
            error = float(np.mean(np.square(image - original)))
            panels.append((f"trained with {TITLES[loss]}", f"MSE {error:.4f}, {bpp:.2f} bpp", image))
        for axis, (title, details, image) in zip(axes, panels):
            axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            axis.set_title(f"{title}\n{details}", fontsize=8.5, loc="left")
            axis.set_axis_off()
    return experiment.save_figure(figure, "photograph")
