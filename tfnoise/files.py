"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_LONGEST_NAME_BYTES = 230


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary name beside `path` to write to, and renames it to `path` at the end.

    If the block fails, nothing of it remains, and what was at `path` before is untouched.

    Raises:
      OSError: the folder is absent or cannot be written to.
    """
    path = Path(path)
    # The longest names leave no room for more.
    name = path.name if len(os.fsencode(path.name)) <= _LONGEST_NAME_BYTES else path.name[:50]
    temporary = path.with_name(f".{name}.{os.getpid()}.tmp")
    if temporary.is_symlink():
        temporary.unlink()
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
