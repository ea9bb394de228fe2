"""A report's blocks as one HTML file that needs no network, and as Markdown beside its pictures."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from tfnoise.research.blocks import Block, Heading, Paragraph, Picture, Table

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


def html_page(title: str, blocks: Sequence[Block], folder: Path) -> str:
    """The report as HTML with all pictures and sounds inside.

    Args:
      title: of the page.
      blocks: in their order.
      folder: where pictures and sounds lie.
    """
    headings = [block.text for block in blocks if isinstance(block, Heading)]
    links = "".join(f'<a href="#s{place}">{html.escape(text)}</a>' for place, text in enumerate(headings))
    parts, place = [], 0
    for block in blocks:
        if isinstance(block, Heading):
            parts.append(f'<h2 id="s{place}">{html.escape(block.text)}</h2>')
            place += 1
        else:
            parts.append(_html(block, folder))
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{html.escape(title)}</h1>\n<nav>{links}</nav>\n{body}\n</body></html>\n"
    )


def markdown_page(title: str, blocks: Sequence[Block]) -> str:
    """The report as Markdown, which links to pictures and sounds by their paths."""
    return f"# {title}\n\n" + "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _html(block: Block, folder: Path) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{html.escape(block.text)}</p>"
    if isinstance(block, Table):
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in block.header)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in block.rows
        )
        shown = f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'
    elif isinstance(block, Picture):
        source = _inside(folder / block.path, "image/png")
        shown = f'<img alt="{html.escape(block.caption)}" src="{source}">'
    else:
        rows = "".join(
            f"<tr><td>{html.escape(title)}</td>"
            f'<td><audio controls preload="none" src="{_inside(folder / path, "audio/flac")}"></audio></td>'
            "</tr>"
            for title, path in block.files
        )
        shown = f'<div class="wide"><table>{rows}</table></div>'
    return f"<figure>{shown}<figcaption>{html.escape(block.caption)}</figcaption></figure>"


def _inside(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f"## {block.text}"
    if isinstance(block, Paragraph):
        return block.text
    if isinstance(block, Table):
        sides = ["---", *["---:"] * (len(block.header) - 1)]
        lines = [block.header, sides, *block.rows]
        return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + f"\n\n{block.caption}"
    if isinstance(block, Picture):
        return f"![{block.caption}]({block.path})\n\n{block.caption}"
    return "\n".join(f"- [{title}]({path})" for title, path in block.files) + f"\n\n{block.caption}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
