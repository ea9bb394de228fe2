"""Practice: which metric, how much of it, and what noise is worth before a few natural clips."""

from __future__ import annotations

from typing import Any

from tfnoise.errors import InputError
from tfnoise.evaluation import METRICS
from tfnoise.research.blocks import Block, Paragraph, Table, number
from tfnoise.research.experiment import Experiment
from tfnoise.research.recipes import FEW_CLIPS, SPLIT, Recipe, main_recipe
from tfnoise.research.sections.paper import TITLES

TITLE = "Practice: mixtures, and fine-tuning on a few clips"
BOTTLENECK = "entropy"
WEIGHTS = (0.02, 0.1, 0.5)
"""Of the perceptual loss in w * perceptual + (1 - w) * MSE, beside 0 and 1 of the paper's table."""

PRETRAINING = "nlpd"


def recipes(experiment: Experiment) -> list[Recipe]:
    """Mixtures on uniform noise; training on few clips from scratch, and after noise."""
    mixed = [_mixture(loss, weight) for loss in ("nlpd", "ms_ssim") for weight in (0.0, *WEIGHTS, 1.0)]
    return mixed + [recipe for clips in FEW_CLIPS for recipe in (_scratch(clips), _tuned(clips))]


def check(experiment: Experiment) -> None:
    """Sees that there are clips enough.

    Raises:
      InputError: there are not.
    """
    learned = len(experiment.split[0])
    if learned < max(FEW_CLIPS):
        raise InputError(
            f"guidelines: fine-tunes on up to {max(FEW_CLIPS)} clips and tests on as many others, but half "
            f"of this data are {learned}; use {2 * max(FEW_CLIPS)} or more, or skip this section"
        )


def measure(experiment: Experiment) -> dict[str, Any]:
    """Means by mixture over all clips, and by tuning over those that no model has heard."""
    mixtures = [
        {"loss": loss, "weight": weight, **experiment.means(_mixture(loss, weight))}
        for loss in ("nlpd", "ms_ssim")
        for weight in (0.0, *WEIGHTS, 1.0)
    ]
    tuned = [
        {
            "clips": 0,
            "from": "noise",
            **experiment.means(main_recipe(PRETRAINING, BOTTLENECK), experiment.tested),
        }
    ]
    for clips in FEW_CLIPS:
        tuned.append(
            {"clips": clips, "from": "scratch", **experiment.means(_scratch(clips), experiment.tested)}
        )
        tuned.append({"clips": clips, "from": "noise", **experiment.means(_tuned(clips), experiment.tested)})
    return {
        "mixtures": mixtures,
        "tuned": tuned,
        "clips": len(experiment.images),
        "clips_tested": int(experiment.tested.sum()),
        "steps": experiment.steps,
    }


def blocks(result: dict[str, Any]) -> list[Block]:
    """The section of the report."""
    mixtures, tuned = result["mixtures"], result["tuned"]
    return [
        Table(
            ["perceptual loss", "w", "bpp", *TITLES.values()],
            [
                [TITLES[row["loss"]], f"{row['weight']:g}", number(row["bpp"])]
                + [number(row[metric]) for metric in METRICS]
                for row in mixtures
            ],
            f"w · perceptual loss + (1 − w) · MSE on uniform noise, entropy bottleneck; {result['clips']} "
            f"natural clips, seed 0, {result['steps']:,} steps",
        ),
        Table(
            ["natural clips", "begun from", "bpp", *TITLES.values()],
            [
                [
                    str(row["clips"]),
                    row["from"],
                    number(row["bpp"]),
                    *(number(row[metric]) for metric in METRICS),
                ]
                for row in tuned
            ],
            f"trained with MSE on so many clips from scratch, or after {result['steps']:,} steps on uniform "
            f"noise with {TITLES[PRETRAINING]}; tested on {result['clips_tested']} other clips; "
            f"{result['steps']:,} steps on the clips either way",
        ),
        Paragraph(_advice(mixtures, tuned)),
    ]


def _advice(mixtures: list[dict[str, Any]], tuned: list[dict[str, Any]]) -> str:
    best = min(mixtures, key=lambda row: row["mse"])
    closest = min(mixtures, key=lambda row: row["nlpd"])
    pairs = [
        (
            clips,
            *(
                next(row["mse"] for row in tuned if row["clips"] == clips and row["from"] == begun)
                for begun in ("noise", "scratch")
            ),
        )
        for clips in FEW_CLIPS
    ]
    ratios = ", ".join(f"{number(noise / scratch)} with {clips} clips" for clips, noise, scratch in pairs)
    gains = [clips for clips, noise, scratch in pairs if noise < scratch]
    without = next(row["mse"] for row in tuned if row["clips"] == 0)
    fewest = tuned[1]
    return (
        f"Advice. From uniform noise alone, {TITLES[best['loss']]} with w = {best['weight']:g} gives "
        f"the lowest MSE on natural audio ({number(best['mse'])}), and {TITLES[closest['loss']]} with "
        f"w = {closest['weight']:g} the lowest NLPD ({number(closest['nlpd'])}). Natural clips, where there "
        f"are any: {fewest['clips']} of them from scratch give an MSE of {number(fewest['mse'])}, noise "
        f"alone {number(without)}, so "
        + ("use them" if fewest["mse"] < without else "they are too few to be worth it")
        + f". Beginning from the model trained on noise, which makes twice the steps in all, gives this "
        f"share of the MSE from scratch: {ratios}; "
        + (
            f"it pays with {', '.join(map(str, gains))} clips."
            if gains
            else "it does not pay after so many steps."
        )
    )


def _mixture(loss: str, weight: float) -> Recipe:
    if weight in (0.0, 1.0):
        return main_recipe(loss if weight else "mse", BOTTLENECK)
    flags = {"loss": f"{weight:g}*{loss}+{1 - weight:g}*mse", "bottleneck": BOTTLENECK, "seed": 0}
    return Recipe(f"{BOTTLENECK}_mse_and_{weight:g}_{loss}_0", flags)


def _scratch(clips: int) -> Recipe:
    flags = {"loss": "mse", "bottleneck": BOTTLENECK, "seed": 0}
    return Recipe(f"{BOTTLENECK}_mse_natural{clips}_0", flags, train_on=f"{SPLIT}_{clips}")


def _tuned(clips: int) -> Recipe:
    flags = {"loss": "mse", "bottleneck": BOTTLENECK, "seed": 0}
    start = main_recipe(PRETRAINING, BOTTLENECK).name
    return Recipe(f"{BOTTLENECK}_mse_natural{clips}_after_noise_0", flags, start, f"{SPLIT}_{clips}")
