"""Measurements of speed and memory, each against something else in the same process."""

from tfnoise.benchmarks.measuring import Comparison, compare, growth_bytes

__all__ = ["Comparison", "compare", "growth_bytes"]
