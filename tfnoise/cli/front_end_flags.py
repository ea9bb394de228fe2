"""Moved to shared_flags."""

from tfnoise.cli.shared_flags import define_front_end as define_flags
from tfnoise.cli.shared_flags import front_end_from_flags

__all__ = ["define_flags", "front_end_from_flags"]
