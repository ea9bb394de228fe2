"""Measurements of speed and memory, each against something else; not part of the wheel."""

from benchmarks.measuring import Comparison, compare, growth_bytes

__all__ = ["Comparison", "compare", "growth_bytes"]
