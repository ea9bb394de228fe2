"""Moved to shared_flags."""

from tfnoise.cli.shared_flags import SHIPPED_MODELS, check_model_name, check_writable

__all__ = ["SHIPPED_MODELS", "check_model_name", "check_writable"]
