#!/usr/bin/env python3
"""Writes the README's table of results from the JSON files beside this script.

Each NAME.json is the output of bin/evaluate --json on models called LOSS_NAME_SEED. How they are made, for
NAME in default, quick, paper and SEED in 0, 1, 2:

    bin/train --loss=LOSS --seed=SEED --name=LOSS_NAME_SEED [--flagfile=configs/NAME.cfg]
    bin/evaluate --model=... --data=FOLDER --json > docs/results/NAME.json

In the files of 2026-11-23 all models of "paper", those of seed 0 of "quick" and nlpd_default_0 were trained
with two threads, the others with TF_NUM_INTRAOP_THREADS=1, which changes the last digits of a training.

Example:
    python docs/results/table.py
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
BEGIN = "<!-- results: begin (docs/results/table.py writes what stands between these marks) -->"
END = "<!-- results: end -->"
LOSSES = ("mse", "nlpd", "ms_ssim")
TITLES = {
    "default": "default settings",
    "quick": "`configs/quick.cfg`",
    "paper": "`configs/paper.cfg`",
}


def table() -> str:
    """The table in Markdown: a row a loss and setting, means over seeds, ratios to the MSE-trained model."""
    reports = {name: json.loads((HERE / f"{name}.json").read_text()) for name in TITLES}
    first = reports["default"]
    clips = next(iter(first["models"].values()))["clips"]
    lines = [
        f"Trained on uniform noise, scored on {clips} natural clips (music, speech, environment), every clip",
        "at or under 0.5 bpp. Means over three seeds; the ratio to the MSE-trained model of the same seed is",
        f"given with its smallest and largest value. Measured on {first['date'][:10]}.",
        "",
        "| setting | trained with | MSE | ratio | NLPD | MS-SSIM-4 | bpp mean | bpp largest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, title in TITLES.items():
        for loss in LOSSES:
            lines.append(_row(reports[name]["models"], name, title, loss))
    return "\n".join(lines)


def _row(models: dict, name: str, title: str, loss: str) -> str:
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
    spread = f"{statistics.mean(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    ratio = "1" if loss == "mse" else spread
    rate = statistics.mean(model["bpp"] for model in chosen)
    largest = max(model["bpp_max"] for model in chosen)
    label = {"mse": "MSE", "nlpd": "NLPD", "ms_ssim": "MS-SSIM"}[loss]
    return (
        f"| {title} | {label} | {means[0]:.4f} | {ratio} | {means[1]:.3f} | {means[2]:.3f} "
        f"| {rate:.3f} | {largest:.4f} |"
    )


def main() -> None:
    """Puts the table between the marks of the README."""
    text = README.read_text()
    head, rest = text.split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    README.write_text(f"{head}{BEGIN}\n{table()}\n{END}{tail}")
    print(f"wrote {README}")


if __name__ == "__main__":
    main()
