#!/usr/bin/env python3
"""Writes the README's tables from the JSON files beside this script.

Results: each NAME.json is the output of bin/evaluate --json on models called LOSS_NAME_SEED. How they are
made, for NAME in default, quick, paper and SEED in 0, 1, 2:

    bin/train --loss=LOSS --seed=SEED --name=LOSS_NAME_SEED [--flagfile=configs/NAME.cfg]
    bin/evaluate --model=... --data=FOLDER --json > docs/results/NAME.json

In the files of 2026-11-23 all models of "paper", those of seed 0 of "quick" and nlpd_default_0 were trained
with two threads, the others with TF_NUM_INTRAOP_THREADS=1, which changes the last digits of a training.

Listeners, where nlpd_natural.json was fitted to other audio than the rated clips:

    bin/fit_nlpd --data=FOLDER -o nlpd_natural.json
    bin/correlate --ratings=ratings.csv --nlpd_parameters=nlpd_natural.json --json > listeners.json
    bin/correlate ... --noidentical --json > listeners_coded.json

Speed, on a machine that does nothing else:

    bin/benchmark losses --rounds=15 --json > docs/results/losses.json

Example:
    python docs/results/table.py
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
LOSSES = ("mse", "nlpd", "ms_ssim")
LISTENERS = ("listeners", "listeners_coded")
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


def listeners_table() -> str:
    """How metrics agree with listeners: a row a metric, all pairs and those of coded clips alone."""
    report, coded = (json.loads((HERE / f"{name}.json").read_text()) for name in LISTENERS)
    lines = [
        f"{report['pairs']} rated pairs of {report['references']} speech clips, as mel-spectrograms;",
        f"correlations with 95 % bootstrap intervals over references ({report['resamples']} resamples).",
        f"For MSE and NLPD -1 is best, for SSIM and MS-SSIM 1. {report['identical_pairs']} of the pairs are",
        f"a reference with itself, which the last two columns leave out. Measured on {report['date'][:10]}.",
        "",
        "| metric | Spearman | Pearson | over MSE's Spearman | coded clips alone | over MSE's |",
        "|---|---|---|---|---|---|",
    ]
    for name, metric in report["metrics"].items():
        alone = coded["metrics"][name]
        cells = [
            _interval(metric["spearman"]),
            f"{metric['pearson']['value']:.3f}",
            _interval(metric["spearman_gain_over_mse"], "+.3f"),
            _interval(alone["spearman"]),
            _interval(alone["spearman_gain_over_mse"], "+.3f"),
        ]
        title = name.replace("ms_ssim_", "MS-SSIM-").replace("nlpd_", "NLPD ").replace("_", " ")
        title = title if title.startswith(("MS-SSIM", "NLPD")) else title.upper()
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def speed_table() -> str:
    """The losses against others: a row a loss and direction."""
    report = json.loads((HERE / "losses.json").read_text())
    batch, height, width, channels = report["shape"]
    shares = {row["loss"]: 100 * row["share"] for row in report["training"]}
    rounds = report["losses"][0]["rounds"]
    lines = [
        f"Images [{batch}, {height}, {width}, {channels}], float32, {report['cores']} cores; medians of",
        f"{rounds} rounds in turns, peak memory of fresh processes. Measured on {report['date'][:10]}.",
        f"Of a training step at the default settings MS-SSIM and its gradient take "
        f"{shares['ms_ssim']:.1f} %, NLPD {shares['nlpd']:.1f} %.",
        "",
        "| loss | against | direction | speed-up | peak memory, MB | theirs |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["losses"]:
        label = {"nlpd": "NLPD", "ms_ssim": "MS-SSIM"}[row["loss"]]
        low, high = row["speedup_range"]
        theirs = f"`{row['baseline']}`" if row["baseline"].startswith("tf.") else row["baseline"]
        lines.append(
            f"| {label} | {theirs} | {row['direction']} | {row['speedup']:.2f} ({low:.2f} to {high:.2f}) "
            f"| {row['peak_bytes'] / 1e6:.0f} | {row['baseline_peak_bytes'] / 1e6:.0f} |"
        )
    return "\n".join(lines)


def _interval(estimate: dict | None, form: str = ".3f") -> str:
    if estimate is None or estimate["value"] is None:
        return "-"
    low, high = estimate["ci95"]
    return f"{estimate['value']:{form}} [{low:{form}}, {high:{form}}]"


TABLES = {"results": table, "listeners": listeners_table, "speed": speed_table}


def marks(name: str) -> tuple[str, str]:
    """What begins and ends a table in the README."""
    return f"<!-- {name}: begin (docs/results/table.py writes this) -->", f"<!-- {name}: end -->"


def main() -> None:
    """Puts the tables between their marks in the README."""
    text = README.read_text()
    for name, make in TABLES.items():
        begin, end = marks(name)
        head, rest = text.split(begin, 1)
        _, tail = rest.split(end, 1)
        text = f"{head}{begin}\n{make()}\n{end}{tail}"
    README.write_text(text)
    print(f"wrote {README}")


if __name__ == "__main__":
    main()
