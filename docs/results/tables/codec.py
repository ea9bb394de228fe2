r"""docs/codec.md: the codec's speed, memory and bits.

Here, and in README.md, on a machine that does nothing else:

    bin/benchmark codec --data=FOLDER --part=odd --plot=docs/pictures/rate_distortion.png --overwrite --json \
        > docs/results/codec.json
"""

from __future__ import annotations

from tables.files import DOCS, day, read

PAGE = DOCS / "codec.md"


def codec() -> str:
    """Speed, memory, bits."""
    report = read("codec")
    speed = {row["what"]: row for row in report["speed"]}
    rounds, duration_s = report["speed"][0]["rounds"], report["speed"][0]["duration_s"]
    lines = [
        f"{duration_s:g} s of sound at 48 kHz, {report['cores']} cores, medians of {rounds} rounds in turns; "
        f"{day(report)}:",
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


TABLES = {"codec": codec}
