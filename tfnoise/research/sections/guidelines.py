"""Guidelines: which metric, how much of it, and what noise is worth before a few natural clips."""

from __future__ import annotations

from typing import Any

from tfnoise.errors import InputError
from tfnoise.evaluation import METRICS
from tfnoise.research.experiment import FEW_CLIPS, SPLIT, TITLES, Experiment, Recipe, Section, main_recipe
from tfnoise.research.report import Table, numbers

BOTTLENECK = "entropy"
WEIGHTS = (0.0, 0.02, 0.1, 0.5, 1.0)
"""Of the perceptual loss in w * perceptual + (1 - w) * MSE; 0 and 1 are of the paper's table."""

PRETRAINING = "nlpd"
_FEW = [(clips, start) for clips in FEW_CLIPS for start in ("scratch", "noise")]
_MIXTURES = [(loss, weight) for loss in ("nlpd", "ms_ssim") for weight in WEIGHTS]


def check(experiment: Experiment) -> None:
    """Checks that there are clips enough.

    Raises:
      InputError: there are not.
    """
    clips = len(experiment.split[0])
    if clips < max(FEW_CLIPS):
        raise InputError(
            f"guidelines: fine-tunes on up to {max(FEW_CLIPS)} clips and tests on as many others, but half "
            f"of this data are {clips}; use {2 * max(FEW_CLIPS)} or more, or skip this section"
        )


def trainings(experiment: Experiment) -> list[Recipe]:
    """Mixtures on uniform noise; training on few clips from scratch, and after noise."""
    return [*(_mixture(*mixture) for mixture in _MIXTURES), *(_few(*few) for few in _FEW)]


def measure(experiment: Experiment) -> dict[str, Any]:
    """Means by mixture over all clips, and by fine-tuning over the held-out half."""
    mixtures = [
        {"loss": loss, "weight": weight, **experiment.means(_mixture(loss, weight))}
        for loss, weight in _MIXTURES
    ]
    models = [(0, "noise", main_recipe(PRETRAINING, BOTTLENECK)), *((*few, _few(*few)) for few in _FEW)]
    tuned = [
        {"clips": clips, "from": start, **experiment.means(recipe, experiment.tested)}
        for clips, start, recipe in models
    ]
    return {
        "mixtures": mixtures,
        "tuned": tuned,
        "clips": len(experiment.images),
        "clips_tested": int(experiment.tested.sum()),
        "steps": experiment.steps,
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Scores by mixture, and by number of clips."""
    columns = ("bpp", *METRICS)
    return [
        Table(
            ["perceptual loss", "w", "bpp", *TITLES.values()],
            [
                [TITLES[row["loss"]], f"{row['weight']:g}", *numbers(row, columns)]
                for row in result["mixtures"]
            ],
            f"w · perceptual loss + (1 − w) · MSE on uniform noise, entropy bottleneck; {result['clips']} "
            f"natural clips, seed 0, {result['steps']:,} steps",
        ),
        Table(
            ["natural clips", "initialised from", "bpp", *TITLES.values()],
            [[str(row["clips"]), row["from"], *numbers(row, columns)] for row in result["tuned"]],
            f"trained with MSE on so many clips from scratch, or after {result['steps']:,} steps on uniform "
            f"noise with {TITLES[PRETRAINING]}; tested on {result['clips_tested']} other clips; "
            f"{result['steps']:,} steps on the clips either way",
        ),
    ]


GUIDELINES = Section(
    "guidelines", "Guidelines: mixtures, and few clips", measure, tables, trainings=trainings, check=check
)


def _mixture(loss: str, weight: float) -> Recipe:
    if weight in (0.0, 1.0):
        return main_recipe(loss if weight else "mse", BOTTLENECK)
    flags = {"loss": f"{weight:g}*{loss}+{1 - weight:g}*mse", "bottleneck": BOTTLENECK, "seed": 0}
    return Recipe(f"{BOTTLENECK}_mse_and_{weight:g}_{loss}_0", flags)


def _few(clips: int, start: str) -> Recipe:
    """A training with MSE on few clips, from "scratch" or from a model of "noise"."""
    name = f"{BOTTLENECK}_mse_natural{clips}{'_after_noise' if start == 'noise' else ''}_0"
    flags = {"loss": "mse", "bottleneck": BOTTLENECK, "seed": 0}
    weights = main_recipe(PRETRAINING, BOTTLENECK).name if start == "noise" else None
    return Recipe(name, flags, weights, f"{SPLIT}_{clips}")
