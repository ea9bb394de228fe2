"""s: where does the levels' soft gradient become unstable, and with which signs?"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tfnoise.evaluation import METRICS
from tfnoise.research.blocks import Block, Paragraph, Picture, Table, number
from tfnoise.research.charts import line_chart
from tfnoise.research.experiment import Experiment
from tfnoise.research.recipes import Recipe, main_recipe
from tfnoise.research.sections.paper import TITLES
from tfnoise.training import training_curve

TITLE = "s: the softness of the quantizer's gradient"
SOFTNESS = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
LOSS = "nlpd"


def recipes(experiment: Experiment) -> list[Recipe]:
    """The paper's bottleneck with NLPD, from 0.1 to 10,000."""
    return [_recipe(s) for s in SOFTNESS]


def measure(experiment: Experiment) -> dict[str, Any]:
    """Scores, and the gradient's norm over the training, by s."""
    rows, curves = [], {}
    for s in SOFTNESS:
        recipe = _recipe(s)
        norms = training_curve(experiment.run_dir(recipe), "gradient_norm")
        values = np.array([value for _, value in norms] or [np.nan])
        means = experiment.means(recipe) if experiment.is_trained(recipe) else dict.fromkeys(METRICS)
        rows.append(
            {
                "s": s,
                **means,
                "last_step": norms[-1][0] if norms else 0,
                "finished": experiment.is_trained(recipe),
                "gradient_norm_median": float(np.median(values)),
                "gradient_norm_largest": float(values.max()),
            }
        )
        curves[f"s = {s:g}"] = norms
    path = "figures/quantizer_gradient.png"
    line_chart(curves, experiment.folder / path, "step", "norm of the gradient", log_y=True, marks=False)
    return {"rows": rows, "chart": path, "steps": experiment.steps, "clips": len(experiment.images)}


def blocks(result: dict[str, Any]) -> list[Block]:
    """The section of the report."""
    rows = result["rows"]
    finished = [row for row in rows if row["finished"]]
    best = min(finished, key=lambda row: row["mse"])
    calm = min(finished, key=lambda row: row["gradient_norm_median"])
    wild = max(finished, key=lambda row: row["gradient_norm_largest"])
    worse = [row for row in finished if row["mse"] > 1.1 * best["mse"]]
    ended = [f"s = {row['s']:g} after step {row['last_step']:,}" for row in rows if not row["finished"]]
    return [
        Table(
            ["s", *TITLES.values(), "gradient's norm, median", "largest"],
            [
                [
                    f"{row['s']:g}",
                    *(number(row[metric]) for metric in METRICS),
                    number(row["gradient_norm_median"]),
                    number(row["gradient_norm_largest"]),
                ]
                for row in rows
            ],
            f"fixed levels, trained with {TITLES[LOSS]}, {result['clips']} natural clips, seed 0, "
            f"{result['steps']:,} steps; norms are means over 20 steps",
        ),
        Paragraph(
            f"The lowest MSE is at s = {best['s']:g}; more than a tenth above it: "
            + (
                ", ".join(f"s = {row['s']:g} ({number(row['mse'] / best['mse'])} times)" for row in worse)
                or "none"
            )
            + f". The gradient's largest norm is {number(wild['gradient_norm_largest'])}, at "
            f"s = {wild['s']:g}: {number(wild['gradient_norm_largest'] / calm['gradient_norm_median'])} "
            f"times the median of the calmest (s = {calm['s']:g}). "
            + (
                f"Numbers were no longer finite with {' and '.join(ended)}."
                if ended
                else "All trainings kept finite numbers: the softmax is a stable one."
            )
        ),
        Picture(result["chart"], "The norm of the whole gradient over the training, by s"),
    ]


def _recipe(s: float) -> Recipe:
    if s == 1:
        return main_recipe(LOSS, "levels")
    return dataclasses.replace(main_recipe(LOSS, "levels", quantizer_s=s), may_fail=True)
