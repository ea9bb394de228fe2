"""What a prepared folder keeps for itself: a lock, a place to unpack to, a record of what it holds."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tfnoise.data.release.manifest import ARCHIVE_NAME, LIST_NAME, Manifest, manifest_from, manifest_json
from tfnoise.data.release.partial_file import writing
from tfnoise.errors import InputError
from tfnoise.files import replacing

RECORD_NAME = ".prepared.json"
_UNPACKING = ".extracting-"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Within it no other run works in the folder; the lock goes with the process and leaves no file.

    Raises:
      InputError: another run is at work.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Some network file systems have no locks.
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise InputError(f"{folder}: another run is at work in it; wait until it has ended") from None
        yield
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Removes what runs left that were killed; none is at work now."""
    for path in folder.glob(f"{_UNPACKING}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
    for name in (RECORD_NAME, f"{ARCHIVE_NAME}.part.json", f"{LIST_NAME}.part.json"):
        for path in folder.glob(f".{name}.*.tmp"):
            path.unlink()


def read_record(folder: Path, manifest: Manifest) -> dict[str, int] | None:
    """What a folder's record says.

    Args:
      folder: the folder.
      manifest: what it should have been prepared by.

    Returns:
      The files of audio/ and their sizes in bytes; None where there is no record that can be read.

    Raises:
      InputError: it was prepared by another manifest.
    """
    path = folder / RECORD_NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        recorded = manifest_from(record["manifest"])
        files = {str(name): int(size_bytes) for name, size_bytes in record["files"].items()}
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if recorded != manifest:
        raise InputError(
            f"{folder}: was prepared by another manifest (its {ARCHIVE_NAME} has the SHA-256 "
            f"{recorded[ARCHIVE_NAME].sha256}); name another folder"
        )
    return files


def write_record(folder: Path, manifest: Manifest, files: Mapping[str, int]) -> None:
    """Writes the record of a folder that is complete.

    Args:
      folder: the folder.
      manifest: what it was prepared by.
      files: the files of audio/ and their sizes in bytes.

    Raises:
      InputError: it cannot be written.
    """
    record = {"manifest": manifest_json(manifest), "files": dict(files)}
    path = folder / RECORD_NAME
    with writing(path), replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")


@contextlib.contextmanager
def unpacking_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder in `folder`, on the same disk, removed at the end.

    Raises:
      InputError: it cannot be made.
    """
    with writing(folder):
        temporary = Path(tempfile.mkdtemp(prefix=_UNPACKING, dir=folder))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
