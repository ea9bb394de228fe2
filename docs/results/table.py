#!/usr/bin/env python3
"""Writes the tables of README.md and of the pages in docs/ from the JSON files beside this script.

A module of `tables` makes those of a page, and tells which commands made its files. A table whose file is not
there yet is left empty.

Example:
    python docs/results/table.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tables import codec, findings, losses, noise, readme, research, serving, sound, training

MODULES = (readme, research, findings, losses, codec, sound, training, serving, noise)
TABLES = {name: (module.PAGE, make) for module in MODULES for name, make in module.TABLES.items()}
"""By name: where a table stands, and what makes it."""


def marks(name: str) -> tuple[str, str]:
    """What begins and ends a table in its file."""
    return f"<!-- {name}: begin (docs/results/table.py writes this) -->", f"<!-- {name}: end -->"


def put(page: str, name: str, table: str | None) -> str:
    """A page with a table between its marks; nothing is between them if there is none.

    Raises:
      ValueError: the page lacks the marks.
    """
    begin, end = marks(name)
    head, _, rest = page.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"no marks of the table {name!r}")
    return f"{head}{begin}\n{table or ''}{chr(10) if table else ''}{end}{tail}"


def main() -> None:
    """Puts the tables between their marks."""
    for name, (path, make) in TABLES.items():
        path.write_text(put(path.read_text(), name, make()))
    for path in sorted({path for path, _ in TABLES.values()}):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
