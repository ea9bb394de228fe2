"""docs/training.md: the time of a step, and what bfloat16 learns.

On a machine that does nothing else:

    bin/benchmark training --json > docs/results/training.json

For quick.json see research.py;

    bin/sweep --flagfile=configs/quick.cfg --loss=mse,ms_ssim,nlpd --precision=bfloat16
    bin/evaluate --model=... --data=FOLDER --json > docs/results/bfloat16.json
"""

from __future__ import annotations

from tables.files import DOCS, LOSSES, TITLES, day, read, span

PAGE = DOCS / "training.md"


def training() -> str:
    """Time of a step: a row a trainer, loss and precision, and two workers."""
    report = read("training")
    lines = [
        "| trainer | loss | precision | ms a step | images/s | time, of plain MSE |",
        "|---|---|---|---|---|---|",
    ]
    for row in report["trainers"]:
        loss = TITLES.get(row["loss"], f"`{row['loss']}`")
        lines.append(
            f"| {row['trainer']} | {loss} | {row['precision']} | {1e3 * row['step_seconds']:.1f} "
            f"| {row['images_per_s']:.0f} | {row['of_floor']:.2f} ({span(row['of_floor_range'], '.2f')}) |"
        )
    workers = report["workers"]
    lines += [
        f"| ours, {workers['workers']} workers | MS-SSIM | float32 | {1e3 * workers['step_seconds']:.1f} "
        f"| {workers['images_per_s']:.0f} | |",
        "",
        f"Medians of {report['trainers'][0]['rounds']} rounds in turns, and the range of the rounds' ratios; "
        f"{report['cores']} cores, bfloat16 "
        f"{'native' if report['native_bfloat16'] else 'not native'}; measured on {day(report)}.",
    ]
    return "\n".join(lines)


def bfloat16() -> str:
    """The paper's ratios, trained in float32 and in bfloat16."""
    models, lower = read("quick")["models"], read("bfloat16")
    lines = [
        "| trained with | MSE in bfloat16 | of MSE-trained | in float32, three seeds |",
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
    lines += ["", f"`configs/quick.cfg`; in bfloat16 seed 0 alone; measured on {day(lower)}."]
    return "\n".join(lines)


TABLES = {"training": training, "bfloat16": bfloat16}
