"""Reads the JSON files that tables are made of, and formats their figures."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1]
DOCS = FOLDER.parent
README = DOCS.parent / "README.md"
RESULTS = DOCS / "results.md"

LOSSES = ("mse", "nlpd", "ms_ssim")
TITLES = {"mse": "MSE", "nlpd": "NLPD", "ms_ssim": "MS-SSIM"}
_WIDTH = 119


def read(name: str) -> Any:
    """Content of NAME.json."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def day(report: dict[str, Any]) -> str:
    """Date of a report, as 2026-11-25."""
    return report["date"][:10]


def filled(text: str) -> str:
    """A paragraph wrapped at 119 characters."""
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def span(ends: Sequence[float], form: str) -> str:
    """Two ends, as "0.1 to 0.2"."""
    return f"{ends[0]:{form}} to {ends[1]:{form}}"


def interval(estimate: dict[str, Any] | None, form: str = ".3f") -> str:
    """An estimate with its 95 % interval; a dash for none."""
    if estimate is None or estimate["value"] is None:
        return "-"
    low, high = estimate["ci95"]
    return f"{estimate['value']:{form}} [{low:{form}}, {high:{form}}]"
