"""Ablation: what perceptual losses teach a model of noise that MSE does not.

Three measurements: what single symbols draw; how much of each spatial frequency is kept; and how the error
divides into wrong levels, wrong contrast and wrong structure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfnoise.data import noise_images
from tfnoise.layers import TOTAL_STRIDE
from tfnoise.research.experiment import BOTTLENECKS, LOSSES, TITLES, Experiment, Section, main_recipes
from tfnoise.research.image_statistics import EDGES, cells, centroid, error, transfer
from tfnoise.research.report import Picture, Table, line_chart, number, numbers

_PARTS = ("level", "contrast", "structure")
_INPUTS = ("noise", "clips")
_SEED, _NOISE_IMAGES = 20_231_207, 16
_MOST_CLIPS, _MOST_FRAMES = 40, 256
_CELLS, _AT_ONCE = 8, 16
_IN_USE = 0.01


def measure(experiment: Experiment) -> dict[str, Any]:
    """Parts of the error, transfer and responses to symbols of each model; charts of the transfer."""
    mels = experiment.front_end.mels
    noise = next(iter(noise_images(mels, _MOST_FRAMES, _NOISE_IMAGES, seed=_SEED))).numpy()
    clips = [clip.image[:, :_MOST_FRAMES] for clip in experiment.evenly_spaced(_MOST_CLIPS)]
    inputs = {"noise": noise, "clips": clips}
    of_inputs: dict[str, Any] = {}
    for name, images in inputs.items():
        level_deviation = float(cells(images).mean(axis=1).std())
        contrast_deviation = float(cells(images).std(axis=1).std())
        of_inputs[name] = {"level_deviation": level_deviation, "contrast_deviation": contrast_deviation}
    models: dict[str, Any] = {}
    for recipe in main_recipes():
        experiment.log(f"looking into {recipe.name}")
        gain = {}
        for name, images in inputs.items():
            coded = [experiment.code(recipe, image) for image in images]
            decoded = [one["reconstruction"] for one in coded]
            pairs = ((a[..., 0], b[..., 0]) for a, b in zip(images, decoded))
            gain[name], of_inputs[name]["energy"] = transfer(pairs)
        # The last of the inputs are the clips.
        index = int(np.median([one["step_index"] for one in coded]))
        models.setdefault(recipe.flags["bottleneck"], {})[recipe.flags["loss"]] = {
            "error": error(cells(clips), cells(decoded)),
            "gain": gain,
            "response": responses(experiment.model(recipe).module, index, clips),
        }
    charts = {bottleneck: _chart(experiment, bottleneck, rows) for bottleneck, rows in models.items()}
    return {"clips": len(clips), "inputs": of_inputs, "models": models, "charts": charts}


def _chart(experiment: Experiment, bottleneck: str, rows: dict[str, Any]) -> str:
    centres = [edge / math.sqrt(2) for edge in EDGES] + [EDGES[-1] * math.sqrt(2)]
    curves = {
        f"{TITLES[loss]}, {name}": list(zip(centres, rows[loss]["gain"][name]))
        for name in _INPUTS
        for loss in LOSSES
    }
    chart = line_chart(curves, "spatial frequency [cycles per pixel]", "gain", log_x=True)
    return experiment.save_figure(chart, f"transfer_{bottleneck}")


def responses(module: Any, index: int, clips: Sequence[np.ndarray]) -> dict[str, Any]:
    """What one symbol changes in an image of 0.5 everywhere, in the mean over the channels in use.

    Args:
      module: a model's functions.
      index: of the quantization step.
      clips: images `[mels, frames, 1]` that show which channels are in use: 1 % or more of their symbols
        differ from the most frequent.

    Returns:
      "in_use", "channels": numbers of channels; "energy": squared change summed over pixels, and its
      "centroid", cycles per pixel: None where no channel is in use.
    """

    def symbols(image: np.ndarray) -> np.ndarray:
        return module.symbols(module.analyse(image[None]), np.array([index], np.int32)).numpy()

    def decode(batch: np.ndarray) -> np.ndarray:
        indices = np.full(len(batch), index, np.int32)
        return module.synthesise(module.dequantize(batch, indices)).numpy()[..., 0].astype(np.float64)

    side, middle = _CELLS * TOTAL_STRIDE, _CELLS // 2
    base = symbols(np.full([side, side, 1], 0.5, np.float32))
    unchanged, latents = decode(base), base.shape[-1]
    of_clips = np.concatenate([symbols(clip).reshape(-1, latents) for clip in clips])
    common = [np.unique(channel, return_counts=True)[1].max() / len(of_clips) for channel in of_clips.T]
    channels = np.flatnonzero(np.array(common) <= 1 - _IN_USE)
    # To a neighbouring symbol that clips have: of two levels, to the other.
    change = np.where(base[0, middle, middle] < of_clips.max(axis=0), 1, -1)
    measured = []
    for first in range(0, len(channels), _AT_ONCE):
        some = channels[first : first + _AT_ONCE]
        changed = np.repeat(base, len(some), axis=0)
        changed[np.arange(len(some)), middle, middle, some] += change[some]
        measured += [(np.sum(each**2), centroid(each)) for each in decode(changed) - unchanged]
    energy, centre = np.mean(measured, axis=0).tolist() if measured else (None, None)
    return {"in_use": len(channels), "channels": latents, "energy": energy, "centroid": centre}


def tables(result: dict[str, Any]) -> list[Table]:
    """What is coded; the error in parts; gain by band; responses to symbols."""
    inputs = result["inputs"]
    deviations = ("level_deviation", "contrast_deviation")
    errors, responses, gains = [], [], []
    for bottleneck in BOTTLENECKS:
        for loss in LOSSES:
            title, model = f"{bottleneck}, {TITLES[loss]}", result["models"][bottleneck][loss]
            error, response = model["error"], model["response"]
            lines = [_line(error[name]) for name in ("level_line", "contrast_line")]
            parts = numbers({**error, **error["parts"]}, ("mse", *_PARTS, "calibrated"))
            errors.append([title, *parts, *lines])
            in_use = f"{response['in_use']} of {response['channels']}"
            responses.append([title, in_use, *numbers(response, ("energy", "centroid"))])
            gains += [[f"{title}: {name}", *map(number, model["gain"][name])] for name in _INPUTS]
    energies = [[f"energy of {name}", *map(number, inputs[name]["energy"])] for name in _INPUTS]
    bands = [*(f"to 1/{1 / edge:.0f}" for edge in EDGES), "above"]
    return [
        Table(
            ["input", "levels", "contrasts"],
            [[name, *numbers(inputs[name], deviations)] for name in _INPUTS],
            "Uniform noise and clips: standard deviations over squares of 16 × 16 pixels of their means "
            "(levels) and of their standard deviations (contrasts)",
        ),
        Table(
            ["model", "MSE", *_PARTS, "calibrated", "levels", "contrasts"],
            errors,
            f"Errors on {result['clips']} clips, seed 0, in three parts that sum to the MSE; calibrated: the "
            "MSE after the slope and offset for all pixels that fit best; levels, contrasts: how those of "
            "squares come out",
        ),
        Table(
            ["model and what it codes", *bands],
            energies + gains,
            "Gain by bands of spatial frequency, cycles per pixel: 1 where all is kept; first, the share of "
            "the input's energy in each band",
        ),
        Table(
            ["model", "channels in use", "energy", "centroid, cycles per pixel"],
            responses,
            "What one symbol changes in an image of 0.5, mean over the channels that clips use: squared "
            "change summed over pixels, and its mean spatial frequency",
        ),
    ]


def figures(result: dict[str, Any]) -> list[Picture]:
    """Curves of the gain."""
    return [
        Picture(path, f"Gain by spatial frequency in noise and in clips, {BOTTLENECKS[bottleneck]}: 1 is all")
        for bottleneck, path in result["charts"].items()
    ]


ABLATION = Section("ablation", "Ablation: what perceptual losses change", measure, tables, figures)


def _line(values: Sequence[float]) -> str:
    slope, offset = values
    return f"{number(slope, 2)} x {'-' if offset < 0 else '+'} {number(abs(offset), 2)}"
