#!/usr/bin/env python3
"""Writes the tables of README.md and docs/results.md from the JSON files beside this script.

Example:
    python docs/results/table.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tables import codec, findings, losses, noise, readme, research, serving, sound, training

MODULES = (readme, research, findings, noise, codec, losses, sound, training, serving)
TABLES = {name: table for module in MODULES for name, table in module.TABLES.items()}
"""By name: the page of a table, and the function that makes it."""


def marks(name: str) -> tuple[str, str]:
    """Lines before and after a table in its page."""
    return f"<!-- {name}: begin (docs/results/table.py writes this) -->", f"<!-- {name}: end -->"


def put(page: str, name: str, table: str) -> str:
    """A page with a table between its marks.

    Raises:
      ValueError: the page lacks the marks.
    """
    begin, end = marks(name)
    head, _, rest = page.partition(begin)
    _, end_mark, tail = rest.partition(end)
    if not end_mark:
        raise ValueError(f"no marks of the table {name!r}")
    # Blank lines around a table, since Markdown does not begin one right after a comment.
    return f"{head}{begin}\n\n{table}\n\n{end}{tail}"


def main() -> None:
    """Writes all tables."""
    for name, (path, make) in TABLES.items():
        path.write_text(put(path.read_text(), name, make()))
    for path in sorted({path for path, _ in TABLES.values()}):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
