"""Noise: which property of natural signals is needed, and how much of it does a perceptual loss replace?"""

from __future__ import annotations

from typing import Any

from tfnoise.data.noise import FAMILIES
from tfnoise.evaluation import METRICS
from tfnoise.research.blocks import Block, Paragraph, Table, number
from tfnoise.research.experiment import Experiment
from tfnoise.research.recipes import Recipe, main_recipe
from tfnoise.research.sections.paper import TITLES

TITLE = "Noise: seven families"
BOTTLENECK = "entropy"
LOSSES = ("mse", "nlpd")


def recipes(experiment: Experiment) -> list[Recipe]:
    """Every family with MSE and with NLPD."""
    return [_recipe(family, loss) for family in FAMILIES for loss in LOSSES]


def measure(experiment: Experiment) -> dict[str, Any]:
    """Means over clips by family and loss."""
    rows = [
        {"noise": family, **{loss: experiment.means(_recipe(family, loss)) for loss in LOSSES}}
        for family in FAMILIES
    ]
    return {"rows": rows, "steps": experiment.steps, "clips": len(experiment.images)}


def blocks(result: dict[str, Any]) -> list[Block]:
    """The section of the report."""
    rows = result["rows"]
    ratios = {row["noise"]: row["nlpd"]["mse"] / row["mse"]["mse"] for row in rows}
    uniform = next(row for row in rows if row["noise"] == "uniform")
    best = min(rows, key=lambda row: row["mse"]["mse"])
    helped = [family for family, ratio in ratios.items() if ratio < 1]
    return [
        Table(
            [
                "noise",
                *(f"{TITLES[metric]}, trained with {TITLES[loss]}" for metric in METRICS for loss in LOSSES),
            ],
            [
                [row["noise"], *(number(row[loss][metric]) for metric in METRICS for loss in LOSSES)]
                for row in rows
            ],
            f"{result['clips']} natural clips, entropy bottleneck, seed 0, {result['steps']:,} steps",
        ),
        Paragraph(
            f"Trained with MSE, {best['noise']} noise brings natural audio's MSE from "
            f"{number(uniform['mse']['mse'])} (uniform) to {number(best['mse']['mse'])}. NLPD lowers it from "
            f"{', '.join(helped) or 'no family'}: to "
            + ", ".join(f"{number(ratio)} of MSE's with {family}" for family, ratio in ratios.items())
            + ". So far as NLPD's advantage shrinks where the noise has the property, it stands in for it: "
            "contrast alone differs from uniform noise only in each image's range of values; multiscale and "
            "pink add power at all scales, dead leaves edges, streaked noise directions. The last four were "
            "designed by people who know natural signals."
        ),
    ]


def _recipe(family: str, loss: str) -> Recipe:
    return main_recipe(loss, BOTTLENECK, **({} if family == "uniform" else {"noise": family}))
