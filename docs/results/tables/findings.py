"""docs/findings.md: the sections of the reproduction beside the paper's table.

Of reproduction.json (readme.py tells how it was made) and of

    bin/reproduce --budget=quick --rate --quantizer_gradient --guidelines --data=FOLDER --out=reports/quick
    cp reports/quick/report.json docs/results/reproduction_quick.json

A section that both have is taken from the first.
"""

from __future__ import annotations

import os

from tables.files import DOCS, day, filled, read_if_there

PAGE = DOCS / "findings.md"


def questions() -> str | None:
    """The tables of the reproduction's sections beside the paper's table."""
    reports = [report for report in map(read_if_there, ("reproduction", "reproduction_quick")) if report]
    if not reports:
        return None
    # TensorFlow is only needed here, and has much to say.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfnoise.research.report import markdown_block
    from tfnoise.research.sections import SECTIONS

    parts: list[str] = []
    for name, section in SECTIONS.items():
        report = next((report for report in reports if name in report["sections"]), None)
        if name == "paper" or report is None:
            continue
        about = f"{report['clips']} natural clips, {report['steps']:,} steps a training, {day(report)}."
        tables = section.tables(report["sections"][name])
        captioned = [table._replace(caption=filled(table.caption)) for table in tables]
        parts += [f"## {section.title}", about, *map(markdown_block, captioned)]
    return "\n\n".join(parts)


TABLES = {"questions": questions}
