"""Why: what perceptual losses teach a model of noise that MSE does not.

Three measurements: what single symbols draw; how much of each spatial frequency is kept; and how the error
divides into wrong levels, wrong contrast and wrong structure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tfnoise.data import noise_images
from tfnoise.evaluation import code_image, spread
from tfnoise.layers import TOTAL_STRIDE
from tfnoise.research.blocks import Block, Paragraph, Picture, Table, number
from tfnoise.research.calibration import calibration
from tfnoise.research.charts import line_chart
from tfnoise.research.experiment import Experiment, main_recipes
from tfnoise.research.recipes import BOTTLENECKS, LOSSES, Recipe
from tfnoise.research.sections.paper import BOTTLENECK_TITLES, TITLES

TITLE = "Why"
EDGES = tuple(2.0**-octave for octave in range(6, 1, -1))
"""Between bands of spatial frequency, cycles per pixel; the first and the last have all that is beyond."""

_PARTS = ("level", "contrast", "structure")
_INPUTS = ("noise", "clips")
_SEED, _NOISE_IMAGES = 20_231_207, 16
_MOST_CLIPS, _MOST_FRAMES = 40, 256
_CELLS, _AT_ONCE = 8, 16
_IN_USE, _LEAST_GAP = 0.01, 0.01


def radial_frequency(height: int, width: int) -> np.ndarray:
    """The spatial frequency of each bin of `np.fft.fft2`, cycles per pixel: `[height, width]`."""
    return np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))


def transfer(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[list[float], list[float]]:
    """How much of an original's waves comes out again, and how much there is of them, by bands (`EDGES`).

    Args:
      pairs: images and their reconstructions, `[height, width]`; they lose their means, and their edges are
        tapered by a Hann window.

    Returns:
      The gain Re(sum X* Y) / sum |X|^2, 1 where all is kept and 0 where what comes out has nothing to do with
      the original (the real part of the optimum frequency response of Bendat and Piersol, "Random Data",
      chapter 6); and each band's share of the originals' energy.
    """
    before, kept = np.zeros(len(EDGES) + 1), np.zeros(len(EDGES) + 1)
    for pair in pairs:
        height, width = pair[0].shape
        window = np.hanning(height)[:, None] * np.hanning(width)
        x, y = (np.fft.fft2((image - image.mean()) * window) for image in pair)
        band = np.digitize(radial_frequency(height, width), EDGES).ravel()
        before += np.bincount(band, (np.abs(x) ** 2).ravel(), len(before))
        kept += np.bincount(band, (np.conj(x) * y).real.ravel(), len(before))
    tiny = np.finfo(np.float64).tiny
    return (kept / np.maximum(before, tiny)).tolist(), (before / max(before.sum(), tiny)).tolist()


def centroid(difference: np.ndarray) -> float:
    """The mean spatial frequency of an image `[height, width]` by energy, cycles per pixel; 0 of nothing."""
    power = np.abs(np.fft.fft2(difference)) ** 2
    frequency = radial_frequency(*difference.shape)
    return float(np.sum(power * frequency) / max(power.sum(), np.finfo(np.float64).tiny))


def squares(images: Iterable[np.ndarray]) -> np.ndarray:
    """The squares of 16 × 16 pixels of images `[height, width, 1]`: float64 `[squares, 256]`."""
    side, found = TOTAL_STRIDE, []
    for image in images:
        rows, columns = (length // side for length in image.shape[:2])
        cut = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
        found.append(cut.swapaxes(1, 2).reshape(-1, side * side))
    return np.concatenate(found).astype(np.float64)


def error_parts(original: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """The mean squared error of squares `[squares, pixels]` in three parts, which sum to it.

    Returns:
      "level": of the squares' means; "contrast": of their standard deviations s; "structure": the rest,
      2 s_x s_y (1 - r), nothing where the correlation r is 1. (Murphy, "Skill scores based on the mean square
      error and their relationships to the correlation coefficient", Monthly Weather Review 116, 1988.)
    """
    means = [values.mean(axis=1) for values in (original, made)]
    deviations = [values.std(axis=1) for values in (original, made)]
    covariance = np.mean(original * made, axis=1) - means[0] * means[1]
    return {
        "level": float(np.mean((means[0] - means[1]) ** 2)),
        "contrast": float(np.mean((deviations[0] - deviations[1]) ** 2)),
        "structure": float(np.mean(2 * (deviations[0] * deviations[1] - covariance))),
    }


def error(original: np.ndarray, made: np.ndarray) -> dict[str, Any]:
    """The error of squares `[squares, pixels]`, and how their means and contrasts come out.

    Returns:
      "mse"; "parts" as of `error_parts`; "calibrated": the MSE left after the one slope and offset for all
      pixels that suit best; "level_line", "contrast_line": slope and offset of squares' means and standard
      deviations over the original's, by least squares.
    """
    slope, offset = calibration(original, made)
    return {
        "mse": float(np.mean((original - made) ** 2)),
        "parts": error_parts(original, made),
        "calibrated": float(np.mean((original - slope * made - offset) ** 2)),
        "level_line": np.polyfit(original.mean(axis=1), made.mean(axis=1), 1).tolist(),
        "contrast_line": np.polyfit(original.std(axis=1), made.std(axis=1), 1).tolist(),
    }


def recipes(experiment: Experiment) -> list[Recipe]:
    """The main table's, of the first seed."""
    return main_recipes(1, BOTTLENECKS)


def measure(experiment: Experiment) -> dict[str, Any]:
    """Parts of the error, transfer and responses to symbols of each model; charts of the transfer."""
    places = spread(len(experiment.images), _MOST_CLIPS)
    noise = next(
        iter(noise_images(experiment.front_end.mels, _MOST_FRAMES, _NOISE_IMAGES, seed=_SEED))
    ).numpy()
    inputs = {"noise": noise, "clips": [experiment.images[place].image[:, :_MOST_FRAMES] for place in places]}
    cut = {name: squares(images) for name, images in inputs.items()}
    statistics: dict[str, Any] = {
        name: {
            "level_deviation": float(found.mean(axis=1).std()),
            "contrast_deviation": float(found.std(axis=1).std()),
        }
        for name, found in cut.items()
    }
    models: dict[str, Any] = {}
    for recipe in recipes(experiment):
        experiment.log(f"looking into {recipe.name}")
        model, gain = experiment.model(recipe), {}
        for name, images in inputs.items():
            coded = [code_image(model.module.code, image, model.bpp) for image in images]
            made = [image["reconstruction"] for image in coded]
            pairs = ((a[..., 0], b[..., 0]) for a, b in zip(images, made))
            gain[name], statistics[name]["energy"] = transfer(pairs)
        # What the loop leaves is of the clips.
        index = int(np.median([image["step_index"] for image in coded]))
        models.setdefault(recipe.flags["bottleneck"], {})[recipe.flags["loss"]] = {
            "error": error(cut["clips"], squares(made)),
            "gain": gain,
            "response": responses(model.module, index, inputs["clips"]),
        }
    charts = {bottleneck: _chart(experiment, bottleneck, rows) for bottleneck, rows in models.items()}
    return {"clips": len(places), "inputs": statistics, "models": models, "charts": charts}


def _chart(experiment: Experiment, bottleneck: str, rows: dict[str, Any]) -> str:
    path = f"figures/transfer_{bottleneck}.png"
    centres = [edge / math.sqrt(2) for edge in EDGES] + [EDGES[-1] * math.sqrt(2)]
    curves = {
        f"{TITLES[loss]}, {name}": list(zip(centres, rows[loss]["gain"][name]))
        for name in _INPUTS
        for loss in LOSSES
    }
    line_chart(curves, experiment.folder / path, "spatial frequency [cycles per pixel]", "gain", log_x=True)
    return path


def responses(module: Any, index: int, clips: Sequence[np.ndarray]) -> dict[str, Any]:
    """What one symbol changes in the image of mid-grey, in the mean over the channels in use.

    Args:
      module: a model's functions.
      index: of the quantization step.
      clips: images `[mels, frames, 1]` that tell which channels are in use: 1 % or more of their symbols
        differ from the most frequent.

    Returns:
      "in_use", "channels": numbers of channels; "energy": squared change summed over pixels, and its
      "centroid", cycles per pixel: None where no channel is in use.
    """

    def symbols(image: np.ndarray) -> np.ndarray:
        return module.symbols(module.analyse(image[None]), np.array([index], np.int32)).numpy()

    def images(some: np.ndarray) -> np.ndarray:
        indices = np.full(len(some), index, np.int32)
        return module.synthesise(module.dequantize(some, indices)).numpy()[..., 0].astype(np.float64)

    side, middle = _CELLS * TOTAL_STRIDE, _CELLS // 2
    base = symbols(np.full([side, side, 1], 0.5, np.float32))
    grey, latents = images(base), base.shape[-1]
    seen = np.concatenate([symbols(clip).reshape(-1, latents) for clip in clips])
    common = [np.unique(channel, return_counts=True)[1].max() / len(seen) for channel in seen.T]
    channels = np.flatnonzero(np.array(common) <= 1 - _IN_USE)
    # To a neighbouring symbol that clips have: of two levels, to the other.
    change = np.where(base[0, middle, middle] < seen.max(axis=0), 1, -1)
    found = []
    for first in range(0, len(channels), _AT_ONCE):
        some = channels[first : first + _AT_ONCE]
        changed = np.repeat(base, len(some), axis=0)
        changed[np.arange(len(some)), middle, middle, some] += change[some]
        found += [(np.sum(each**2), centroid(each)) for each in images(changed) - grey]
    energy, centre = np.mean(found, axis=0).tolist() if found else (None, None)
    return {"in_use": len(channels), "channels": latents, "energy": energy, "centroid": centre}


def blocks(result: dict[str, Any]) -> list[Block]:
    """The section of the report."""
    models = {
        f"{bottleneck}, {TITLES[loss]}": result["models"][bottleneck][loss]
        for bottleneck in BOTTLENECKS
        for loss in LOSSES
    }
    levels = [number(result["inputs"][name]["level_deviation"]) for name in _INPUTS]
    contrasts = [number(result["inputs"][name]["contrast_deviation"]) for name in _INPUTS]
    return [
        Paragraph(
            f"What is new in natural audio to a model that has seen uniform noise alone? Levels that vary: "
            f"the means of squares of 16 × 16 pixels have a standard deviation of {levels[1]} in clips and "
            f"of {levels[0]} in noise; their contrast, the standard deviation within a square, has one of "
            f"{contrasts[1]} in clips and of {contrasts[0]} in noise. "
            f"The hypothesis: MSE has no reason to teach what noise lacks, and fails by it. So the error on "
            f"clips in three parts, which sum to it: wrong levels of squares, wrong contrast, and wrong "
            f"structure within them."
        ),
        Table(
            ["model", "MSE", *_PARTS, "calibrated", "levels", "contrasts"],
            [
                [
                    title,
                    number(row["error"]["mse"]),
                    *(number(row["error"]["parts"][part]) for part in _PARTS),
                    number(row["error"]["calibrated"]),
                    _line(row["error"]["level_line"]),
                    _line(row["error"]["contrast_line"]),
                ]
                for title, row in models.items()
            ],
            f"Errors on {result['clips']} clips, seed 0; calibrated: the MSE left after the slope and offset "
            f"for all pixels that suit best; levels, contrasts: how those of squares come out",
        ),
        *(Paragraph(_verdict(bottleneck, result["models"][bottleneck])) for bottleneck in BOTTLENECKS),
        Paragraph(_slow(result)),
        *(
            Picture(
                result["charts"][bottleneck],
                f"What is kept of waves in noise and in clips, {BOTTLENECK_TITLES[bottleneck]}: 1 is all",
            )
            for bottleneck in BOTTLENECKS
        ),
        Table(
            ["model and what it codes", *(f"to 1/{1 / edge:.0f}" for edge in EDGES), "above"],
            [
                [f"{title}: {name}", *(number(value, 2) for value in row["gain"][name])]
                for name in _INPUTS
                for title, row in models.items()
            ],
            "The same in figures: gain by bands of spatial frequency, cycles per pixel",
        ),
        Table(
            ["model", "channels in use", "energy", "centroid, cycles per pixel"],
            [
                [
                    title,
                    f"{row['response']['in_use']} of {row['response']['channels']}",
                    number(row["response"]["energy"]),
                    number(row["response"]["centroid"]),
                ]
                for title, row in models.items()
            ],
            "What one symbol changes in mid-grey, mean over the channels that clips use: squared change "
            "summed over pixels, and its mean spatial frequency",
        ),
    ]


def _line(values: Sequence[float]) -> str:
    slope, offset = values
    return f"{number(slope, 2)} x {'-' if offset < 0 else '+'} {number(abs(offset), 2)}"


def _verdict(bottleneck: str, rows: dict[str, Any]) -> str:
    base, said = rows["mse"]["error"], []
    for loss in LOSSES[1:]:
        mine = rows[loss]["error"]
        gap = base["mse"] - mine["mse"]
        if gap < _LEAST_GAP * base["mse"]:
            said.append(f"{TITLES[loss]} is no better than MSE by a hundredth: there is nothing to explain")
            continue
        shares = {part: (base["parts"][part] - mine["parts"][part]) / gap for part in _PARTS}
        listed = ", ".join(f"{part} {100 * share:.0f} %" for part, share in shares.items())
        holds = shares["level"] + shares["contrast"] > 0.5
        closed = (base["mse"] - base["calibrated"]) / gap
        said.append(
            f"of what {TITLES[loss]} gains over MSE, {listed}, which "
            f"{'agrees' if holds else 'does not agree'} with the hypothesis; one slope and offset for all "
            f"pixels bring the MSE-trained model {100 * closed:.0f} % of that gain, and calibrated alike "
            f"{TITLES[loss]} has {number(mine['calibrated'] / base['calibrated'])} of its error"
        )
    title = BOTTLENECK_TITLES[bottleneck]
    return f"{title[0].upper()}{title[1:]}: {'; '.join(said)}."


def _slow(result: dict[str, Any]) -> str:
    """What models keep of waves that are longer than a latent cell, in noise and in clips."""
    bands = sum(edge <= 1 / TOTAL_STRIDE for edge in EDGES)
    energy = {name: result["inputs"][name]["energy"][:bands] for name in _INPUTS}
    shares = [f"{100 * sum(energy[name]):.1f} % of the energy of {name}" for name in _INPUTS]
    kept = []
    for bottleneck in BOTTLENECKS:
        for loss in LOSSES:
            gain = result["models"][bottleneck][loss]["gain"]
            means = [np.average(gain[name][:bands], weights=energy[name]) for name in _INPUTS]
            kept.append(f"{bottleneck}, {TITLES[loss]}: {' and '.join(number(mean, 2) for mean in means)}")
    return (
        f"Waves longer than a latent cell have {' and '.join(shares)}. What models keep of them in noise and "
        f"in clips, 1 being all: {'; '.join(kept)}."
    )
