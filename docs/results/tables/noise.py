"""docs/noise.md: what is learned from which noise.

Trained and scored by

    bin/sweep --flagfile=configs/quick.cfg --noise=FAMILY,FAMILY,... --loss=mse,nlpd
    bin/evaluate --model=... --data=FOLDER --json > docs/results/noise.json
"""

from __future__ import annotations

from tables.files import DOCS, day, read

PAGE = DOCS / "noise.md"


def noise() -> str:
    """A row a family, columns by loss."""
    report = read("noise")
    models = report["models"]
    families = list(dict.fromkeys(name.split("_", 1)[1] for name in models))
    lines = [
        "| | MSE | | NLPD | | MS-SSIM-4 | |",
        "|---|---|---|---|---|---|---|",
        "| noise | trained with MSE | with NLPD | with MSE | with NLPD | with MSE | with NLPD |",
    ]
    for family in families:
        cells = [
            f"{models[f'{loss}_{family}']['metrics'][metric]['mean']:{form}}"
            for metric, form in (("mse", ".4f"), ("nlpd", ".3f"), ("ms_ssim", ".3f"))
            for loss in ("mse", "nlpd")
        ]
        lines.append(f"| {family} | {' | '.join(cells)} |")
    first = next(iter(models.values()))
    lines += ["", f"{first['clips']} natural clips, each at or under 0.5 bpp; seed 0; {day(report)}."]
    return "\n".join(lines)


TABLES = {"noise": noise}
