"""Images: whether what noise teaches carries over to photographs, which the paper did not try."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfnoise.evaluation import METRICS, ClipImage, code_image, save_figure, score_clips
from tfnoise.evaluation.bootstrap import bootstrap_crossed
from tfnoise.layers import TOTAL_STRIDE
from tfnoise.research.blocks import Block, Paragraph, Picture, Table, number
from tfnoise.research.experiment import Experiment, main_recipes
from tfnoise.research.recipes import BOTTLENECKS, LOSSES, Recipe, main_recipe
from tfnoise.research.sections.paper import BOTTLENECK_TITLES, TITLES, holds

TITLE = "Images: photographs instead of spectrograms"
TILE = 256
"""Side of what is coded at once, pixels."""

_PICTURE = "figures/photograph.png"
# Photographs in packages that tfnoise does not depend on: package, folder in it, files.
_OPTIONAL = (
    ("sklearn", "datasets/images", ("china.jpg", "flower.jpg")),
    ("skimage", "data", ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg")),
)


class Photograph(NamedTuple):
    """A photograph in grey.

    Attributes:
      name: what it shows, or its file's.
      source: the package that holds it.
      image: float32 `[height, width, 1]` in [0, 1].
    """

    name: str
    source: str
    image: np.ndarray


def photographs() -> list[Photograph]:
    """The photographs that installed packages hold; nothing is fetched, and what is not there is left out.

    matplotlib has a portrait, SciPy 1.11 (which tensorflow-compression 2.14 asks for) a raccoon and a
    staircase; scikit-learn and scikit-image, where somebody has installed them, have more.
    """
    return [Photograph(name, source, grey(pixels)) for name, source, pixels in _installed()]


def grey(pixels: np.ndarray) -> np.ndarray:
    """The luma, as JPEG has it (ITU-R BT.601), float32 `[height, width, 1]` in [0, 1].

    Args:
      pixels: bytes `[height, width]` or `[height, width, 3]`.
    """
    from PIL import Image

    luma = Image.fromarray(np.asarray(pixels, np.uint8)).convert("L")
    return (np.asarray(luma, np.float32) / 255)[..., None]


def tiles(image: np.ndarray, side: int = TILE) -> list[np.ndarray]:
    """Squares of `side` pixels, row by row, from the middle of an image `[height, width, 1]`."""
    rows, columns = (length // side for length in image.shape[:2])
    top, left = ((length % side) // 2 for length in image.shape[:2])
    return [
        image[top + row * side :, left + column * side :][:side, :side]
        for row in range(rows)
        for column in range(columns)
    ]


def recipes(experiment: Experiment) -> list[Recipe]:
    """The main table's."""
    return main_recipes(experiment.seeds, BOTTLENECKS)


def measure(experiment: Experiment) -> dict[str, Any]:
    """Scores of tiles of photographs, ratios with intervals, the same of natural audio, a picture."""
    found = [photograph for photograph in photographs() if tiles(photograph.image)]
    clips = [
        ClipImage(f"{photograph.name} {place}", photograph.name, None, tile)
        for photograph in found
        for place, tile in enumerate(tiles(photograph.image))
    ]
    of = np.array([clip.path for clip in clips])
    held = [{"name": one.name, "source": one.source, "tiles": int(np.sum(of == one.name))} for one in found]
    if not found:
        return {"photographs": held}
    models = {bottleneck: _models(experiment, clips, bottleneck) for bottleneck in BOTTLENECKS}
    _draw(experiment, found[0])
    picture = {"path": _PICTURE, "name": found[0].name}
    return {"photographs": held, "seeds": experiment.seeds, "models": models, "picture": picture}


def _models(experiment: Experiment, clips: Sequence[ClipImage], bottleneck: str) -> dict[str, Any]:
    """Of a bottleneck's losses means and ratios, over the tiles that all models code at or under the rate."""
    scores = {loss: _scores(experiment, clips, loss, bottleneck) for loss in LOSSES}
    fits = within(np.stack([found["bpp"] for found in scores.values()]), scores["mse"]["target"])
    of = np.array([clip.path for clip in clips])
    base, rows = scores["mse"]["mse"], {}
    for loss, mine in scores.items():
        rows[loss] = {name: float(mine[name][:, fits].mean()) for name in METRICS}
        rows[loss]["bpp_max"] = float(mine["bpp"][:, fits].max())
        if loss == "mse":
            continue
        audio = [experiment.by_seed(trained, bottleneck, "mse") for trained in (loss, "mse")]
        rows[loss]["ratio"] = bootstrap_crossed(mine["mse"][:, fits], base[:, fits])._asdict()
        rows[loss]["audio"] = bootstrap_crossed(*audio)._asdict()
        rows[loss]["by_photograph"] = {
            name: float(mine["mse"][:, fits & (of == name)].mean() / base[:, fits & (of == name)].mean())
            for name in dict.fromkeys(of[fits].tolist())
        }
    return {"tiles": int(fits.sum()), "losses": rows}


def within(bpp: np.ndarray, target: float) -> np.ndarray:
    """Which tiles are compared: those at or under the target rate in all of `bpp [..., tiles]`; else all."""
    fits = (bpp <= target * (1 + 1e-6)).reshape(-1, bpp.shape[-1]).all(axis=0)
    return fits if fits.any() else np.ones_like(fits)


def _scores(experiment: Experiment, clips: Sequence[ClipImage], loss: str, bottleneck: str) -> dict[str, Any]:
    """MSE, NLPD, MS-SSIM and bpp, each `[seeds, tiles]`, and the target rate."""
    found = []
    for seed in range(experiment.seeds):
        recipe = main_recipe(loss, bottleneck, seed)
        experiment.log(f"scoring photographs, {recipe.name}")
        model = experiment.model(recipe)
        found.append(score_clips(model.module.code, clips, model.bpp))
    values = {name: np.stack([scores.values(name) for scores in found]) for name in (*METRICS, "bpp")}
    return {**values, "target": found[0].bpp_target}


def blocks(result: dict[str, Any]) -> list[Block]:
    """The section of the report."""
    held = result["photographs"]
    if not held:
        return [Paragraph("No photograph was found in the installed packages; nothing was measured.")]
    count, seeds = sum(one["tiles"] for one in held), result["seeds"]
    listed = "; ".join(f"{one['name']} ({one['source']}, {one['tiles']} tiles)" for one in held)
    found: list[Block] = [
        Paragraph(
            f"The same models on photographs in grey, in {count} tiles of {TILE} × {TILE} pixels: {listed}. "
            f"They are what installed packages hold; no package here holds a film, so video frames were not "
            f"tried. Intervals are over tiles and seeds; tiles of one photograph are alike, and "
            f"{len(held)} photographs are few, so that intervals are too narrow."
        )
    ]
    for bottleneck in BOTTLENECKS:
        rows, used = result["models"][bottleneck]["losses"], result["models"][bottleneck]["tiles"]
        left_out = f" ({count - used} left out, too much for a model's coarsest step)" if used < count else ""
        found.append(
            Table(
                ["trained with", *TITLES.values(), "MSE, ratio", "of audio", "largest bpp"],
                [
                    [
                        TITLES[loss],
                        *(number(rows[loss][metric]) for metric in TITLES),
                        _interval(rows[loss].get("ratio")),
                        _interval(rows[loss].get("audio")),
                        number(rows[loss]["bpp_max"], 4),
                    ]
                    for loss in LOSSES
                ],
                f"Photographs, {BOTTLENECK_TITLES[bottleneck]}; means over {used} tiles{left_out} and "
                f"{seeds} {'seeds' if seeds > 1 else 'seed'}; ratios to the MSE-trained model's MSE, "
                f"of tiles and of natural audio, with 95 % intervals",
            )
        )
        found += [Paragraph(_verdict(bottleneck, loss, rows[loss])) for loss in LOSSES[1:]]
    picture = result["picture"]
    return [*found, Picture(picture["path"], f"{picture['name']}, coded whole; seed 0")]


def _interval(ratio: dict[str, Any] | None) -> str:
    if ratio is None:
        return "1"
    return f"{number(ratio['ratio'])} ({number(ratio['low'])} to {number(ratio['high'])})"


def _verdict(bottleneck: str, loss: str, row: dict[str, Any]) -> str:
    ratio, audio, single = row["ratio"], row["audio"], row["by_photograph"]
    effect = "is not established"
    if holds(ratio):
        effect = "carries over, as strong as in audio within the intervals"
        if ratio["high"] < audio["low"] or ratio["low"] > audio["high"]:
            stronger = ratio["high"] < audio["low"]
            effect = f"carries over, {'stronger' if stronger else 'weaker'} than in audio"
    elif ratio["low"] > 1:
        effect = "is reversed"
    title = BOTTLENECK_TITLES[bottleneck]
    return (
        f"{title[0].upper()}{title[1:]}: trained with {TITLES[loss]}, photographs have "
        f"{number(ratio['ratio'])} of the MSE that they have after training with MSE, and less in "
        f"{sum(value < 1 for value in single.values())} of {len(single)} photographs: the effect {effect}."
    )


def _draw(experiment: Experiment, photograph: Photograph) -> None:
    """A photograph as the models of the first seed make it, a row for each bottleneck."""
    from matplotlib.figure import Figure

    height, width = (side // TOTAL_STRIDE * TOTAL_STRIDE for side in photograph.image.shape[:2])
    original, columns = photograph.image[:height, :width], 1 + len(LOSSES)
    size = (2.6 * columns, len(BOTTLENECKS) * (2.6 * height / width + 0.45))
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    for axes, bottleneck in zip(figure.subplots(len(BOTTLENECKS), columns), BOTTLENECKS):
        shown = [("original", BOTTLENECK_TITLES[bottleneck], original)]
        for loss in LOSSES:
            model = experiment.model(main_recipe(loss, bottleneck))
            coded = code_image(model.module.code, original, model.bpp)
            image, bpp = coded["reconstruction"], float(coded["bpp"])
            error = float(np.mean(np.square(image - original)))
            shown.append((f"trained with {TITLES[loss]}", f"MSE {error:.4f}, {bpp:.2f} bpp", image))
        for axis, (title, details, image) in zip(axes, shown):
            axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            axis.set_title(f"{title}\n{details}", fontsize=8.5, loc="left")
            axis.set_axis_off()
    (experiment.folder / "figures").mkdir(exist_ok=True)
    save_figure(figure, experiment.folder / _PICTURE)


def _installed() -> Iterator[tuple[str, str, np.ndarray]]:
    import matplotlib
    from PIL import Image

    files = [("portrait", "matplotlib", Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg")]
    for package, folder, names in _OPTIONAL:
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            paths = [Path(place) / folder / name for name in names]
            files += [(path.stem, package, path) for path in paths]
    for name, package, path in files:
        if path.is_file():
            with Image.open(path) as picture:
                yield name, package, np.asarray(picture.convert("RGB"))
    with warnings.catch_warnings():
        # SciPy 1.12 has them no longer.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            from scipy import misc

            yield from [("raccoon", "SciPy", misc.face()), ("staircase", "SciPy", misc.ascent())]
        except (ImportError, AttributeError, OSError):
            pass
