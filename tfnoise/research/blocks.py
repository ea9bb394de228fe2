"""What a report is made of, before it is HTML or Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union


@dataclass(frozen=True)
class Heading:
    """The title of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Plain text, one paragraph."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header; the first column is set left, others right.

    Attributes:
      header, rows: strings, of equal numbers of cells.
      caption: what it shows and of what.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str


@dataclass(frozen=True)
class Picture:
    """A PNG file.

    Attributes:
      path: below the report's folder.
      caption: what it shows.
    """

    path: str
    caption: str


@dataclass(frozen=True)
class Sounds:
    """FLAC files to be played, in one row each.

    Attributes:
      files: title and path below the report's folder.
      caption: what they are.
    """

    files: Sequence[tuple[str, str]]
    caption: str


Block = Union[Heading, Paragraph, Table, Picture, Sounds]


def number(value: Any, digits: int = 3) -> str:
    """A number with so many significant digits, as people write it; a dash for none."""
    if value is None or value != value:
        return "–"
    value = float(value)
    if value == 0 or not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits}g}"
    decimals = digits - 1 - _exponent(value)
    return f"{value:.{max(decimals, 0)}f}"


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])
