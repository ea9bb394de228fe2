"""docs/findings.md: the sections of the reproduction beside the paper's table.

Of reproduction.json (readme.py tells how it was made) and of

    bin/reproduce --budget=quick --rate --quantizer_gradient --guidelines --data=FOLDER --out=reports/quick
    cp reports/quick/report.json docs/results/reproduction_quick.json

A section that both have is taken from the first.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from tables.files import DOCS, day, filled, read_if_there

PAGE = DOCS / "findings.md"


def questions() -> str | None:
    """The reproduction's sections beside the paper's table: their tables and what they say of them."""
    reports = [report for report in map(read_if_there, ("reproduction", "reproduction_quick")) if report]
    if not reports:
        return None
    # TensorFlow is only needed here, and has much to say.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfnoise.research.blocks import Heading, Paragraph, Table
    from tfnoise.research.pages import markdown_page
    from tfnoise.research.sections import SECTIONS

    blocks: list[Any] = []
    for name, section in SECTIONS.items():
        report = next((report for report in reports if name in report["sections"]), None)
        if name == "paper" or report is None:
            continue
        made = f"{report['clips']} natural clips, {report['steps']:,} steps a training, {day(report)}."
        found = section.blocks(report["sections"][name])
        blocks += [Heading(section.TITLE), Paragraph(made)]
        blocks += [block for block in found if isinstance(block, (Paragraph, Table))]
    _, _, text = markdown_page("", [_wrapped(block) for block in blocks]).partition("\n\n")
    return text.strip()


def _wrapped(block: Any) -> Any:
    """A block with its paragraph, or its caption, in lines."""
    fields = {"text", "caption"} & {field.name for field in dataclasses.fields(block)}
    return dataclasses.replace(block, **{name: filled(getattr(block, name)) for name in fields})


TABLES = {"questions": questions}
