r"""README.md: the reproduction of the paper, and the shipped model beside codecs of images (see codec.py).

Trained and scored by

    bin/reproduce --budget=paper --noise --natural_data_bound --generation --images --sound --ablation \
        --data=FOLDER --out=reports/paper
    cp reports/paper/report.json docs/results/reproduction.json
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tables.files import LOSSES, README, TITLES, day, filled, interval, read, read_if_there, span

PAGE = README
_OPPONENTS = {"jpeg": "JPEG", "jpeg2000": "JPEG 2000", "webp": "WebP"}
BOTTLENECKS = {"levels": "fixed levels, the paper's", "entropy": "entropy bottleneck"}


def reproduction() -> str | None:
    """The paper's table: a row a bottleneck and loss, over seeds, with the claim's ratio and confidence."""
    report = read_if_there("reproduction")
    if report is None:
        return None
    paper = report["sections"]["paper"]
    lines = [
        filled(_about(paper) + f" Measured on {day(report)}."),
        "",
        "| bottleneck | trained with | MSE | ratio (95 %) | below 1 | NLPD | MS-SSIM-4 | largest bpp |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for bottleneck, title in BOTTLENECKS.items():
        for loss in LOSSES:
            row, claim = paper["table"][bottleneck][loss], paper["claim"][bottleneck].get(loss)
            cells = [
                title,
                TITLES[loss],
                _with_spread(row["mse"], ".4f"),
                "1" if claim is None else _ratio(claim),
                "" if claim is None else f"{100 * claim['confidence']:.1f} %",
                _with_spread(row["nlpd"], ".3f"),
                _with_spread(row["ms_ssim"], ".3f"),
                f"{row['bpp_max']:.4f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    constant = paper["constant_image"]
    cells = [
        "",
        "constant image",
        f"{constant['mse']:.4f}",
        "",
        "",
        f"{constant['nlpd']:.3f}",
        f"{constant['ms_ssim']:.3f}",
        "",
    ]
    lines.append(f"| {' | '.join(cells)} |")
    bound = report["sections"].get("natural_data_bound")
    return "\n".join(lines + (["", filled(_contest(bound))] if bound else []))


def best() -> str:
    """The shipped model beside codecs of images, on clips that had no say in its recipe.

    Raises:
      ValueError: the file is of other clips.
    """
    report = read("codec")
    if report["part"] != "odd":
        raise ValueError(f"codec.json is of --part={report['part']}; the recipe was chosen on the even half")
    first = report["rate_distortion"][0]
    name, version = Path(report["model"]).parts[-2:]
    about = (
        f"The mel images of {first['clips']} natural clips, of the half that the search for the recipe did "
        f"not use, each with the best quality at or under {first['bpp_target']:g} bits per pixel, of which "
        f"only the entropy-coded data count, or the whole file (ours with header and framing). `{name}` is "
        f"version {version}. Measured on {day(report)}."
    )
    ratios = "Our mean error as a share of theirs, by the payload alone, with 95 % intervals over clips:"
    return "\n".join([filled(about), "", *_rate_distortion(report), "", ratios, "", *_ours_to_theirs(report)])


def _about(paper: dict[str, Any]) -> str:
    seeds = paper["seeds"]
    over = f"means ± standard deviations over {seeds} seeds" if seeds > 1 else "one seed"
    return (
        f"Trained on uniform noise for {paper['steps']:,} steps, scored on {paper['clips']} natural clips; "
        f"{over}. Of MSE and NLPD less is better, of MS-SSIM more. The ratio is that of the MSE to the "
        f"MSE-trained model's, with a 95 % interval over resamples of clips and seeds; the share of these "
        f"resamples in which it is below 1 follows. Last, the largest rate of any clip, in bits per pixel. "
        f"Baseline: a constant image at each clip's mean."
    )


def _contest(bound: dict[str, Any]) -> str:
    mse, calibrated, nlpd = (_ratio(bound["contest"][name]) for name in ("mse", "calibrated_mse", "nlpd"))
    return (
        f"Noise against data: trained with MSE on streaked noise, random numbers in a designed arrangement, "
        f"the model with the entropy bottleneck has {mse} of the MSE and {nlpd} of the NLPD of its twin that "
        f"was trained with MSE on {bound['clips_learned']} natural clips; of the MSE {calibrated} where "
        f"one slope and offset set each model's brightness right. Ratios with 95 % intervals over "
        f"{bound['seeds']} seeds and the {bound['clips_tested']} other clips."
    )


def _with_spread(found: dict[str, Any], form: str) -> str:
    spread = "" if found["spread"] is None else f" ± {found['spread']:{form}}"
    return f"{found['mean']:{form}}{spread}"


def _ratio(claim: dict[str, Any]) -> str:
    return f"{claim['ratio']:.3f} ({span([claim['low'], claim['high']], '.3f')})"


def _rate_distortion(report: dict[str, Any]) -> list[str]:
    """The lines of a table of bin/benchmark codec.

    A row is a codec, payload against payload and file against file.
    """
    lines = [
        "| | bpp | MSE | NLPD | MS-SSIM-4 | bpp of files | MSE | NLPD | MS-SSIM-4 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for payload, file in zip(report["rate_distortion"], report["rate_distortion_files"]):
        cells = []
        for row in (payload, file):
            cells += [f"{row['bpp']:.3f}", f"{row['mse']:.5f}", f"{row['nlpd']:.3f}", f"{row['ms_ssim']:.3f}"]
        name = payload["codec"].replace("tfnoise:", "tfnoise, ")
        lines.append(f"| {_OPPONENTS.get(name, name)} | " + " | ".join(cells) + " |")
    return lines


def _ours_to_theirs(report: dict[str, Any]) -> list[str]:
    """The lines of a table of ratios of errors, payload against payload."""
    lines = ["| | MSE | NLPD | 1 - MS-SSIM-4 |", "|---|---|---|---|"]
    for row in report["rate_distortion"][1:]:
        ratios = [interval(row["ours_to_theirs"][metric]) for metric in ("mse", "nlpd", "ms_ssim")]
        lines.append(f"| {_OPPONENTS[row['codec']]} | {' | '.join(ratios)} |")
    return lines


TABLES = {"reproduction": reproduction, "best": best}
