"""Data: the bound that noise is compared with, and a self-supervised twin."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfnoise.evaluation import METRICS
from tfnoise.evaluation.bootstrap import bootstrap_crossed
from tfnoise.research.blocks import Block, Paragraph, Table, number
from tfnoise.research.experiment import Experiment
from tfnoise.research.recipes import BOTTLENECKS, SPLIT, Recipe, main_recipe
from tfnoise.research.sections.paper import BOTTLENECK_TITLES, TITLES, holds

TITLE = "Data: how far noise is from having heard music"
STRUCTURED = "streaked"
MASKED_SHARE = 0.5
FROM_NOISE, FROM_CLIPS = f"{STRUCTURED} noise, MSE", "natural clips, MSE"
CONTEST_BOTTLENECK = "entropy"
"""Of the two recipes that are compared over all seeds; the others are trained once."""

CONTEST_METRICS = {
    "mse": TITLES["mse"],
    "nlpd": TITLES["nlpd"],
    "calibrated_mse": "MSE that one slope and offset for all pixels of a model leave",
}


def recipes(experiment: Experiment) -> list[Recipe]:
    """MSE on the clips of one half, the masked pre-training of an encoder, structured noise."""
    once = [recipe for bottleneck in BOTTLENECKS for recipe in _recipes(bottleneck).values()]
    pretraining = [_pretraining(bottleneck) for bottleneck in BOTTLENECKS]
    contest = [
        _recipes(CONTEST_BOTTLENECK, seed)[name]
        for seed in range(experiment.seeds)
        for name in (FROM_NOISE, FROM_CLIPS)
    ]
    return once + pretraining + contest


def measure(experiment: Experiment) -> dict[str, Any]:
    """Means over the clips that no model has heard, and the share of the distance that each closes."""
    found: dict[str, Any] = {}
    for bottleneck in BOTTLENECKS:
        rows = {
            name: experiment.means(recipe, experiment.tested) for name, recipe in _recipes(bottleneck).items()
        }
        floor, bound = rows["uniform noise, MSE"], rows[FROM_CLIPS]
        for name, row in rows.items():
            row["learned_from"] = name
            row["closed"] = {metric: _share(row[metric], floor[metric], bound[metric]) for metric in METRICS}
        found[bottleneck] = list(rows.values())
    learned, tested = experiment.split
    return {
        "rows": found,
        "contest": {metric: _contest(experiment, metric) for metric in CONTEST_METRICS},
        "seeds": experiment.seeds,
        "clips_learned": len(learned),
        "clips_tested": len(tested),
        "steps": experiment.steps,
    }


def blocks(result: dict[str, Any]) -> list[Block]:
    """The section of the report."""
    found: list[Block] = [
        Paragraph(
            f"The clips were split by source file: models that learn from data heard "
            f"{result['clips_learned']} clips, and all are tested on the other {result['clips_tested']}. The "
            f"self-supervised twin learned to fill in squares of which half were taken away, on the same "
            f"clips; its encoder was kept, and a decoder trained to it."
        )
    ]
    for bottleneck in BOTTLENECKS:
        found.append(
            Table(
                ["learned from", "bpp", *TITLES.values(), *(f"closed, {title}" for title in TITLES.values())],
                [
                    [
                        row["learned_from"],
                        number(row["bpp"]),
                        *(number(row[metric]) for metric in METRICS),
                        *(_percent(row["closed"][metric]) for metric in METRICS),
                    ]
                    for row in result["rows"][bottleneck]
                ],
                f"{BOTTLENECK_TITLES[bottleneck]}, seed 0, {result['steps']:,} steps; closed: the share of "
                f"the distance from MSE on uniform noise to MSE on natural clips",
            )
        )
    found.append(Paragraph(_verdict(result)))
    return found


def _contest(experiment: Experiment, metric: str) -> dict[str, Any]:
    values = {
        name: np.stack(
            [
                _errors(experiment, _recipes(CONTEST_BOTTLENECK, seed)[name], metric)
                for seed in range(experiment.seeds)
            ]
        )
        for name in (FROM_NOISE, FROM_CLIPS)
    }
    by_seed = {name: np.nanmean(found, axis=1).tolist() for name, found in values.items()}
    return {**bootstrap_crossed(values[FROM_NOISE], values[FROM_CLIPS])._asdict(), "by_seed": by_seed}


def _errors(experiment: Experiment, recipe: Recipe, metric: str) -> np.ndarray:
    if metric == "calibrated_mse":
        return experiment.calibrated_mse(recipe, experiment.tested)
    return experiment.scores(recipe)[metric][experiment.tested]


def _verdict(result: dict[str, Any]) -> str:
    found = {metric: result["contest"][metric] for metric in CONTEST_METRICS}
    said = ", ".join(
        f"{number(ratio['ratio'])} of the {CONTEST_METRICS[metric]} (95 % interval {number(ratio['low'])} to "
        f"{number(ratio['high'])}; lower in {100 * ratio['confidence']:.1f} % of resamples of clips and "
        f"seeds, and in {ratio['seeds_below']} of {result['seeds']} seeds: "
        f"{_listed(ratio['by_seed'][FROM_NOISE])} against {_listed(ratio['by_seed'][FROM_CLIPS])})"
        for metric, ratio in found.items()
    )
    if all(map(holds, found.values())):
        verdict = "noise that was designed well taught more than data did"
    elif all(ratio["low"] > 1 for ratio in found.values()):
        verdict = "data taught more than noise did"
    else:
        verdict = "neither is established as the better teacher by all three"
    return (
        f"Is data overrated? With the {BOTTLENECK_TITLES[CONTEST_BOTTLENECK]}, over {result['seeds']} "
        f"seeds and {result['clips_tested']} clips that no model has heard, models trained with MSE on "
        f"{STRUCTURED} noise have {said} of those trained with MSE on {result['clips_learned']} natural "
        f"clips: after {result['steps']:,} steps {verdict}. It is a designer's knowledge of natural signals "
        f"that {STRUCTURED} noise holds; and more clips, or more steps, may change the order."
    )


def _listed(values: list[float]) -> str:
    return ", ".join(map(number, values))


def _recipes(bottleneck: str, seed: int = 0) -> dict[str, Recipe]:
    natural = {"loss": "mse", "bottleneck": bottleneck, "seed": seed}
    twin = Recipe(
        f"{bottleneck}_mse_selfsupervised_{seed}",
        {**natural, "start_parts": "analysis"},
        start=_pretraining(bottleneck, seed).name,
        train_on=SPLIT,
    )
    return {
        "uniform noise, MSE": main_recipe("mse", bottleneck, seed),
        "uniform noise, MS-SSIM": main_recipe("ms_ssim", bottleneck, seed),
        "uniform noise, NLPD": main_recipe("nlpd", bottleneck, seed),
        FROM_NOISE: main_recipe("mse", bottleneck, seed, noise=STRUCTURED),
        f"{STRUCTURED} noise, NLPD": main_recipe("nlpd", bottleneck, seed, noise=STRUCTURED),
        "natural clips, self-supervised, then MSE": twin,
        FROM_CLIPS: Recipe(f"{bottleneck}_mse_natural_{seed}", natural, train_on=SPLIT),
    }


def _pretraining(bottleneck: str, seed: int = 0) -> Recipe:
    flags = {"loss": "mse", "bottleneck": bottleneck, "seed": seed, "masked": MASKED_SHARE}
    return Recipe(f"{bottleneck}_mse_masked_{seed}", flags, train_on=SPLIT)


def _share(value: float, floor: float, bound: float) -> float | None:
    """None where there is no distance to close."""
    return None if bound == floor else (value - floor) / (bound - floor)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{round(100 * share)} %"
