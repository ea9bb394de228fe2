"""Natural data: the bound that noise is compared with, and a self-supervised twin."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfnoise.evaluation import METRICS, bootstrap_crossed
from tfnoise.research.experiment import BOTTLENECKS, SPLIT, TITLES, Experiment, Recipe, Section, main_recipe
from tfnoise.research.report import CLAIM_HEADER, Table, claim_cells, number, numbers

STRUCTURED = "streaked"
MASKED_SHARE = 0.5
UNIFORM, FROM_NOISE, FROM_CLIPS = "uniform noise, MSE", f"{STRUCTURED} noise, MSE", "natural clips, MSE"
CONTEST_BOTTLENECK = "entropy"
"""Of the two recipes that are compared over all seeds; the others are trained once."""

CONTEST_METRICS = {"mse": TITLES["mse"], "nlpd": TITLES["nlpd"], "calibrated_mse": "calibrated MSE"}


def trainings(experiment: Experiment) -> list[Recipe]:
    """MSE on the clips of one half, the masked pre-training of an encoder, structured noise."""
    once = [recipe for bottleneck in BOTTLENECKS for recipe in _recipes(bottleneck).values()]
    contest = [
        _recipes(CONTEST_BOTTLENECK, seed)[name]
        for seed in range(experiment.seeds)
        for name in (FROM_NOISE, FROM_CLIPS)
    ]
    return [*once, *map(_pretraining, BOTTLENECKS), *contest]


def measure(experiment: Experiment) -> dict[str, Any]:
    """Means over the held-out clips, and the share of the distance that each closes."""
    by_bottleneck = {}
    for bottleneck in BOTTLENECKS:
        recipes = _recipes(bottleneck)
        rows = {name: experiment.means(recipe, experiment.tested) for name, recipe in recipes.items()}
        floor, bound = rows[UNIFORM], rows[FROM_CLIPS]
        for name, row in rows.items():
            shares = {metric: _share(row[metric], floor[metric], bound[metric]) for metric in METRICS}
            row.update(learned_from=name, closed=shares)
        by_bottleneck[bottleneck] = list(rows.values())
    trained, tested = experiment.split
    return {
        "rows": by_bottleneck,
        "contest": {metric: _contest(experiment, metric) for metric in CONTEST_METRICS},
        "seeds": experiment.seeds,
        "clips_learned": len(trained),
        "clips_tested": len(tested),
        "steps": experiment.steps,
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Scores by what was trained on, for each bottleneck; noise against clips over seeds."""
    clips = (
        f"{result['clips_tested']} natural clips of other files than the {result['clips_learned']} trained on"
    )
    caption = (
        f"{clips}, seed 0, {result['steps']:,} steps; closed: the share of the distance from MSE on uniform "
        "noise to MSE on natural clips; self-supervised: the encoder was trained to fill in masked squares, "
        "half of them, then kept while a decoder was trained"
    )
    header = ["trained on", "bpp", *TITLES.values(), *(f"{title}, closed" for title in TITLES.values())]
    shown = []
    for bottleneck, title in BOTTLENECKS.items():
        rows = [
            [row["learned_from"], *numbers(row, ("bpp", *METRICS)), *numbers(row["closed"], METRICS)]
            for row in result["rows"][bottleneck]
        ]
        shown.append(Table(header, rows, f"{title}: {caption}"))
    rows = []
    for metric, title in CONTEST_METRICS.items():
        row = result["contest"][metric]
        by_seed = [", ".join(map(number, row["by_seed"][name])) for name in (FROM_NOISE, FROM_CLIPS)]
        rows.append([title, *claim_cells(row, result["seeds"]), *by_seed])
    header = ["metric", "ratio", *CLAIM_HEADER[1:], f"{FROM_NOISE}, by seed", f"{FROM_CLIPS}, by seed"]
    caption = (
        f"{BOTTLENECKS[CONTEST_BOTTLENECK]}: ratio of {FROM_NOISE} to {FROM_CLIPS}, with a 95 % interval "
        f"over resamples of clips and seeds; {clips}, {result['steps']:,} steps; calibrated: after the one "
        "slope and offset for all pixels of a model that fit best"
    )
    return [*shown, Table(header, rows, caption)]


NATURAL_DATA_BOUND = Section(
    "natural_data_bound", "Natural data: the bound for noise", measure, tables, trainings=trainings
)


def _contest(experiment: Experiment, metric: str) -> dict[str, Any]:
    def errors(recipe: Recipe) -> np.ndarray:
        if metric == "calibrated_mse":
            return experiment.calibrated_mse(recipe, experiment.tested)
        return experiment.scores(recipe)[metric][experiment.tested]

    recipes = [_recipes(CONTEST_BOTTLENECK, seed) for seed in range(experiment.seeds)]
    values = {name: np.stack([errors(one[name]) for one in recipes]) for name in (FROM_NOISE, FROM_CLIPS)}
    by_seed = {name: np.nanmean(scores, axis=1).tolist() for name, scores in values.items()}
    return {**bootstrap_crossed(values[FROM_NOISE], values[FROM_CLIPS])._asdict(), "by_seed": by_seed}


def _recipes(bottleneck: str, seed: int = 0) -> dict[str, Recipe]:
    natural = {"loss": "mse", "bottleneck": bottleneck, "seed": seed}
    twin = Recipe(
        f"{bottleneck}_mse_selfsupervised_{seed}",
        {**natural, "start_parts": "analysis"},
        start=_pretraining(bottleneck, seed).name,
        train_on=SPLIT,
    )
    return {
        UNIFORM: main_recipe("mse", bottleneck, seed),
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
