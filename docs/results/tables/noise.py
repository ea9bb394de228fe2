"""Scores by noise family.

Trained and scored by

    bin/sweep --flagfile=configs/quick.cfg --noise=FAMILY,FAMILY,... --loss=mse,nlpd
    bin/evaluate --model=... --data=FOLDER --json > docs/results/noise.json
"""

from __future__ import annotations

from tables.files import RESULTS, day, read


def noise() -> str:
    """One row per family, columns by loss."""
    report = read("noise")
    models = report["models"]
    families = list(dict.fromkeys(name.split("_", 1)[1] for name in models))
    lines = [
        "| noise family | MSE, trained with MSE | with NLPD | NLPD, trained with MSE | with NLPD "
        "| MS-SSIM-4, trained with MSE | with NLPD |",
        "|---|---|---|---|---|---|---|",
    ]
    for family in families:
        cells = [
            f"{models[f'{loss}_{family}']['metrics'][metric]['mean']:{form}}"
            for metric, form in (("mse", ".4f"), ("nlpd", ".3f"), ("ms_ssim", ".3f"))
            for loss in ("mse", "nlpd")
        ]
        lines.append(f"| {family} | {' | '.join(cells)} |")
    clips = next(iter(models.values()))["clips"]
    lines += ["", f"{clips} natural clips at or below 0.5 bpp, 500 steps, seed 0, {day(report)}."]
    return "\n".join(lines)


TABLES = {"noise": (RESULTS, noise)}
