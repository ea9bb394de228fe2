"""Generation: what models decode of latents that are drawn from the statistics of symbols, seen and heard.

Each channel draws by itself, with the frequencies that its symbols have in clips (or in noise); what symbols
have to do with their neighbours is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tfnoise.audio import image_to_recording
from tfnoise.data import noise_images
from tfnoise.evaluation import Panel, clip_figure, code_image, save_figure, spread
from tfnoise.layers import TOTAL_STRIDE
from tfnoise.research.blocks import Block, Paragraph, Picture, Sounds, Table, number
from tfnoise.research.experiment import Experiment, main_recipes
from tfnoise.research.recipes import BOTTLENECKS, LOSSES, Recipe
from tfnoise.research.sections.paper import BOTTLENECK_TITLES, TITLES
from tfnoise.research.sounds import write_flac

TITLE = "Generation: decoding symbols that nobody coded"
MEASURES = {
    "level_db": "levels, dB",
    "values": "grey values",
    "along_time_db": "along time, dB",
    "along_frequency_db": "along frequency, dB",
}
SOURCES = {"coded": "first clips, coded", "clips": "drawn as in clips", "noise": "drawn as in noise"}

_SEED = 20_231_206
_DRAWN, _AT_ONCE = 32, 8
_MOST_CLIPS, _MOST_FRAMES = 40, 256
_BINS = 1024
_SMALLEST_POWER = 1e-12
_PICTURE = "figures/generation.png"

Histogram = tuple[np.ndarray, np.ndarray]
"""The symbols of a channel, ascending, and how frequent each is; both `[symbols]`."""


class Statistics(NamedTuple):
    """What images `[images, mels, frames]` have in common, whatever is where in them.

    Attributes:
      levels: mean of each band, `[mels]`, of values in [0, 1].
      values: shares of pixels in equal parts of [0, 1].
      along_time_db, along_frequency_db: mean power spectra along these axes, dB, without the mean itself.
      lasting: correlation of a band's values with those a latent cell (16 frames) later, from -1 to 1;
        what all images have at that place, as a decoder's own pattern, and a band's mean do not count.
    """

    levels: np.ndarray
    values: np.ndarray
    along_time_db: np.ndarray
    along_frequency_db: np.ndarray
    lasting: float


def statistics(images: np.ndarray) -> Statistics:
    """The statistics of images `[images, mels, frames]` in [0, 1]."""
    images = np.asarray(images, np.float64)
    apart = images - images.mean(axis=0)
    apart -= apart.mean(axis=2, keepdims=True)
    before, after = apart[..., :-TOTAL_STRIDE], apart[..., TOTAL_STRIDE:]
    size = np.sqrt(np.sum(before**2) * np.sum(after**2))
    return Statistics(
        levels=images.mean(axis=(0, 2)),
        values=np.histogram(images, _BINS, (0.0, 1.0))[0] / images.size,
        along_time_db=_spectrum_db(images),
        along_frequency_db=_spectrum_db(images.swapaxes(1, 2)),
        lasting=float(np.sum(before * after) / size) if size else 0.0,
    )


def _spectrum_db(images: np.ndarray) -> np.ndarray:
    apart = images - images.mean(axis=2, keepdims=True)
    power = np.abs(np.fft.rfft(apart * np.hanning(images.shape[2]))) ** 2
    return 10 * np.log10(power.mean(axis=(0, 1))[1:] + _SMALLEST_POWER)


def distances(a: Statistics, b: Statistics, top_db: float) -> dict[str, float]:
    """How far two sets of images of one size are apart, by the names of `MEASURES`; less is nearer.

    Args:
      a, b: of the sets.
      top_db: decibels between an image's 0 and 1.

    Returns:
      Root mean square differences in dB; of the grey values the Wasserstein-1 distance, 0 to 1.
    """

    def rms(difference: np.ndarray) -> float:
        return float(np.sqrt(np.mean(np.square(difference))))

    return {
        "level_db": rms(a.levels - b.levels) * top_db,
        # In one dimension it is the area between the cumulative distributions.
        "values": float(np.mean(np.abs(np.cumsum(a.values - b.values)))),
        "along_time_db": rms(a.along_time_db - b.along_time_db),
        "along_frequency_db": rms(a.along_frequency_db - b.along_frequency_db),
    }


def histograms(symbols: np.ndarray) -> list[Histogram]:
    """How frequent each channel's symbols are; of integers `[..., channels]`."""
    found = []
    for channel in symbols.reshape(-1, symbols.shape[-1]).T:
        values, counts = np.unique(channel, return_counts=True)
        found.append((values, counts / counts.sum()))
    return found


def draw(found: Sequence[Histogram], shape: Sequence[int], generator: np.random.Generator) -> np.ndarray:
    """Independent symbols of these frequencies: int32 `[*shape, channels]`."""
    drawn = [generator.choice(values, shape, p=shares) for values, shares in found]
    return np.stack(drawn, axis=-1).astype(np.int32)


def bits_per_pixel(found: Sequence[Histogram]) -> float:
    """The entropy of independent symbols of these frequencies, bits per pixel."""
    return sum(float(-np.sum(shares * np.log2(shares))) for _, shares in found) / TOTAL_STRIDE**2


def recipes(experiment: Experiment) -> list[Recipe]:
    """The main table's, of the first seed."""
    return main_recipes(1, BOTTLENECKS)


def measure(experiment: Experiment) -> dict[str, Any]:
    """Distances to clips that had no part in the statistics, a picture, a sound of each model."""
    front_end, tested = experiment.front_end, experiment.tested
    widths = np.array([clip.image.shape[1] for clip in experiment.images])
    frames = int(min(_MOST_FRAMES, widths[tested].max(), widths[~tested].max()))

    def cut(half: np.ndarray) -> np.ndarray:
        places = np.flatnonzero(half & (widths >= frames))[
            spread(int(np.sum(half & (widths >= frames))), _MOST_CLIPS)
        ]
        return np.stack([experiment.images[place].image[:, :frames] for place in places])

    first, others = cut(~tested), cut(tested)
    noise = next(iter(noise_images(front_end.mels, frames, _DRAWN, seed=_SEED))).numpy()
    target = statistics(others[..., 0])

    def row(images: np.ndarray) -> dict[str, float]:
        found = statistics(images[..., 0])
        return {**distances(found, target, front_end.top_db), "lasting": found.lasting}

    shown = [(others[0], "a clip", ""), (others[-1], "another clip", ""), (noise[0], "uniform noise", "")]
    models: dict[str, Any] = {}
    sounds = []
    for recipe in recipes(experiment):
        loss, bottleneck = recipe.flags["loss"], recipe.flags["bottleneck"]
        experiment.log(f"drawing latents for {recipe.name}")
        model = experiment.model(recipe)
        rows = models.setdefault(bottleneck, {})[loss] = {}
        for source, images in {"clips": first, "noise": noise}.items():
            coded = [code_image(model.module.code, image, model.bpp) for image in images]
            # One step for all, so that a symbol always means the same.
            index = int(np.median([image["step_index"] for image in coded]))
            found = histograms(_symbols(model.module, images, index))
            drawn = _decoded(model.module, found, index, images.shape[1:3])
            rows[source] = {**row(drawn), "bpp": bits_per_pixel(found)}
            if source == "clips":
                rows["coded"] = row(np.stack([image["reconstruction"] for image in coded]))
                details = f"drawn, {rows[source]['bpp']:.2f} bits per pixel"
                shown.append((drawn[0], f"{bottleneck}, {TITLES[loss]}", details))
                path = f"audio/generated_{recipe.name}.flac"
                level_db = float(np.median([clip.reference_db for clip in experiment.images]))
                sound = image_to_recording(drawn[0], level_db, front_end)
                write_flac(sound, front_end.sample_rate_hz, experiment.folder / path)
                sounds.append([f"{BOTTLENECK_TITLES[bottleneck]}, trained with {TITLES[loss]}", path])
    panels = [Panel(image, front_end, title, details) for image, title, details in shown]
    (experiment.folder / "figures").mkdir(exist_ok=True)
    save_figure(
        clip_figure(panels, "Clips, noise, and latents drawn as in clips"), experiment.folder / _PICTURE
    )
    return {
        "images": _DRAWN,
        "frames": frames,
        "clips_first": len(first),
        "clips_other": len(others),
        "lasting": target.lasting,
        "floor": row(first),
        "uniform": row(noise),
        "models": models,
        "picture": _PICTURE,
        "sounds": sounds,
    }


def blocks(result: dict[str, Any]) -> list[Block]:
    """The section of the report."""
    found: list[Block] = [
        Paragraph(
            f"A decoder can be given latents that nothing was coded to. Here each channel's symbols are "
            f"drawn by themselves, as often as they come in {result['clips_first']} clips or in uniform "
            f"noise, and {result['images']} decoded spectrograms of {result['frames']} frames are compared "
            f"with {result['clips_other']} other clips: the mean levels of bands (root mean square "
            f"difference), the distribution of grey values (Wasserstein-1) and the power spectra along time "
            f"and along frequency (root mean square difference of decibels). Of all less is nearer to "
            f"natural audio. The last column is no distance but the correlation of a band's level with that "
            f"16 frames, one latent cell, later; in those clips it is {number(result['lasting'], 2)}."
        )
    ]
    for bottleneck in BOTTLENECKS:
        losses = result["models"][bottleneck]
        rows = {"first clips": result["floor"], "uniform noise": result["uniform"]}
        for loss in LOSSES:
            rows.update({f"{TITLES[loss]}: {title}": losses[loss][name] for name, title in SOURCES.items()})
        found += [
            Table(
                ["spectrograms", *MEASURES.values(), "16 frames on"],
                [
                    [title, *(number(row[name]) for name in MEASURES), number(row["lasting"], 2)]
                    for title, row in rows.items()
                ],
                f"{BOTTLENECK_TITLES[bottleneck]}, seed 0: distances to clips that no symbol was counted of",
            ),
            Paragraph(_verdict({loss: losses[loss]["clips"] for loss in LOSSES}, result)),
        ]
    return [
        *found,
        Picture(result["picture"], "Decoded from drawn latents, beside clips and noise; seed 0"),
        Sounds(
            [(title, path) for title, path in result["sounds"]],
            "Decoded from drawn latents, phase by Griffin and Lim; nobody has listened to them yet",
        ),
    ]


def _verdict(drawn: dict[str, Any], result: dict[str, Any]) -> str:
    """What rows by loss, drawn as in clips, have to do with clips."""
    nearest = {
        title: TITLES[min(drawn, key=lambda loss: drawn[loss][name])] for name, title in MEASURES.items()
    }
    pairs = [(row[name], name) for row in drawn.values() for name in MEASURES]
    below = sum(value < result["uniform"][name] for value, name in pairs)
    natural = sum(value <= 2 * result["floor"][name] for value, name in pairs)
    lasting = max(row["lasting"] for row in drawn.values())
    return (
        f"Drawn as in clips, {below} of {len(pairs)} distances are below those of uniform noise, and "
        f"{natural} are at most twice what other clips have. The nearest by each measure: "
        f"{', '.join(f'{title}: {loss}' for title, loss in nearest.items())}. What lies 16 frames apart "
        f"correlates by {number(lasting, 2)} at most: "
        + (
            "nothing lasts as notes and syllables do. Symbols drawn one by one cannot make them; what they "
            "can have is the texture of a cell, and the mean levels."
            if lasting < 0.5 * result["lasting"]
            else "something lasts as it does in clips, though symbols were drawn one by one."
        )
    )


def _symbols(module: Any, images: np.ndarray, index: int) -> np.ndarray:
    step = np.array([index], np.int32)
    return np.concatenate([module.symbols(module.analyse(image[None]), step) for image in images])


def _decoded(module: Any, found: Sequence[Histogram], index: int, size: Sequence[int]) -> np.ndarray:
    """Images `[_DRAWN, *size, 1]` of drawn latents; the same for the same statistics."""
    generator = np.random.default_rng(_SEED)
    shape = [_AT_ONCE, *(side // TOTAL_STRIDE for side in size)]
    step = np.full(_AT_ONCE, index, np.int32)
    return np.concatenate(
        [
            module.synthesise(module.dequantize(draw(found, shape, generator), step))
            for _ in range(0, _DRAWN, _AT_ONCE)
        ]
    )
