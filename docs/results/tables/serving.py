"""docs/serving.md: requests a second and latencies.

On a machine that does nothing else:

    bin/benchmark serving --json > docs/results/serving.json
"""

from __future__ import annotations

from tables.files import DOCS, day, read

PAGE = DOCS / "serving.md"


def serving() -> str:
    """Requests a second and latencies: a row a signature, runtime and number of clients."""
    report = read("serving")
    lines = ["| signature | runtime | clients | requests/s | median | 95 % |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{row['signature']}` | {row['runtime']} | {row['clients']} | {row['requests_per_s']:.1f} "
        f"| {row['latency_ms']:.1f} ms | {row['latency_p95_ms']:.1f} ms |"
        for row in report["serving"]
    ]
    lines += [
        "",
        f"`{report['model']}`, medians of {report['serving'][0]['rounds']} rounds, {report['cores']} cores; "
        f"measured on {day(report)}.",
    ]
    return "\n".join(lines)


TABLES = {"serving": serving}
