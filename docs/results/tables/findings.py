"""The sections of bin/reproduce beside the paper's table.

Of reproduction.json (readme.py has its command) and of

    bin/reproduce --budget=quick --rate --quantizer_gradient --guidelines --data=FOLDER --out=reports/quick
    cp reports/quick/report.json docs/results/reproduction_quick.json

A section that both have is taken from the first.
"""

from __future__ import annotations

import os

from tables.files import DOCS, day, filled, read


def sections() -> str:
    """The tables of all sections but "paper", each section under its name."""
    # Only these tables import TensorFlow, which logs a lot.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfnoise.research.report import markdown_block
    from tfnoise.research.sections import SECTIONS

    reports = [read("reproduction"), read("reproduction_quick")]
    parts = []
    for name, section in SECTIONS.items():
        report = next((report for report in reports if name in report["sections"]), None)
        if name == "paper" or report is None:
            continue
        about = f"{report['clips']} natural clips, {report['steps']:,} steps a training, {day(report)}."
        tables = section.tables(report["sections"][name])
        parts += [f"## {name.replace('_', ' ').capitalize()}", about]
        parts += [markdown_block(table._replace(caption=filled(table.caption))) for table in tables]
    return "\n\n".join(parts)


TABLES = {"sections": (DOCS / "results" / "findings_tables.md", sections)}
