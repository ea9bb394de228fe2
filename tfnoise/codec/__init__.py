"""Images and sounds to bytes and back: frozen models with integer tables, payloads, the .tfn container."""

from tfnoise.codec.codec import Codec
from tfnoise.codec.container import BitstreamError, reseal
from tfnoise.codec.frozen import FrozenModel
from tfnoise.codec.loading import LoadedModel, find, load, read_settings, resolve, versions
from tfnoise.codec.tables import IntegerTables, build_tables, step_grid

__all__ = [
    "BitstreamError",
    "Codec",
    "FrozenModel",
    "IntegerTables",
    "LoadedModel",
    "build_tables",
    "find",
    "load",
    "read_settings",
    "reseal",
    "resolve",
    "step_grid",
    "versions",
]
