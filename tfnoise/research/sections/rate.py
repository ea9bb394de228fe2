"""Rate: where does learning from noise stop working?"""

from __future__ import annotations

from typing import Any

from tfnoise.evaluation import METRICS
from tfnoise.research.experiment import LOSSES, TITLES, Experiment, Recipe, Section, main_recipe
from tfnoise.research.report import Picture, Table, line_chart, number, numbers

RATES_BPP = (0.125, 0.25, 0.5, 1.0, 2.0)
LEVELS = (4, 16)
"""At 0.5 bpp, beside the 2 of the paper's table: fewer channels of more levels."""


def trainings(experiment: Experiment) -> list[Recipe]:
    """Two levels at all rates, so that channels decide; more levels at 0.5 bpp; the entropy bottleneck."""
    return [recipe for _, _, _, recipe in _grid()]


def measure(experiment: Experiment) -> dict[str, Any]:
    """Means over clips by bottleneck, rate and loss."""
    rows = [
        {"bottleneck": title, "loss": loss, **experiment.means(recipe), "bpp_target": bpp}
        for title, bpp, loss, recipe in _grid()
    ]
    charts = {}
    for title in ("2 levels", "entropy"):
        curves = {
            TITLES[loss]: [
                (row["bpp_target"], row["mse"])
                for row in rows
                if (row["bottleneck"], row["loss"]) == (title, loss)
            ]
            for loss in LOSSES
        }
        chart = line_chart(curves, "target, bits per pixel", "MSE on natural audio", log_x=True, log_y=True)
        charts[title] = experiment.save_figure(chart, f"rate_{title.replace(' ', '_')}")
    return {
        "rows": rows,
        "constant_image_mse": experiment.constant_image["mse"],
        "charts": charts,
        "steps": experiment.steps,
        "clips": len(experiment.images),
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Scores by bottleneck, rate and loss."""
    mse = {(row["bottleneck"], row["bpp_target"], row["loss"]): row["mse"] for row in result["rows"]}
    rows = [
        [
            row["bottleneck"],
            f"{row['bpp_target']:g}",
            TITLES[row["loss"]],
            *numbers(row, ("bpp", "bpp_max", *METRICS)),
            number(row["mse"] / mse[row["bottleneck"], row["bpp_target"], "mse"]),
        ]
        for row in result["rows"]
    ]
    header = ["bottleneck", "target bpp", "trained with", "bpp", "largest", *TITLES.values(), "MSE ratio"]
    caption = (
        f"{result['clips']} natural clips, seed 0, {result['steps']:,} steps; with levels the number of "
        "latent channels follows from the rate; ratio to the model trained with MSE at that rate; MSE of a "
        f"constant image at each clip's mean: {number(result['constant_image_mse'])}"
    )
    return [Table(header, rows, caption)]


def figures(result: dict[str, Any]) -> list[Picture]:
    """Curves of MSE over rate."""
    return [
        Picture(path, f"MSE on natural audio by rate, {title}, by training loss")
        for title, path in result["charts"].items()
    ]


RATE = Section("rate", "Rate: from 0.125 to 2 bits per pixel", measure, tables, figures, trainings)


def _grid() -> list[tuple[str, float, str, Recipe]]:
    """(bottleneck, rate, loss, training) of all points."""
    models: list[tuple[str, str, float, int | None]] = [
        ("2 levels", "levels", bpp, None) for bpp in RATES_BPP
    ]
    models += [(f"{levels} levels", "levels", 0.5, levels) for levels in LEVELS]
    models += [("entropy", "entropy", bpp, None) for bpp in RATES_BPP]
    return [
        (title, bpp, loss, main_recipe(loss, name, bpp=None if bpp == 0.5 else bpp, levels=levels))
        for title, name, bpp, levels in models
        for loss in LOSSES
    ]
