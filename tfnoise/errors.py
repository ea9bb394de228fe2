"""The errors that a user can cause, and fix.

Messages name arguments and settings in backticks, as `patch_size`; the command line shows them as flags.
"""

from __future__ import annotations


class InputError(ValueError):
    """An input that the user gave cannot be used; the message is one line that names it and the remedy."""


class UsageError(InputError):
    """Settings or arguments that do not work, or not together; the message names them and the remedy."""
