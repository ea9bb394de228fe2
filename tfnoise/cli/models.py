"""Moved to shared_flags."""

from tfnoise.cli.shared_flags import DEFAULT_MODEL, EXPORT_DIR, check_bpp, checked_settings

__all__ = ["DEFAULT_MODEL", "EXPORT_DIR", "check_bpp", "checked_settings"]
