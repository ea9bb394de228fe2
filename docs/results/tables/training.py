"""Time of a training step, and scores of models trained in bfloat16.

On an otherwise idle machine:

    bin/benchmark training --json > docs/results/training.json

For quick.json see research.py;

    bin/sweep --flagfile=configs/quick.cfg --loss=mse,ms_ssim,nlpd --precision=bfloat16
    bin/evaluate --model=... --data=FOLDER --json > docs/results/bfloat16.json
"""

from __future__ import annotations

from tables.files import LOSSES, RESULTS, TITLES, day, read, span


def training() -> str:
    """One row per trainer, loss and precision, and two workers."""
    report = read("training")
    lines = [
        "| trainer | loss | precision | ms/step | images/s | time relative to plain MSE |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["trainers"]:
        loss = TITLES.get(row["loss"], f"`{row['loss']}`")
        trainer = row["trainer"].replace("ours", "tfnoise")
        lines.append(
            f"| {trainer} | {loss} | {row['precision']} | {1e3 * row['step_seconds']:.1f} "
            f"| {row['images_per_s']:.0f} | {row['of_floor']:.2f} ({span(row['of_floor_range'], '.2f')}) |"
        )
    workers = report["workers"]
    lines += [
        f"| tfnoise, {workers['workers']} workers | MS-SSIM | float32 | {1e3 * workers['step_seconds']:.1f} "
        f"| {workers['images_per_s']:.0f} | |",
        "",
        f"Medians of {report['trainers'][0]['rounds']} interleaved rounds, with the range of the rounds' "
        f"ratios; {report['cores']} cores, bfloat16 "
        f"{'native' if report['native_bfloat16'] else 'not native'}, {day(report)}.",
    ]
    return "\n".join(lines)


def bfloat16() -> str:
    """Ratios to the MSE-trained model's MSE, in float32 and in bfloat16."""
    models, lower = read("quick")["models"], read("bfloat16")
    lines = [
        "| trained with | MSE, bfloat16 | ratio, bfloat16 | ratio, float32, three seeds |",
        "|---|---|---|---|",
    ]
    for loss in LOSSES:
        mean = lower["models"][loss]["metrics"]["mse"]["mean"]
        ratio = mean / lower["models"]["mse"]["metrics"]["mse"]["mean"]
        ratios = [
            models[f"{loss}_quick_{seed}"]["metrics"]["mse"]["mean"]
            / models[f"mse_quick_{seed}"]["metrics"]["mse"]["mean"]
            for seed in range(3)
        ]
        ends = span([min(ratios), max(ratios)], ".3f")
        lines.append(f"| {TITLES[loss]} | {mean:.4f} | {ratio:.3f} | {ends} |")
    lines += [
        "",
        f"`configs/quick.cfg`; bfloat16: seed 0 only; ratio: to the MSE-trained model's MSE; {day(lower)}.",
    ]
    return "\n".join(lines)


TABLES = {"training": (RESULTS, training), "bfloat16": (RESULTS, bfloat16)}
