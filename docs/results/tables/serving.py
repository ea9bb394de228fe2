"""Served requests per second, and latencies.

On an otherwise idle machine:

    bin/benchmark serving --json > docs/results/serving.json
"""

from __future__ import annotations

from tables.files import RESULTS, day, read


def serving() -> str:
    """One row per signature, runtime and number of clients."""
    report = read("serving")
    lines = ["| signature | runtime | clients | requests/s | median | 95 % |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{row['signature']}` | {row['runtime']} | {row['clients']} | {row['requests_per_s']:.1f} "
        f"| {row['latency_ms']:.1f} ms | {row['latency_p95_ms']:.1f} ms |"
        for row in report["serving"]
    ]
    lines += [
        "",
        f"`{report['model']}`, images and sounds of {report['frames']} frames, medians of "
        f"{report['serving'][0]['rounds']} rounds, {report['cores']} cores, {day(report)}.",
    ]
    return "\n".join(lines)


TABLES = {"serving": (RESULTS, serving)}
