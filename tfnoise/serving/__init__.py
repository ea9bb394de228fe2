"""SavedModels that an unmodified TensorFlow Serving runs."""

from tfnoise.serving.export import export_model

__all__ = ["export_model"]
