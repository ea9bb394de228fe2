"""The report of an experiment: tables, pictures and sounds as offline HTML, Markdown and JSON."""

from __future__ import annotations

import base64
import datetime
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import tensorflow as tf

import tfnoise
from tfnoise.files import replacing, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Learning to code audio from noise"
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #777; }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 2rem 1.2rem 5rem; }
h1 { line-height: 1.2; } h2 { border-top: 1px solid var(--line); margin-top: 3rem; padding-top: 1rem; }
nav { columns: 2; } nav a { display: block; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1.5rem 0; } figcaption { color: var(--quiet); font-size: .9rem; margin-top: .4rem; }
img { background: #fff; height: auto; max-width: 100%; }
audio { height: 2.2rem; max-width: 45vw; vertical-align: middle; width: 18rem; }
"""


class Table(NamedTuple):
    """Cells as text, the first column aligned left, others right; the caption says what they are."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str


class Picture(NamedTuple):
    """A PNG file, by its path below the report's folder."""

    path: str
    caption: str


class Sounds(NamedTuple):
    """FLAC files to be played, each by a title and its path below the report's folder."""

    files: Sequence[tuple[str, str]]
    caption: str


Block = Union[Table, Picture, Sounds]


class Chapter(NamedTuple):
    """A part of a page: its heading and what stands below it."""

    heading: str
    blocks: Sequence[Block]


def number(value: Any, digits: int = 3) -> str:
    """A number with this many significant digits; a dash for None and NaN.

    >>> number(0.04693), number(1234.6), number(None)
    ('0.0469', '1235', '–')
    """
    if value is None or value != value:
        return "–"
    value = float(value)
    if value == 0 or not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits}g}"
    exponent = int(f"{value:e}".partition("e")[2])
    return f"{value:.{max(digits - 1 - exponent, 0)}f}"


def numbers(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The cells of a row's values of these names."""
    return [number(row[name]) for name in names]


def ratio_cell(row: Mapping[str, Any] | None) -> str:
    """A "ratio" with its interval from "low" to "high"; 1 for None, a model's ratio to itself."""
    return "1" if row is None else f"{number(row['ratio'])} ({number(row['low'])} to {number(row['high'])})"


CLAIM_HEADER = ("MSE ratio", "resamples below 1", "seeds below 1")


def claim_cells(row: Mapping[str, Any] | None, seeds: int) -> list[str]:
    """The cells of an `evaluation.Comparison` below `CLAIM_HEADER`."""
    if row is None:
        return [ratio_cell(None), "–", "–"]
    return [ratio_cell(row), f"{100 * row['confidence']:.1f} %", f"{row['seeds_below']} of {seeds}"]


def line_chart(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = True,
) -> Figure:
    """Draws curves by their names; points whose value is NaN are omitted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.0), layout="constrained", facecolor="white")
    axis = figure.subplots()
    for name, points in curves.items():
        finite = [(x, y) for x, y in points if y == y]
        x, y = zip(*finite) if finite else ((), ())
        axis.plot(x, y, marker="o" if markers else None, ms=4, lw=1.4, label=name)
    axis.set_xscale("log" if log_x else "linear")
    axis.set_yscale("log" if log_y else "linear")
    axis.set_xlabel(x_label)
    axis.set_ylabel(y_label)
    axis.grid(alpha=0.25, which="both", lw=0.5)
    if len(curves) > 1:
        figure.legend(loc="outside right upper", fontsize=8.5, frameon=False)
    return figure


def html_page(title: str, paragraphs: Sequence[str], chapters: Sequence[Chapter], folder: Path) -> str:
    """A page with all pictures and sounds, of `folder`, inside; paragraphs stand before the chapters."""
    headings = [html.escape(chapter.heading) for chapter in chapters]
    links = "".join(f'<a href="#s{place}">{heading}</a>' for place, heading in enumerate(headings))
    lines = [f"<p>{html.escape(text)}</p>" for text in paragraphs]
    for place, chapter in enumerate(chapters):
        lines.append(f'<h2 id="s{place}">{headings[place]}</h2>')
        lines += [_html_block(block, folder) for block in chapter.blocks]
    body = "\n".join(lines)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{html.escape(title)}</h1>\n<nav>{links}</nav>\n{body}\n</body></html>\n"
    )


def markdown_page(title: str, paragraphs: Sequence[str], chapters: Sequence[Chapter]) -> str:
    """A page that links to pictures and sounds by their paths; arguments as of `html_page`."""
    parts = [f"# {title}", *paragraphs]
    for chapter in chapters:
        parts += [f"## {chapter.heading}", *map(markdown_block, chapter.blocks)]
    return "\n\n".join(parts) + "\n"


def markdown_block(block: Block) -> str:
    """A table, picture or list of sounds in Markdown, and its caption.

    >>> print(markdown_block(Table(["loss", "MSE"], [["NLPD", "0.01"]], "3 clips")))
    | loss | MSE |
    | --- | ---: |
    | NLPD | 0.01 |
    <BLANKLINE>
    3 clips
    """
    if isinstance(block, Table):
        lines = [block.header, ["---", *["---:"] * (len(block.header) - 1)], *block.rows]
        cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
        text = "\n".join(f"| {' | '.join(line)} |" for line in cells)
    elif isinstance(block, Picture):
        text = f"![{block.caption}]({block.path})"
    else:
        text = "\n".join(f"- [{title}]({path})" for title, path in block.files)
    return f"{text}\n\n{block.caption}"


def _html_block(block: Block, folder: Path) -> str:
    if isinstance(block, Table):
        rows = _html_row(block.header, "th") + "".join(_html_row(row, "td") for row in block.rows)
        content = f'<div class="wide"><table>{rows}</table></div>'
    elif isinstance(block, Picture):
        source = _data_url(folder / block.path, "image/png")
        content = f'<img alt="{html.escape(block.caption)}" src="{source}">'
    else:
        rows = "".join(
            f'<tr><td>{html.escape(title)}</td><td><audio controls preload="none" '
            f'src="{_data_url(folder / path, "audio/flac")}"></audio></td></tr>'
            for title, path in block.files
        )
        content = f'<div class="wide"><table>{rows}</table></div>'
    return f"<figure>{content}<figcaption>{html.escape(block.caption)}</figcaption></figure>"


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _data_url(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def write_report(
    folder: Path,
    about: Mapping[str, Any],
    results: Mapping[str, Any],
    chapters: Sequence[Chapter],
    remarks: Sequence[str],
) -> list[Path]:
    """Writes report.html, report.md and report.json to an experiment's folder; returns their paths.

    Args:
      folder: of the experiment.
      about: data, clips, budget, seeds and the like; must be JSON.
      results: what each section measured, by its name.
      chapters: the results as tables, pictures and sounds.
      remarks: a line for each clip that was skipped.

    Raises:
      OSError: the folder cannot be written to.
    """
    date = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    versions = {"tfnoise": tfnoise.__version__, "tensorflow": tf.__version__}
    summary = (
        f'Models trained on noise, after "Data is Overrated" (arXiv 2312.03455), tested on '
        f"{about['clips']} clips of natural audio ({about['data']}). Budget {about['budget']}: "
        f"{about['steps']:,} steps a training, {about['seeds']} seeds. {date[:10]}, tfnoise "
        f"{tfnoise.__version__}, TensorFlow {tf.__version__}. All figures are in report.json."
    )
    paragraphs = [summary, *remarks]
    pages = {
        folder / "report.html": html_page(TITLE, paragraphs, chapters, folder),
        folder / "report.md": markdown_page(TITLE, paragraphs, chapters),
    }
    for path, text in pages.items():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    json_path = folder / "report.json"
    report = {**about, "date": date, "versions": versions, "remarks": list(remarks), "sections": results}
    write_json(report, json_path)
    return [*pages, json_path]
