"""SavedModels that an unmodified TensorFlow Serving runs, its configuration, and clients."""

from tfnoise.serving.client import ServedCodec
from tfnoise.serving.connections import Connection, GrpcConnection, RestConnection, ServerError
from tfnoise.serving.export import export_again, export_model
from tfnoise.serving.server_config import exported_models, write_server_config

__all__ = [
    "Connection",
    "GrpcConnection",
    "RestConnection",
    "ServedCodec",
    "ServerError",
    "export_again",
    "export_model",
    "exported_models",
    "write_server_config",
]
