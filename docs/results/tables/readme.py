r"""The paper's experiment: the small table of README.md, the full ones of docs/results.md.

Trained and scored by

    bin/reproduce --budget=paper --noise --natural_data_bound --generation --images --sound --ablation \
        --data=FOLDER --out=reports/paper
    cp reports/paper/report.json docs/results/reproduction.json
"""

from __future__ import annotations

from typing import Any

from tables.files import LOSSES, README, RESULTS, TITLES, day, filled, read, span

BOTTLENECKS = {"levels": "fixed levels (the paper's)", "entropy": "entropy bottleneck"}


def summary() -> str:
    """One row per loss with the entropy bottleneck, and the constant-image baseline."""
    report = read("reproduction")
    paper = report["sections"]["paper"]
    lines = [
        "| trained on noise with | MSE | ratio to MSE-trained (95 % CI) | NLPD | MS-SSIM |",
        "|---|---|---|---|---|",
    ]
    for loss in LOSSES:
        row, claim = paper["table"]["entropy"][loss], paper["claim"]["entropy"].get(loss)
        scores = [f"{row['mse']['mean']:.4f}", _ratio(claim), f"{row['nlpd']['mean']:.3f}"]
        lines.append(f"| {TITLES[loss]} | {' | '.join(scores)} | {row['ms_ssim']['mean']:.3f} |")
    baseline = paper["constant_image"]
    lines += [
        f"| *baseline: a constant image at each clip's mean* | {baseline['mse']:.4f} | "
        f"| {baseline['nlpd']:.3f} | {baseline['ms_ssim']:.3f} |",
        "",
        filled(
            f"{paper['clips']} natural clips, 0.5 bits per pixel, entropy bottleneck, {paper['steps']:,} "
            f"steps on uniform noise, means over {paper['seeds']} seeds, {day(report)}. Lower is better for "
            "MSE and NLPD, higher for MS-SSIM."
        ),
    ]
    return "\n".join(lines)


def reproduction() -> str:
    """A row a bottleneck and loss, over seeds, with the ratio that the paper claims to be below 1."""
    report = read("reproduction")
    paper = report["sections"]["paper"]
    lines = [
        "| bottleneck | trained with | MSE | ratio (95 % CI) | below 1 | NLPD | MS-SSIM-4 | largest bpp |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for bottleneck, title in BOTTLENECKS.items():
        for loss in LOSSES:
            row, claim = paper["table"][bottleneck][loss], paper["claim"][bottleneck].get(loss)
            cells = [
                title,
                TITLES[loss],
                _with_spread(row["mse"], ".4f"),
                _ratio(claim),
                "" if claim is None else f"{100 * claim['confidence']:.1f} %",
                _with_spread(row["nlpd"], ".3f"),
                _with_spread(row["ms_ssim"], ".3f"),
                f"{row['bpp_max']:.4f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    baseline = paper["constant_image"]
    lines += [
        f"| | constant image | {baseline['mse']:.4f} | | | {baseline['nlpd']:.3f} "
        f"| {baseline['ms_ssim']:.3f} | |",
        "",
        filled(
            f"{paper['clips']} natural clips, {paper['steps']:,} steps on uniform noise, "
            f"{_over(paper['seeds'])}, {day(report)}. Ratio: MSE relative to the MSE-trained model's, with "
            "a 95 % bootstrap interval over clips and seeds; below 1: share of the resamples with a ratio "
            "below 1."
        ),
    ]
    return "\n".join(lines)


def contest() -> str:
    """The model trained on streaked noise against its twin trained on natural clips: one row per metric."""
    report = read("reproduction")
    section = report["sections"]["natural_data_bound"]
    titles = {
        "mse": "MSE",
        "calibrated_mse": "MSE after calibration (one slope and offset per model)",
        "nlpd": "NLPD",
    }
    rows = [f"| {title} | {_ratio(section['contest'][name])} |" for name, title in titles.items()]
    caption = (
        f"Both trained with MSE, entropy bottleneck, {section['steps']:,} steps; the twin on "
        f"{section['clips_learned']} natural clips; tested on the {section['clips_tested']} others; 95 % "
        f"bootstrap intervals over clips and {section['seeds']} seeds, {day(report)}."
    )
    return "\n".join(
        ["| metric | streaked noise relative to natural clips |", "|---|---|", *rows, "", filled(caption)]
    )


def _over(seeds: int) -> str:
    return f"means ± standard deviations over {seeds} seeds" if seeds > 1 else "one seed"


def _with_spread(score: dict[str, Any], form: str) -> str:
    spread = "" if score["spread"] is None else f" ± {score['spread']:{form}}"
    return f"{score['mean']:{form}}{spread}"


def _ratio(claim: dict[str, Any] | None) -> str:
    """A ratio with its interval; 1 for the reference, which has no claim."""
    if claim is None:
        return "1"
    return f"{claim['ratio']:.3f} ({span([claim['low'], claim['high']], '.3f')})"


TABLES = {
    "summary": (README, summary),
    "reproduction": (RESULTS, reproduction),
    "contest": (RESULTS, contest),
}
