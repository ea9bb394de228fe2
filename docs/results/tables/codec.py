r"""docs/codec.md: the codec's rate and distortion beside codecs of images, its speed, memory and bits.

On a machine that does nothing else:

    bin/benchmark codec --data=FOLDER --plot=docs/pictures/rate_distortion.png --overwrite --json \
        > docs/results/codec.json
"""

from __future__ import annotations

from typing import Any

from tables.files import DOCS, day, read

PAGE = DOCS / "codec.md"
COUNTED = "only the entropy-coded data count, or the whole file (ours with header and framing)"
_OPPONENTS = {"jpeg": "JPEG", "jpeg2000": "JPEG 2000", "webp": "WebP"}


def codec() -> str:
    """Rate and distortion beside codecs of images, speed, memory, bits."""
    report = read("codec")
    first = report["rate_distortion"][0]
    lines = [
        f"The mel images of {first['clips']} natural clips, each with the best quality at or under "
        f"{first['bpp_target']:g} bits per pixel, of which",
        f"{COUNTED}. Measured on {day(report)}.",
        "",
        *rate_distortion(report),
    ]
    speed = {row["what"]: row for row in report["speed"]}
    rounds, duration_s = report["speed"][0]["rounds"], report["speed"][0]["duration_s"]
    lines += [
        "",
        f"{duration_s:g} s of sound at 48 kHz, {report['cores']} cores, medians of {rounds} rounds in turns:",
        "",
        "| | times real time |",
        "|---|---|",
    ]
    for what, row in speed.items():
        low, high = row["real_time_factor_range"]
        lines.append(f"| {what} | {row['real_time_factor']:.0f} ({low:.0f} to {high:.0f}) |")
    lines += [
        "",
        "| minutes of sound | peak MB above the idle process, compress | decompress |",
        "|---|---|---|",
    ]
    for row in report["memory"]:
        grown = [f"{row[f'{what}_bytes'] / 1e6:.0f}" for what in ("compress", "decompress")]
        lines.append(f"| {row['duration_s'] / 60:g} | {grown[0]} | {grown[1]} |")
    extra = max(row["extra_bits_max"] for row in report["bits"])
    more = max(row["payload_bits"] / row["estimated_bits"] - 1 for row in report["bits"])
    rates = ", ".join(f"{row['bpp_target']:g}" for row in report["bits"])
    lines += [
        "",
        f"At {rates} bits per pixel the strings have at most {100 * more:.2f} % more bits than their",
        f"symbols' information, and none more than {extra:.1f} bits.",
    ]
    return "\n".join(lines)


def rate_distortion(report: dict[str, Any]) -> list[str]:
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


TABLES = {"codec": codec}
