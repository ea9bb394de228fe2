"""Data: the ceiling that noise is compared with, and a self-supervised twin."""

from __future__ import annotations

from typing import Any

from tfnoise.evaluation import METRICS
from tfnoise.research.blocks import Block, Paragraph, Table, number
from tfnoise.research.lab import Lab
from tfnoise.research.recipes import BOTTLENECKS, Recipe, main_recipe
from tfnoise.research.sections.paper import BOTTLENECK_TITLES, TITLES

TITLE = "Data: how far noise is from having heard music"
SPLIT = "learned"
STRUCTURED = "streaked"
MASKED_SHARE = 0.5


def recipes(lab: Lab) -> list[Recipe]:
    """MSE on the clips of one half, the masked pre-training of an encoder, structured noise."""
    return [recipe for bottleneck in BOTTLENECKS for recipe in _recipes(bottleneck).values()] + [
        _pretraining(bottleneck) for bottleneck in BOTTLENECKS
    ]


def measure(lab: Lab) -> dict[str, Any]:
    """Means over the clips that no model has heard, and the share of the distance that each closes."""
    found: dict[str, Any] = {}
    for bottleneck in BOTTLENECKS:
        rows = {name: lab.means(recipe, lab.tested) for name, recipe in _recipes(bottleneck).items()}
        floor, ceiling = rows["uniform noise, MSE"], rows["natural clips, MSE"]
        for name, row in rows.items():
            row["learned_from"] = name
            row["closed"] = {
                metric: _share(row[metric], floor[metric], ceiling[metric]) for metric in METRICS
            }
        found[bottleneck] = list(rows.values())
    learned, tested = lab.split
    return {
        "rows": found,
        "clips_learned": len(learned),
        "clips_tested": len(tested),
        "steps": lab.steps,
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
    return found


def _recipes(bottleneck: str) -> dict[str, Recipe]:
    natural = {"loss": "mse", "bottleneck": bottleneck, "seed": 0}
    twin = Recipe(
        f"{bottleneck}_mse_selfsupervised_0",
        {**natural, "start_parts": "analysis"},
        start=_pretraining(bottleneck).name,
        train_on=SPLIT,
    )
    return {
        "uniform noise, MSE": main_recipe("mse", bottleneck),
        "uniform noise, MS-SSIM": main_recipe("ms_ssim", bottleneck),
        "uniform noise, NLPD": main_recipe("nlpd", bottleneck),
        f"{STRUCTURED} noise, MSE": main_recipe("mse", bottleneck, noise=STRUCTURED),
        f"{STRUCTURED} noise, NLPD": main_recipe("nlpd", bottleneck, noise=STRUCTURED),
        "natural clips, self-supervised, then MSE": twin,
        "natural clips, MSE": Recipe(f"{bottleneck}_mse_natural_0", natural, train_on=SPLIT),
    }


def _pretraining(bottleneck: str) -> Recipe:
    flags = {"loss": "mse", "bottleneck": bottleneck, "seed": 0, "masked": MASKED_SHARE}
    return Recipe(f"{bottleneck}_mse_masked_0", flags, train_on=SPLIT)


def _share(value: float, floor: float, ceiling: float) -> float | None:
    """None where there is no distance to close."""
    return None if ceiling == floor else (value - floor) / (ceiling - floor)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{round(100 * share)} %"
