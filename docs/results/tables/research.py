"""docs/research.md: single settings over seeds, and the search for a recipe.

Settings: each NAME.json is the output of bin/evaluate --json on models called LOSS_NAME_SEED, for NAME in
default, quick, paper and SEED in 0, 1, 2:

    bin/train --loss=LOSS --seed=SEED --name=LOSS_NAME_SEED [--flagfile=configs/NAME.cfg]
    bin/evaluate --model=... --data=FOLDER --json > docs/results/NAME.json

In the files of 2026-11-23 all models of "paper", those of seed 0 of "quick" and nlpd_default_0 were trained
with two threads, the others with TF_NUM_INTRAOP_THREADS=1, which changes the last digits of a training.

The search for the recipe of `best`, search.json: of each try what bin/train says of natural audio, by

    bin/train ... --val_data=FOLDER --json

where FOLDER has every second clip of the set; of those that were ended early, what it said last.
"""

from __future__ import annotations

import statistics
from typing import Any

from tables.files import DOCS, LOSSES, TITLES, day, read, read_if_there, span

PAGE = DOCS / "research.md"
SETTINGS = {
    "default": "default settings",
    "quick": "`configs/quick.cfg`",
    "paper": "`configs/paper.cfg`",
}


def results() -> str:
    """A row a loss and setting, means over seeds, ratios to the MSE-trained model."""
    reports = {name: read(name) for name in SETTINGS}
    first = reports["default"]
    clips = next(iter(first["models"].values()))["clips"]
    lines = [
        f"Trained on uniform noise, scored on {clips} natural clips (music, speech, environment), every clip",
        "at or under 0.5 bpp. Means over three seeds; the ratio to the MSE-trained model of the same seed is",
        f"given with its smallest and largest value. Measured on {day(first)}.",
        "",
        "| setting | trained with | MSE | ratio | NLPD | MS-SSIM-4 | bpp mean | bpp largest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, title in SETTINGS.items():
        for loss in LOSSES:
            lines.append(_row(reports[name]["models"], name, title, loss))
    return "\n".join(lines)


def _row(models: dict[str, Any], name: str, title: str, loss: str) -> str:
    seeds = sorted({key.rsplit("_", 1)[1] for key in models})
    chosen = [models[f"{loss}_{name}_{seed}"] for seed in seeds]
    ratios = [
        model["metrics"]["mse"]["mean"] / models[f"mse_{name}_{seed}"]["metrics"]["mse"]["mean"]
        for model, seed in zip(chosen, seeds)
    ]
    means = [
        statistics.mean(model["metrics"][metric]["mean"] for model in chosen)
        for metric in ("mse", "nlpd", "ms_ssim")
    ]
    spread = f"{statistics.mean(ratios):.3f} ({span([min(ratios), max(ratios)], '.3f')})"
    ratio = "1" if loss == "mse" else spread
    rate = statistics.mean(model["bpp"] for model in chosen)
    largest = max(model["bpp_max"] for model in chosen)
    return (
        f"| {title} | {TITLES[loss]} | {means[0]:.4f} | {ratio} | {means[1]:.3f} | {means[2]:.3f} "
        f"| {rate:.3f} | {largest:.4f} |"
    )


def search() -> str | None:
    """A row a try, in their order."""
    report = read_if_there("search")
    if report is None:
        return None
    lines = [
        "| what | loss | steps | bpp | MSE | NLPD | MS-SSIM-4 |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        steps = f"{row['steps']:,}" + ("" if row["steps"] == row["of_steps"] else f" of {row['of_steps']:,}")
        lines.append(
            f"| {row['what']} | {row['flags']['loss']} | {steps} | {row['bpp']:.3f} | {row['mse']:.5f} "
            f"| {row['nlpd']:.3f} | {row['ms_ssim_4']:.3f} |"
        )
    lines += ["", f"{report['clips']} natural clips of the even half, seed 0; {day(report)}."]
    return "\n".join(lines)


TABLES = {"results": results, "search": search}
