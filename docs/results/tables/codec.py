"""The shipped model beside image codecs, the codec's speed, memory and bits, and the search for its recipe.

On an otherwise idle machine:

    bin/benchmark codec --data=FOLDER --part=odd --json > docs/results/codec.json

search.json: of each try the scores on natural audio that bin/train reports (the last ones of a try that was
ended early), by

    bin/train ... --val_data=FOLDER --json

where FOLDER has every second clip of the set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tables.files import RESULTS, day, filled, interval, read

_REFERENCE_CODECS = {"jpeg": "JPEG", "jpeg2000": "JPEG 2000", "webp": "WebP"}


def best() -> str:
    """The shipped model beside image codecs, on clips that were not used to choose its recipe.

    Raises:
      ValueError: the file is of other clips.
    """
    report = read("codec")
    if report["part"] != "odd":
        raise ValueError(f"codec.json is of --part={report['part']}; the recipe was chosen on the even half")
    first = report["rate_distortion"][0]
    name, version = Path(report["model"]).parts[-2:]
    rates = (
        f"`{name}` version {version} and image codecs on {first['clips']} natural clips (the held-out "
        f"half), each at its best quality at or below {first['bpp_target']:g} bits per pixel. Left: "
        f"entropy-coded payload only; right: whole files with headers. {day(report)}."
    )
    ratios = (
        "Error of `best` relative to each codec's, payload against payload, with 95 % intervals over clips."
    )
    return "\n".join(
        [*_rate_distortion(report), "", filled(rates), "", *_relative_errors(report), "", filled(ratios)]
    )


def _rate_distortion(report: dict[str, Any]) -> list[str]:
    """Lines of a table with one row per codec: payload against payload, then file against file."""
    lines = [
        "| codec | bpp | MSE | NLPD | MS-SSIM-4 | bpp of files | MSE | NLPD | MS-SSIM-4 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for payload, file in zip(report["rate_distortion"], report["rate_distortion_files"]):
        cells = []
        for row in (payload, file):
            cells += [f"{row['bpp']:.3f}", f"{row['mse']:.5f}", f"{row['nlpd']:.3f}", f"{row['ms_ssim']:.3f}"]
        name = payload["codec"].replace("tfnoise:", "tfnoise, ")
        lines.append(f"| {_REFERENCE_CODECS.get(name, name)} | " + " | ".join(cells) + " |")
    return lines


def _relative_errors(report: dict[str, Any]) -> list[str]:
    """Lines of a table of ratios of errors, payload against payload."""
    lines = ["| relative to | MSE | NLPD | 1 - MS-SSIM-4 |", "|---|---|---|---|"]
    for row in report["rate_distortion"][1:]:
        ratios = [interval(row["ours_to_theirs"][metric]) for metric in ("mse", "nlpd", "ms_ssim")]
        lines.append(f"| {_REFERENCE_CODECS[row['codec']]} | {' | '.join(ratios)} |")
    return lines


def codec() -> str:
    """Speed, memory, bits."""
    report = read("codec")
    speed = {row["what"]: row for row in report["speed"]}
    rounds, duration_s = report["speed"][0]["rounds"], report["speed"][0]["duration_s"]
    lines = ["| operation | times real time |", "|---|---|"]
    for what, row in speed.items():
        low, high = row["real_time_factor_range"]
        lines.append(f"| {what} | {row['real_time_factor']:.0f} ({low:.0f} to {high:.0f}) |")
    lines += [
        "",
        f"{duration_s:g} s of audio at 48 kHz, {report['cores']} cores, medians (and ranges) of {rounds} "
        f"interleaved rounds, {day(report)}.",
        "",
        "| minutes of audio | peak MB above the idle process, compress | decompress |",
        "|---|---|---|",
    ]
    for row in report["memory"]:
        memory = [f"{row[f'{what}_bytes'] / 1e6:.0f}" for what in ("compress", "decompress")]
        lines.append(f"| {row['duration_s'] / 60:g} | {memory[0]} | {memory[1]} |")
    lines += [
        "",
        "| target bpp | payload relative to the symbols' information | largest excess, bits |",
        "|---|---|---|",
    ]
    for row in report["bits"]:
        excess = 100 * (row["payload_bits"] / row["estimated_bits"] - 1)
        lines.append(f"| {row['bpp_target']:g} | {excess:+.2f} % | {row['extra_bits_max']:.1f} |")
    return "\n".join(lines)


def search() -> str:
    """One row per try, in their order."""
    report = read("search")
    lines = [
        "| network and training | loss | steps | bpp | MSE | NLPD | MS-SSIM-4 |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        steps = f"{row['steps']:,}" + ("" if row["steps"] == row["of_steps"] else f" of {row['of_steps']:,}")
        lines.append(
            f"| {row['what']} | {row['flags']['loss']} | {steps} | {row['bpp']:.3f} | {row['mse']:.5f} "
            f"| {row['nlpd']:.3f} | {row['ms_ssim_4']:.3f} |"
        )
    lines += [
        "",
        f"{report['clips']} natural clips of the even half, streaked noise, seed 0, {report['date']}.",
    ]
    return "\n".join(lines)


TABLES = {"best": (RESULTS, best), "codec": (RESULTS, codec), "search": (RESULTS, search)}
