"""Sound: whether perceptual losses leave fewer artefacts in sound, by objective scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfnoise.audio import FrontEnd, magnitude_spectrogram
from tfnoise.evaluation import bootstrap_paired, resynthesised, sound_scores
from tfnoise.research.experiment import BOTTLENECKS, LOSSES, TITLES, Experiment, Section, main_recipes
from tfnoise.research.report import Table, number, numbers, ratio_cell

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


def measure(experiment: Experiment) -> dict[str, Any]:
    """Scores of some clips' sounds by model, and ratios to the MSE-trained model's over the same clips."""
    clips, front_end = experiment.evenly_spaced(MOST_CLIPS), experiment.front_end

    def scores(images: list[np.ndarray]) -> dict[str, np.ndarray]:
        rows = []
        for clip, image in zip(clips, images):
            assert clip.waveform is not None
            sound = resynthesised(image, clip, front_end)
            added, missing = added_and_missing_db(clip.waveform, sound, front_end)
            row = sound_scores(clip.waveform, sound, front_end)
            rows.append({**row, "added_db": added, "missing_db": missing})
        return {name: np.array([row[name] for row in rows]) for name in SCORES}

    experiment.log(f"resynthesising {len(clips)} clips, front end alone")
    alone = scores([clip.image for clip in clips])
    values: dict[str, dict[str, dict[str, np.ndarray]]] = {}
    for recipe in main_recipes():
        experiment.log(f"resynthesising {len(clips)} clips, {recipe.name}")
        images = [experiment.code(recipe, clip.image)["reconstruction"] for clip in clips]
        values.setdefault(recipe.flags["bottleneck"], {})[recipe.flags["loss"]] = scores(images)
    return {
        "clips": len(clips),
        "of": len(experiment.images),
        "front_end": {name: float(of_clips.mean()) for name, of_clips in alone.items()},
        "models": {
            bottleneck: {loss: _row(of_loss, by_loss["mse"]) for loss, of_loss in by_loss.items()}
            for bottleneck, by_loss in values.items()
        },
    }


def _row(scores: dict[str, np.ndarray], base: dict[str, np.ndarray]) -> dict[str, Any]:
    """Of each score the mean, the ratio to the MSE-trained model's with its interval, and clips won."""
    return {
        name: {
            "mean": float(values.mean()),
            **dict(zip(("ratio", "low", "high"), bootstrap_paired(values, base[name], "ratio"))),
            "below": int(np.sum(values < base[name])),
        }
        for name, values in scores.items()
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Means and ratios by training loss, for each bottleneck."""
    shown = []
    for bottleneck, title in BOTTLENECKS.items():
        by_loss = result["models"][bottleneck]
        rows = [["front end alone", *numbers(result["front_end"], tuple(SCORES))]]
        for loss in LOSSES:
            rows.append([TITLES[loss], *(number(by_loss[loss][name]["mean"]) for name in SCORES)])
        for loss in LOSSES[1:]:
            scores = [by_loss[loss][name] for name in SCORES]
            ratios = [f"{ratio_cell(row)}, {row['below']} clips" for row in scores]
            rows.append([f"{TITLES[loss]} / MSE", *ratios])
        caption = (
            f"{title}, seed 0: sounds resynthesised from reconstructions of {result['clips']} of "
            f"{result['of']} clips, compared with the original waveforms; added, missing: how much too loud, "
            "too quiet, mean over bins and frames; of all less is better; last rows: ratios of means with "
            "95 % intervals over clips, and the number of clips below the MSE-trained model's score"
        )
        shown.append(Table(["trained with", *SCORES.values()], rows, caption))
    return shown


SOUND = Section("sound", "Sound", measure, tables)
