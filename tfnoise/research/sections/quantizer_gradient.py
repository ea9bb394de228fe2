"""The quantizer's soft gradient: for which s is it unstable, and how does that show?"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tfnoise.evaluation import METRICS
from tfnoise.research.experiment import TITLES, Experiment, Recipe, Section, main_recipe
from tfnoise.research.report import Picture, Table, line_chart, numbers
from tfnoise.training import training_curve

SOFTNESS = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
LOSS = "nlpd"


def trainings(experiment: Experiment) -> list[Recipe]:
    """The paper's bottleneck with NLPD, from 0.1 to 10,000."""
    return [_recipe(s) for s in SOFTNESS]


def measure(experiment: Experiment) -> dict[str, Any]:
    """Scores, and the gradient's norm over the training, by s."""
    rows, curves = [], {}
    for s in SOFTNESS:
        recipe = _recipe(s)
        finished = experiment.is_trained(recipe)
        norms = training_curve(experiment.run_dir(recipe), "gradient_norm")
        values = np.array([value for _, value in norms] or [np.nan])
        rows.append(
            {
                "s": s,
                **(experiment.means(recipe) if finished else dict.fromkeys(METRICS)),
                "last_step": norms[-1][0] if norms else 0,
                "finished": finished,
                "gradient_norm_median": float(np.median(values)),
                "gradient_norm_largest": float(values.max()),
            }
        )
        curves[f"s = {s:g}"] = norms
    chart = line_chart(curves, "step", "norm of the gradient", log_y=True, markers=False)
    path = experiment.save_figure(chart, "quantizer_gradient")
    return {"rows": rows, "chart": path, "steps": experiment.steps, "clips": len(experiment.images)}


def tables(result: dict[str, Any]) -> list[Table]:
    """Scores and norms by s."""
    columns = (*METRICS, "gradient_norm_median", "gradient_norm_largest")
    header = ["s", *TITLES.values(), "gradient norm, median", "largest", "last step"]
    rows = [[f"{row['s']:g}", *numbers(row, columns), f"{row['last_step']:,}"] for row in result["rows"]]
    caption = (
        f"fixed levels, trained with {TITLES[LOSS]}, {result['clips']} natural clips, seed 0, "
        f"{result['steps']:,} steps; norms are means over 20 steps; without scores: numbers were not finite "
        "after the last step"
    )
    return [Table(header, rows, caption)]


def figures(result: dict[str, Any]) -> list[Picture]:
    """The gradient's norm over steps."""
    return [Picture(result["chart"], "The norm of the whole gradient over the training, by s")]


QUANTIZER_GRADIENT = Section(
    "quantizer_gradient", "Quantizer gradient: the softness s", measure, tables, figures, trainings
)


def _recipe(s: float) -> Recipe:
    if s == 1:
        return main_recipe(LOSS, "levels")
    return dataclasses.replace(main_recipe(LOSS, "levels", quantizer_s=s), may_fail=True)
