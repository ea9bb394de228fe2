"""Frozen models: the transforms with integer tables, what files and servers share."""

from tfnoise.codec.frozen import FrozenModel
from tfnoise.codec.loading import LoadedModel, load, read_settings, resolve, versions
from tfnoise.codec.tables import IntegerTables, build_tables, step_grid

__all__ = [
    "FrozenModel",
    "IntegerTables",
    "LoadedModel",
    "build_tables",
    "load",
    "read_settings",
    "resolve",
    "step_grid",
    "versions",
]
