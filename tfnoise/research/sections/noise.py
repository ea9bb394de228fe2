"""Noise: which property of natural signals is needed, and how much of it does a perceptual loss replace?"""

from __future__ import annotations

from typing import Any

from tfnoise.data.noise import FAMILIES
from tfnoise.evaluation import METRICS
from tfnoise.research.experiment import TITLES, Experiment, Recipe, Section, main_recipe
from tfnoise.research.report import Table, number

BOTTLENECK = "entropy"
LOSSES = ("mse", "nlpd")


def trainings(experiment: Experiment) -> list[Recipe]:
    """Every family with MSE and with NLPD."""
    return [_recipe(family, loss) for family in FAMILIES for loss in LOSSES]


def measure(experiment: Experiment) -> dict[str, Any]:
    """Means over clips by family and loss."""
    rows = [
        {"noise": family, **{loss: experiment.means(_recipe(family, loss)) for loss in LOSSES}}
        for family in FAMILIES
    ]
    return {"rows": rows, "steps": experiment.steps, "clips": len(experiment.images)}


def tables(result: dict[str, Any]) -> list[Table]:
    """Scores by family and loss."""
    columns = [(metric, loss) for metric in METRICS for loss in LOSSES]
    header = [f"{TITLES[metric]}, trained with {TITLES[loss]}" for metric, loss in columns]
    rows = []
    for row in result["rows"]:
        ratio = row["nlpd"]["mse"] / row["mse"]["mse"]
        rows.append([row["noise"], *(number(row[loss][metric]) for metric, loss in columns), number(ratio)])
    caption = (
        f"{result['clips']} natural clips, entropy bottleneck, seed 0, {result['steps']:,} steps; ratio: "
        "trained with NLPD to trained with MSE"
    )
    return [Table(["noise", *header, "MSE ratio"], rows, caption)]


NOISE = Section("noise", "Noise: seven families", measure, tables, trainings=trainings)


def _recipe(family: str, loss: str) -> Recipe:
    return main_recipe(loss, BOTTLENECK, noise=None if family == "uniform" else family)
