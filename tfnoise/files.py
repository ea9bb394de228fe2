"""Files and folders that are whole or not there, and locks."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LONGEST_NAME_BYTES = 230


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary name beside `path`, for a file or a folder, and renames it to `path` at the end.

    If the block fails, nothing of it remains, and what was at `path` before is untouched. A folder that is
    replaced is beside it under a name that ends in ".old" for the moment between two renames.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, replacing(f"{folder}/notes.txt") as temporary:
    ...     _ = temporary.write_text("whole")

    Raises:
      OSError: the folder above is absent or cannot be written to.
    """
    path = Path(path)
    # The longest names leave no room for more.
    name = path.name if len(os.fsencode(path.name)) <= _LONGEST_NAME_BYTES else path.name[:50]
    temporary = path.with_name(f".{name}.{os.getpid()}.tmp")
    # Of a killed process that had this one's number, as happens in containers.
    _remove(temporary)
    try:
        yield temporary
        if temporary.is_dir():
            replace_folder(path, temporary)
        else:
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            _remove(temporary)
        raise


def replace_folder(folder: Path, by: Path) -> None:
    """Renames the folder `by` to `folder`; what was there is removed, or stays if that fails.

    Raises:
      OSError: `by` cannot be renamed so.
    """
    if not folder.exists():
        os.rename(by, folder)
        return
    former = by.with_name(f"{by.name.removesuffix('.tmp')}.old")
    # Of a killed process; the folder that took its place is there.
    _remove(former)
    os.rename(folder, former)
    try:
        os.rename(by, folder)
    except OSError:
        os.rename(former, folder)
        raise
    shutil.rmtree(former, ignore_errors=True)


@contextlib.contextmanager
def locked(path: str | os.PathLike[str], wait: bool = False) -> Iterator[int]:
    """Within it no other process has this lock, which ends with the process and those that inherit it.

    File systems without locks refuse nobody.

    Args:
      path: a folder, or a file, which is made if absent and never emptied.
      wait: whether to wait until the lock is free.

    Returns:
      A descriptor; data written to that of a file is appended.

    Raises:
      BlockingIOError: another process has the lock.
      OSError: the file cannot be opened.
    """
    kind = os.O_RDONLY if os.path.isdir(path) else os.O_WRONLY | os.O_APPEND | os.O_CREAT
    descriptor = os.open(path, kind, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise BlockingIOError(
                    errno.EWOULDBLOCK, "in use by another process", os.fspath(path)
                ) from None
        yield descriptor
    finally:
        os.close(descriptor)


def write_json(values: Any, path: Path) -> None:
    """Writes a JSON file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
