"""Rate: where does learning from noise stop working?"""

from __future__ import annotations

from typing import Any

from tfnoise.evaluation import METRICS
from tfnoise.research.blocks import Block, Paragraph, Picture, Table, number
from tfnoise.research.charts import line_chart
from tfnoise.research.experiment import Experiment
from tfnoise.research.recipes import LOSSES, Recipe, main_recipe
from tfnoise.research.sections.paper import TITLES

TITLE = "Rate: from 0.125 to 2 bits per pixel"
RATES_BPP = (0.125, 0.25, 0.5, 1.0, 2.0)
LEVELS = (4, 16)
"""At 0.5 bpp, beside the 2 of the paper's table: fewer channels of more levels."""


def recipes(experiment: Experiment) -> list[Recipe]:
    """Two levels at all rates, so that channels decide; more levels at 0.5 bpp; the entropy bottleneck."""
    return list({recipe.name: recipe for _, _, _, recipe in _grid()}.values())


def measure(experiment: Experiment) -> dict[str, Any]:
    """Means over clips by bottleneck, rate and loss."""
    rows = [
        {"bottleneck": title, "bpp": bpp, "loss": loss, **experiment.means(recipe)} | {"bpp_target": bpp}
        for title, bpp, loss, recipe in _grid()
    ]
    charts = {}
    for title in ("2 levels", "entropy"):
        path = f"figures/rate_{title.replace(' ', '_')}.png"
        curves = {
            TITLES[loss]: [
                (row["bpp_target"], row["mse"])
                for row in rows
                if row["bottleneck"] == title and row["loss"] == loss
            ]
            for loss in LOSSES
        }
        line_chart(
            curves, experiment.folder / path, "target, bits per pixel", "MSE on natural audio", True, True
        )
        charts[title] = path
    return {
        "rows": rows,
        "constant_image_mse": experiment.constant_image["mse"],
        "charts": charts,
        "steps": experiment.steps,
        "clips": len(experiment.images),
    }


def blocks(result: dict[str, Any]) -> list[Block]:
    """The section of the report."""
    rows = result["rows"]
    found: list[Block] = [
        Table(
            ["bottleneck", "target bpp", "trained with", "bpp", "largest", *TITLES.values()],
            [
                [
                    row["bottleneck"],
                    f"{row['bpp_target']:g}",
                    TITLES[row["loss"]],
                    number(row["bpp"]),
                    number(row["bpp_max"]),
                    *(number(row[metric]) for metric in METRICS),
                ]
                for row in rows
            ],
            f"{result['clips']} natural clips, seed 0, {result['steps']:,} steps; with levels the number of "
            f"latent channels follows from the rate",
        )
    ]
    found.append(Paragraph(_no_better_than_constant(rows, result["constant_image_mse"])))
    above = [row for row in rows if row["bpp_max"] > row["bpp_target"]]
    if above:
        found.append(Paragraph(_above(above)))
    for title, path in result["charts"].items():
        found.append(Paragraph(_verdict(title, [row for row in rows if row["bottleneck"] == title])))
        found.append(Picture(path, f"MSE on natural audio by rate, {title}, by training loss"))
    return found


def _grid() -> list[tuple[str, float, str, Recipe]]:
    """(bottleneck, rate, loss, training) of all points."""
    points = []
    for bpp in RATES_BPP:
        for loss in LOSSES:
            more = {} if bpp == 0.5 else {"bpp": bpp}
            points.append(("2 levels", bpp, loss, main_recipe(loss, "levels", **more)))
    for levels in LEVELS:
        for loss in LOSSES:
            points.append((f"{levels} levels", 0.5, loss, main_recipe(loss, "levels", levels=levels)))
    for bpp in RATES_BPP:
        for loss in LOSSES:
            more = {} if bpp == 0.5 else {"bpp": bpp}
            points.append(("entropy", bpp, loss, main_recipe(loss, "entropy", **more)))
    return points


def _no_better_than_constant(rows: list[dict[str, Any]], grey_mse: float) -> str:
    failed = ", ".join(f"{_point(row)} ({number(row['mse'])})" for row in rows if row["mse"] >= grey_mse)
    return (
        f"Where does it stop working? An image of one grey, each clip's own mean, has an MSE of "
        f"{number(grey_mse)}. No better by MSE: {failed or 'none'}."
    )


def _point(row: dict[str, Any]) -> str:
    return f"{row['bottleneck']} at {row['bpp_target']:g} bpp with {TITLES[row['loss']]}"


def _above(rows: list[dict[str, Any]]) -> str:
    listed = ", ".join(f"{_point(row)} (up to {number(row['bpp_max'])})" for row in rows)
    return (
        f"Clips that are above the target even at the coarsest quantization step: {listed}. What natural "
        f"audio does to such a latent, noise did not prepare it for."
    )


def _verdict(title: str, rows: list[dict[str, Any]]) -> str:
    mse = {(row["bpp_target"], row["loss"]): row["mse"] for row in rows}
    said = []
    for loss in LOSSES[1:]:
        better = [bpp for bpp in RATES_BPP if mse[bpp, loss] < mse[bpp, "mse"]]
        ratios = ", ".join(f"{number(mse[bpp, loss] / mse[bpp, 'mse'])} at {bpp:g} bpp" for bpp in RATES_BPP)
        said.append(
            f"{TITLES[loss]} has the lower MSE at {len(better)} of {len(RATES_BPP)} rates ({ratios} of MSE's)"
        )
    falls = {
        loss: all(mse[b, loss] <= mse[a, loss] for a, b in zip(RATES_BPP, RATES_BPP[1:])) for loss in LOSSES
    }
    more = [TITLES[loss] for loss in LOSSES if not falls[loss]]
    told = (
        f" More bits did not always help the models trained with {' and '.join(more)}: there what noise "
        f"teaches, or the seed, matters more than the rate."
        if more
        else " More bits always helped."
    )
    return f"{title[0].upper()}{title[1:]}: {'; '.join(said)}.{told}"
