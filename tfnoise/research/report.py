"""The report of an experiment: sections' results as one page in HTML, Markdown and JSON."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

import tfnoise
from tfnoise.files import replacing, write_json
from tfnoise.research.blocks import Block, Heading, Paragraph
from tfnoise.research.pages import html_page, markdown_page
from tfnoise.research.sections import SECTIONS

TITLE = "Learning to code audio from noise"


def write_report(
    folder: Path, about: Mapping[str, Any], results: Mapping[str, Any], remarks: list[str]
) -> list[Path]:
    """Writes report.html, report.md and report.json.

    Args:
      folder: of the experiment.
      about: what the experiment is: data, clips, budget, seeds and the like; must be JSON.
      results: what each section measured, by its name.
      remarks: sentences on what was left out.

    Returns:
      The paths of the three.

    Raises:
      OSError: the folder cannot be written to.
    """
    date = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    versions = {"tfnoise": tfnoise.__version__, "tensorflow": tf.__version__}
    blocks: list[Block] = [Paragraph(_summary(about, date)), *map(Paragraph, remarks)]
    for name, module in SECTIONS.items():
        if name in results:
            blocks += [Heading(module.TITLE), *module.blocks(results[name])]
    pages = {
        folder / "report.html": html_page(TITLE, blocks, folder),
        folder / "report.md": markdown_page(TITLE, blocks),
    }
    for path, text in pages.items():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    json_path = folder / "report.json"
    write_json(
        {**about, "date": date, "versions": versions, "remarks": remarks, "sections": results}, json_path
    )
    return [*pages, json_path]


def _summary(about: Mapping[str, Any], date: str) -> str:
    return (
        f'Models that learned from noise, after "Data is Overrated" (arXiv 2312.03455), tested on '
        f"{about['clips']} clips of natural audio ({about['data']}). Budget {about['budget']}: "
        f"{about['steps']:,} steps a training, {about['seeds']} seeds. {date[:10]}, tfnoise "
        f"{tfnoise.__version__}, TensorFlow {tf.__version__}. All figures are in report.json."
    )
