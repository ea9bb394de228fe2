"""Single settings over seeds.

Each NAME.json is the output of bin/evaluate --json on models called LOSS_NAME_SEED, for NAME in
default, quick, paper and SEED in 0, 1, 2:

    bin/train --loss=LOSS --seed=SEED --name=LOSS_NAME_SEED [--flagfile=configs/NAME.cfg]
    bin/evaluate --model=... --data=FOLDER --json > docs/results/NAME.json

In the files of 2026-11-23 all models of "paper", those of seed 0 of "quick" and nlpd_default_0 were trained
with two threads, the others with TF_NUM_INTRAOP_THREADS=1, which changes the last digits of a training.
"""

from __future__ import annotations

import statistics
from typing import Any

from tables.files import LOSSES, RESULTS, TITLES, day, filled, read, span

SETTINGS = {
    "default": "default settings",
    "quick": "`configs/quick.cfg`",
    "paper": "`configs/paper.cfg`",
}


def results() -> str:
    """One row per loss and setting, means over seeds, ratios to the MSE-trained model."""
    reports = {name: read(name) for name in SETTINGS}
    first = reports["default"]
    clips = next(iter(first["models"].values()))["clips"]
    lines = [
        "| setting | trained with | MSE | ratio | NLPD | MS-SSIM-4 | bpp mean | bpp largest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, title in SETTINGS.items():
        for loss in LOSSES:
            lines.append(_row(reports[name]["models"], name, title, loss))
    caption = (
        f"Uniform noise, {clips} natural clips at or below 0.5 bpp, means over three seeds, {day(first)}. "
        "Ratio: to the MSE of the MSE-trained model of the same seed, with its smallest and largest value."
    )
    return "\n".join([*lines, "", filled(caption)])


def _row(models: dict[str, Any], name: str, title: str, loss: str) -> str:
    seeds = sorted({key.rsplit("_", 1)[1] for key in models})
    of_loss = [models[f"{loss}_{name}_{seed}"] for seed in seeds]
    ratios = [
        model["metrics"]["mse"]["mean"] / models[f"mse_{name}_{seed}"]["metrics"]["mse"]["mean"]
        for model, seed in zip(of_loss, seeds)
    ]
    means = [
        statistics.mean(model["metrics"][metric]["mean"] for model in of_loss)
        for metric in ("mse", "nlpd", "ms_ssim")
    ]
    ratio_range = f"{statistics.mean(ratios):.3f} ({span([min(ratios), max(ratios)], '.3f')})"
    ratio = "1" if loss == "mse" else ratio_range
    rate = statistics.mean(model["bpp"] for model in of_loss)
    largest = max(model["bpp_max"] for model in of_loss)
    return (
        f"| {title} | {TITLES[loss]} | {means[0]:.4f} | {ratio} | {means[1]:.3f} | {means[2]:.3f} "
        f"| {rate:.3f} | {largest:.4f} |"
    )


TABLES = {"results": (RESULTS, results)}
