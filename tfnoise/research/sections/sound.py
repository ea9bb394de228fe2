"""Sound: whether perceptual losses leave fewer artefacts in what is heard, as far as scores can tell."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfnoise.audio import FrontEnd, magnitude_spectrogram
from tfnoise.evaluation import (
    bootstrap_paired,
    code_image,
    resynthesised,
    sound_scores,
    spread,
)
from tfnoise.research.blocks import Block, Paragraph, Table, number
from tfnoise.research.experiment import Experiment, main_recipes
from tfnoise.research.recipes import BOTTLENECKS, LOSSES, Recipe
from tfnoise.research.sections.paper import BOTTLENECK_TITLES, TITLES

TITLE = "Sound"
MOST_CLIPS = 24
SCORES = {
    "log_spectral_distance_db": "log-spectral distance, dB",
    "spectral_convergence": "spectral convergence",
    "mel_mse": "mel MSE",
    "added_db": "added, dB",
    "missing_db": "missing, dB",
}
"""Titles of scores; of all less is better."""

_RANGE_DB = 80.0


def added_and_missing_db(
    reference: np.ndarray, waveform: np.ndarray, front_end: FrontEnd
) -> tuple[float, float]:
    """How much too loud and how much too quiet a sound is, in the mean over all bins and frames.

    What is added between partials and after the end of notes is what is called an artefact; what is missing
    makes a sound dull. Their sum is the mean absolute difference of levels.

    Args:
      reference, waveform: floats `[samples]`, alike in length.
      front_end: n_fft, hop and centre count.

    Returns:
      Two means in dB, 0 or more. Levels more than 80 dB below the reference's peak count as 80 dB below.
    """
    magnitudes = [magnitude_spectrogram(sound, front_end).numpy() for sound in (reference, waveform)]
    floor = max(magnitudes[0].max() * 10 ** (-_RANGE_DB / 20), np.finfo(np.float32).tiny)
    before, after = (20 * np.log10(np.maximum(magnitude, floor)) for magnitude in magnitudes)
    return float(np.mean(np.maximum(after - before, 0))), float(np.mean(np.maximum(before - after, 0)))


def recipes(experiment: Experiment) -> list[Recipe]:
    """The main table's, of the first seed."""
    return main_recipes(1, BOTTLENECKS)


def measure(experiment: Experiment) -> dict[str, Any]:
    """Scores of some clips' sounds by model, and ratios to the MSE-trained model's over the same clips."""
    clips = [experiment.images[place] for place in spread(len(experiment.images), MOST_CLIPS)]

    def scores(images: list[np.ndarray]) -> dict[str, np.ndarray]:
        rows = []
        for clip, image in zip(clips, images):
            sound = resynthesised(image, clip, experiment.front_end)
            added, missing = added_and_missing_db(clip.waveform, sound, experiment.front_end)
            rows.append(
                {
                    **sound_scores(clip.waveform, sound, experiment.front_end),
                    "added_db": added,
                    "missing_db": missing,
                }
            )
        return {name: np.array([row[name] for row in rows]) for name in SCORES}

    experiment.log(f"resynthesising {len(clips)} clips, front end alone")
    alone = scores([clip.image for clip in clips])
    values: dict[str, dict[str, dict[str, np.ndarray]]] = {}
    for recipe in recipes(experiment):
        experiment.log(f"resynthesising {len(clips)} clips, {recipe.name}")
        model = experiment.model(recipe)
        images = [code_image(model.module.code, clip.image, model.bpp)["reconstruction"] for clip in clips]
        values.setdefault(recipe.flags["bottleneck"], {})[recipe.flags["loss"]] = scores(images)
    return {
        "clips": len(clips),
        "of": len(experiment.images),
        "front_end": {name: float(found.mean()) for name, found in alone.items()},
        "models": {
            bottleneck: {loss: _row(found, by_loss["mse"]) for loss, found in by_loss.items()}
            for bottleneck, by_loss in values.items()
        },
    }


def _row(found: dict[str, np.ndarray], base: dict[str, np.ndarray]) -> dict[str, Any]:
    """Of each score the mean, the ratio to the MSE-trained model's with its interval, and clips won."""
    return {
        name: {
            "mean": float(values.mean()),
            **dict(zip(("ratio", "low", "high"), bootstrap_paired(values, base[name], "ratio"))),
            "below": int(np.sum(values < base[name])),
        }
        for name, values in found.items()
    }


def blocks(result: dict[str, Any]) -> list[Block]:
    """The section of the report."""
    clips = result["clips"]
    found: list[Block] = [
        Paragraph(
            f"The paper says that what perceptual losses teach sounds more natural, with fewer artefacts. "
            f"Nobody has listened here; these are scores of sounds, resynthesised from reconstructions and "
            f"compared with the original waveforms, of {clips} of {result['of']} clips. Added is the mean "
            f"over bins and frames of how much too loud the sound is, where artefacts are; missing, of how "
            f"much too quiet. Of all less is better. The front end alone loses its share, whatever the model."
        )
    ]
    for bottleneck in BOTTLENECKS:
        rows = result["models"][bottleneck]
        found.append(
            Table(
                ["trained with", *SCORES.values()],
                [
                    ["front end alone", *(number(result["front_end"][name]) for name in SCORES)],
                    *(
                        [TITLES[loss], *(number(rows[loss][name]["mean"]) for name in SCORES)]
                        for loss in LOSSES
                    ),
                    *(
                        [f"{TITLES[loss]} / MSE", *(_interval(rows[loss][name]) for name in SCORES)]
                        for loss in LOSSES[1:]
                    ),
                ],
                f"Sounds, {BOTTLENECK_TITLES[bottleneck]}, seed 0; the last rows: ratios of means with 95 % "
                f"bootstrap intervals over clips",
            )
        )
        found += [Paragraph(_verdict(bottleneck, loss, rows[loss], clips)) for loss in LOSSES[1:]]
    return found


def _interval(score: dict[str, Any]) -> str:
    return f"{number(score['ratio'])} ({number(score['low'])} to {number(score['high'])})"


def _verdict(bottleneck: str, loss: str, row: dict[str, Any], clips: int) -> str:
    names = {name: title.removesuffix(", dB") for name, title in SCORES.items()}
    better = [names[name] for name in SCORES if row[name]["high"] < 1]
    worse = [names[name] for name in SCORES if row[name]["low"] > 1]
    title, added = BOTTLENECK_TITLES[bottleneck], row["added_db"]
    artefacts = "no sure difference in artefacts by this measure"
    if added["low"] > 1:
        artefacts = "more artefacts by this measure, against what the paper says"
    elif added["high"] < 1 and row["missing_db"]["low"] > 1:
        artefacts = "fewer artefacts, but a sound that lacks more: it may be no more than quieter"
    elif added["high"] < 1:
        artefacts = "fewer artefacts by this measure, as the paper says"
    return (
        f"{title[0].upper()}{title[1:]}, {TITLES[loss]} against MSE: surely better by "
        f"{', '.join(better) or 'none'}; surely worse by {', '.join(worse) or 'none'}. It adds "
        f"{number(added['ratio'])} of what the MSE-trained model adds, less in {added['below']} of {clips} "
        f"clips: {artefacts}."
    )
