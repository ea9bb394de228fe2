"""The errors that a user can cause, and mend."""

from __future__ import annotations


class InputError(ValueError):
    """An input that the user gave cannot be used; the message is one line that names it and the remedy."""


class UsageError(InputError):
    """Flags or arguments that do not work, or not together; the message names them and the remedy."""
