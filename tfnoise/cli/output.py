"""What scripts print: text and tables for people, or one JSON object with --json (defined here)."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from tfnoise.cli.verb import FlagDefiner

# The stdout that only JSON may go to, while messages are sent to stderr.
_json_stream: TextIO | None = None


def define_flags(define: FlagDefiner) -> None:
    """Defines --json."""
    define.boolean("json", False, "Print one JSON object on stdout; messages go to stderr.")


def json_requested() -> bool:
    """Whether --json was given."""
    return _json_stream is not None


def say(text: str = "") -> None:
    """Prints a message for people: on stdout, or on stderr when --json was given."""
    print(text, file=sys.stderr if json_requested() else sys.stdout, flush=True)


def print_json(value: Any) -> None:
    """Prints a mapping or dataclass as one JSON object on stdout, by `jsonable`, if --json was given."""
    if _json_stream is not None:
        text = json.dumps(jsonable(value), indent=2, allow_nan=False)
        print(text, file=_json_stream, flush=True)


def jsonable(value: Any) -> Any:
    """What JSON can hold of mappings, sequences, sets, dataclasses, paths, strings, numbers, arrays, tensors.

    NaN and infinities, which JSON lacks, become None.

    Raises:
      TypeError: the value holds something else.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    if hasattr(value, "numpy"):
        return jsonable(value.numpy())
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
        return [jsonable(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


@contextlib.contextmanager
def json_on_stdout() -> Iterator[None]:
    """Within it, stdout carries what `print_json` prints and nothing else, whoever prints."""
    global _json_stream
    before = _json_stream
    _json_stream = sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _json_stream = before


def table(
    rows: Sequence[Sequence[Any]], header: Sequence[str] | None = None, align: str | None = None
) -> str:
    """Lays out rows in aligned columns.

    Args:
      rows: cells of any type, the same number in each row; floats get four significant digits, None a dash.
      header: the columns' names, set off by a line.
      align: a letter a column, "l" or "r"; by default columns of numbers are set right, others left.

    Returns:
      The lines, without a newline at the end and without spaces at the ends of lines.

    Raises:
      ValueError: rows of different lengths, or `align` of another.
    """
    lines = [[_cell(value) for value in row] for row in rows]
    head = [list(header)] if header is not None else []
    columns = len((head + lines or [[]])[0])
    if any(len(line) != columns for line in head + lines):
        raise ValueError("all rows of a table, and its header, need the same number of cells")
    if align is None:
        align = "".join("r" if _is_numeric([row[i] for row in rows]) else "l" for i in range(columns))
    if len(align) != columns or set(align) - {"l", "r"}:
        raise ValueError(f"align must be {columns} letters l or r, not {align!r}")
    widths = [max((_width(line[i]) for line in head + lines), default=0) for i in range(columns)]
    if head:
        head.append(["-" * width for width in widths])
    return "\n".join(_row(line, widths, align) for line in head + lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    # NumPy's float64 is a float; its float32 is not, but has the same formats.
    if isinstance(value, float) or type(value).__name__ in ("float16", "float32"):
        return f"{float(value):.4g}"
    return str(value)


def _is_numeric(values: Sequence[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(hasattr(value, "__float__") for value in present)


def _width(text: str) -> int:
    """Columns in a terminal: titles of songs may hold wide and combining characters."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)


def _row(line: Sequence[str], widths: Sequence[int], align: str) -> str:
    cells = []
    for text, width, side in zip(line, widths, align):
        padding = " " * (width - _width(text))
        cells.append(padding + text if side == "r" else text + padding)
    return "  ".join(cells).rstrip()
