"""Generation: what models decode of latents that are drawn from the statistics of symbols.

Each channel draws by itself, with the frequencies that its symbols have in clips (or in noise); what symbols
have to do with their neighbours is not modelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfnoise.audio import image_to_recording
from tfnoise.data import noise_images
from tfnoise.evaluation import Panel, clip_figure, evenly_spaced_indices
from tfnoise.layers import TOTAL_STRIDE
from tfnoise.research.experiment import BOTTLENECKS, LOSSES, TITLES, Experiment, Section, main_recipes
from tfnoise.research.image_statistics import (
    Histogram,
    bits_per_pixel,
    distances,
    draw,
    histograms,
    statistics,
)
from tfnoise.research.report import Picture, Sounds, Table, number, numbers

MEASURES = {
    "level_db": "levels, dB",
    "values": "pixel values",
    "along_time_db": "along time, dB",
    "along_frequency_db": "along frequency, dB",
}
SOURCES = {"coded": "first clips, coded", "clips": "drawn as in clips", "noise": "drawn as in noise"}

_SEED = 20_231_206
_DRAWN, _AT_ONCE = 32, 8
_MOST_CLIPS, _MOST_FRAMES = 40, 256


def measure(experiment: Experiment) -> dict[str, Any]:
    """Distances to clips that had no part in the statistics, a picture, a sound of each model."""
    front_end, tested = experiment.front_end, experiment.tested
    widths = np.array([clip.image.shape[1] for clip in experiment.images])
    frames = int(min(_MOST_FRAMES, widths[tested].max(), widths[~tested].max()))

    def cut(half: np.ndarray) -> np.ndarray:
        indices = np.flatnonzero(half & (widths >= frames))
        indices = indices[evenly_spaced_indices(len(indices), _MOST_CLIPS)]
        return np.stack([experiment.images[index].image[:, :frames] for index in indices])

    first, others = cut(~tested), cut(tested)
    noise = next(iter(noise_images(front_end.mels, frames, _DRAWN, seed=_SEED))).numpy()
    target = statistics(others[..., 0])
    level_db = float(np.median([clip.reference_db for clip in experiment.images]))

    def row(images: np.ndarray) -> dict[str, float]:
        of_images = statistics(images[..., 0])
        return {**distances(of_images, target, front_end.top_db), "lasting": of_images["lasting"]}

    images = [(others[0], "a clip", ""), (others[-1], "another clip", ""), (noise[0], "uniform noise", "")]
    panels = [Panel(image, front_end, *text) for image, *text in images]
    models: dict[str, Any] = {}
    sounds = []
    for recipe in main_recipes():
        loss, bottleneck = recipe.flags["loss"], recipe.flags["bottleneck"]
        experiment.log(f"drawing latents for {recipe.name}")
        module = experiment.model(recipe).module
        rows = models.setdefault(bottleneck, {})[loss] = {}
        for source, originals in {"clips": first, "noise": noise}.items():
            coded = [experiment.code(recipe, image) for image in originals]
            # One step for all, so that a symbol always means the same.
            index = int(np.median([one["step_index"] for one in coded]))
            step = np.array([index], np.int32)
            symbols = [module.symbols(module.analyse(image[None]), step) for image in originals]
            frequencies = histograms(np.concatenate(symbols))
            decoded = _decode_draws(module, frequencies, index, originals.shape[1:3])
            rows[source] = {**row(decoded), "bpp": bits_per_pixel(frequencies)}
            if source == "clips":
                rows["coded"] = row(np.stack([one["reconstruction"] for one in coded]))
                details = f"drawn, {rows[source]['bpp']:.2f} bits per pixel"
                panels.append(Panel(decoded[0], front_end, f"{bottleneck}, {TITLES[loss]}", details))
                sound = image_to_recording(decoded[0], level_db, front_end)
                path = experiment.save_sound(sound, f"generated_{recipe.name}")
                sounds.append([f"{BOTTLENECKS[bottleneck]}, trained with {TITLES[loss]}", path])
    figure = clip_figure(panels, "Clips, noise, and latents drawn as in clips")
    return {
        "images": _DRAWN,
        "frames": frames,
        "clips_first": len(first),
        "clips_other": len(others),
        "lasting": target["lasting"],
        "floor": row(first),
        "uniform": row(noise),
        "models": models,
        "picture": experiment.save_figure(figure, "generation"),
        "sounds": sounds,
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Distances by training loss and source of the symbols, for each bottleneck."""
    shown = []
    caption = (
        f"seed 0: distances of {result['images']} spectrograms of {result['frames']} frames to "
        f"{result['clips_other']} clips; each channel's symbols are drawn independently, as frequent as in "
        f"{result['clips_first']} other clips or in uniform noise; levels of bands and power spectra: root "
        "mean square differences; pixel values: Wasserstein-1 distance; 16 frames on: correlation of a "
        f"band's level with that one latent cell later, in the clips {number(result['lasting'], 2)}"
    )
    for bottleneck, title in BOTTLENECKS.items():
        rows = {"first clips": result["floor"], "uniform noise": result["uniform"]}
        for loss in LOSSES:
            by_source = result["models"][bottleneck][loss]
            rows.update({f"{TITLES[loss]}: {name}": by_source[source] for source, name in SOURCES.items()})
        cells = [
            [name, *numbers(row, tuple(MEASURES)), number(row["lasting"], 2)] for name, row in rows.items()
        ]
        header = ["spectrograms", *MEASURES.values(), "16 frames on"]
        shown.append(Table(header, cells, f"{title}, {caption}"))
    return shown


def figures(result: dict[str, Any]) -> list[Picture | Sounds]:
    """Spectrograms and sounds of drawn latents."""
    return [
        Picture(result["picture"], "Decoded from drawn latents, beside clips and noise; seed 0"),
        Sounds(result["sounds"], "Decoded from drawn latents, phase by Griffin-Lim"),
    ]


GENERATION = Section("generation", "Generation: decoding symbols that nobody coded", measure, tables, figures)


def _decode_draws(
    module: Any, frequencies: Sequence[Histogram], index: int, size: Sequence[int]
) -> np.ndarray:
    """Images `[_DRAWN, *size, 1]` of drawn latents; the same for the same statistics."""
    generator = np.random.default_rng(_SEED)
    shape = [_AT_ONCE, *(side // TOTAL_STRIDE for side in size)]
    step = np.full(_AT_ONCE, index, np.int32)
    return np.concatenate(
        [
            module.synthesise(module.dequantize(draw(frequencies, shape, generator), step))
            for _ in range(0, _DRAWN, _AT_ONCE)
        ]
    )
