"""Reads a .tgz file that nobody vouches for: regular files inside one folder, or nothing at all.

No header is trusted: names, types, sizes and the number of members are checked, and so is what headers may
take in memory. Damage is told from a proper end.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tfnoise.errors import InputError

# What one archive may hold at most. Audio hardly shrinks; a bomb shrinks to a thousandth.
MOST_MEMBERS = 10_000
_LARGEST_RATIO = 20
_ALWAYS_ALLOWED_BYTES = 256_000_000
# One member's headers, long names among them.
_HEADER_BYTES = 1 << 20
_LONGEST_NAME = 1000
_LONGEST_PART = 255
_PIECE_BYTES = 1 << 18

OnBytes = Callable[[int], None]


_REMEDY = "nothing of it is used; get it again or from elsewhere"


class ArchiveError(InputError):
    """An archive that is damaged or not safe."""


class Member(NamedTuple):
    """A regular file in an archive.

    Attributes:
      name: its path below the archive's folder, with forward slashes.
      size_bytes: of its content.
      pieces: the content; to be read before the next member.
    """

    name: str
    size_bytes: int
    pieces: Iterator[bytes]


def unpacked_limit(archive_bytes: int) -> int:
    """The most bytes that an archive of this size may unpack to."""
    return max(_ALWAYS_ALLOWED_BYTES, _LARGEST_RATIO * archive_bytes)


def members(
    archive: Path, folder: str, limit_bytes: int | None = None, on_bytes: OnBytes | None = None
) -> Iterator[Member]:
    """The files of a .tgz file, all of which must lie in one folder of it.

    Folders, the archive's own "./", and the "._" file that macOS adds beside the folder are passed over.

    Args:
      archive: the file.
      folder: the folder's name, as "audio".
      limit_bytes: the most that the files may hold together; by default `unpacked_limit`.
      on_bytes: called with the number of bytes of the archive that were read so far.

    Yields:
      The files, in the archive's order.

    Raises:
      ArchiveError: a member is no regular file or folder, lies elsewhere, has an odd name, comes twice or is
        too large; there are too many; or the archive is damaged. Members yielded before are no good then.
    """
    if limit_bytes is None:
        limit_bytes = unpacked_limit(archive.stat().st_size)
    with _errors_told(archive), open(archive, "rb") as raw, gzip.GzipFile(fileobj=raw) as unzipped:
        reader = _ForwardReader(unzipped)
        yield from _members(archive, reader, raw, folder, limit_bytes, on_bytes or (lambda done: None))


@contextlib.contextmanager
def _errors_told(archive: Path) -> Iterator[None]:
    try:
        yield
    except _Refused as error:
        raise ArchiveError(f"{archive}: {error}") from None
    # The last is what tarfile makes of thousands of headers for one member.
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RecursionError) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ArchiveError(f"{archive}: is a damaged .tgz file ({reason}); {_REMEDY}") from None


class _Refused(Exception):
    """A member, or the archive, that is not safe; the message lacks the archive's name."""


def _refuse(name: str, reason: str) -> _Refused:
    shown = name if len(name) <= 100 else name[:97] + "..."
    return _Refused(f"its member {shown!r} {reason}; the archive is not safe, and {_REMEDY}")


def _members(
    archive: Path,
    reader: _ForwardReader,
    raw: BinaryIO,
    folder: str,
    limit_bytes: int,
    on_bytes: OnBytes,
) -> Iterator[Member]:
    checker = _Checker(folder, limit_bytes)
    with contextlib.closing(_open(reader)) as tar:
        while True:
            reader.left_bytes = _HEADER_BYTES
            info = tar.next()
            if info is None:
                break
            name = checker.file_name(info)
            if name is None:
                continue
            reader.left_bytes = info.size + _HEADER_BYTES

            yield Member(name, info.size, _pieces(archive, tar, info, lambda: on_bytes(raw.tell())))
        reader.check_end()
    on_bytes(raw.tell())


def _pieces(
    archive: Path, tar: tarfile.TarFile, info: tarfile.TarInfo, on_piece: Callable[[], None]
) -> Iterator[bytes]:
    # These errors would not pass through `members`: this is run by who reads the pieces.
    with _errors_told(archive):
        content = tar.extractfile(info)
        left_bytes = info.size
        while left_bytes:
            piece = content.read(min(left_bytes, _PIECE_BYTES))
            if not piece:
                raise EOFError(f"{info.name!r} is cut short")
            left_bytes -= len(piece)
            on_piece()
            yield piece


def _open(reader: _ForwardReader) -> tarfile.TarFile:
    reader.left_bytes = _HEADER_BYTES
    return tarfile.TarFile(fileobj=reader, mode="r", errorlevel=2)  # type: ignore[arg-type]


class _Checker:
    """Decides about one member after the other."""

    def __init__(self, folder: str, limit_bytes: int):
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._count = 0
        self._total_bytes = 0
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def file_name(self, info: tarfile.TarInfo) -> str | None:
        """A file's path below the folder; None for a member to pass over."""
        self._count += 1
        if self._count > MOST_MEMBERS:
            raise _refuse(info.name, f"is one more than the {MOST_MEMBERS} that are allowed")
        kind = _kind(info)
        parts = _safe_parts(info.name)
        if not parts and kind == "folder":
            return None
        if parts == [f"._{self._folder}"] and kind == "file":
            return None
        if parts[:1] != [self._folder] or (len(parts) == 1 and kind == "file"):
            raise _refuse(info.name, f"is not inside {self._folder}/")
        name = "/".join(parts[1:])
        above = {"/".join(parts[1:end]) for end in range(2, len(parts))}
        if kind == "folder":
            above.add(name)
        elif name in self._files or name in self._folders:
            raise _refuse(info.name, "comes twice")
        if above & self._files or (kind == "file" and name in above):
            raise _refuse(info.name, "is a file and a folder")
        self._folders |= above - {""}
        if kind == "folder":
            return None
        self._files.add(name)
        self._total_bytes += info.size
        if info.size < 0 or self._total_bytes > self._limit_bytes:
            raise _refuse(info.name, f"makes it unpack to more than the {self._limit_bytes} bytes allowed")
        return name


def _kind(info: tarfile.TarInfo) -> str:
    if info.type == tarfile.DIRTYPE:
        return "folder"
    # Python counts sparse files as regular; what they claim to hold need not be there.
    if info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not info.issparse():
        return "file"
    kinds = {tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link"}
    kinds[tarfile.GNUTYPE_SPARSE] = "a sparse file"
    kind = "a sparse file" if info.issparse() else kinds.get(info.type, "a device or another special file")
    raise _refuse(info.name, f"is {kind}")


def _safe_parts(name: str) -> list[str]:
    """The parts of a member's name, or of none for the archive's own folder."""
    parts = name.split("/")
    if parts[0] == "" or ".." in parts:
        raise _refuse(name, "leads out of the folder")
    if (
        "" in parts
        or "\\" in name
        or re.match(r"[A-Za-z]:", name)
        or len(name) > _LONGEST_NAME
        # Control characters, and bytes that are no UTF-8.
        or not name.isprintable()
        or any(len(part.encode()) > _LONGEST_PART for part in parts)
    ):
        raise _refuse(name, "has an odd name")
    return [part for part in parts if part != "."]


class _ForwardReader:
    """A gzip stream as `tarfile` wants it, that only goes forward and reads no more than it is allowed to."""

    def __init__(self, unzipped: gzip.GzipFile):
        self._unzipped = unzipped
        self._last = b""
        self.left_bytes = 0

    def read(self, size: int) -> bytes:
        self.left_bytes -= size
        if size < 0 or self.left_bytes < 0:
            raise _Refused(f"holds headers of more than {_HEADER_BYTES} bytes; {_REMEDY}")
        self._last = self._unzipped.read(size)
        return self._last

    def tell(self) -> int:
        return self._unzipped.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence != os.SEEK_SET or offset < self.tell():
            raise tarfile.ReadError("a header points backwards")
        return self._unzipped.seek(offset)

    def check_end(self) -> None:
        """Sees that the archive ended with its mark, where `tarfile` takes a damaged header for the end."""
        if self._last.strip(b"\0") or len(self._last) != tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it is cut short or has a bad header")
        # The rest of it, for the checksum at gzip's end.
        self._unzipped.read(_HEADER_BYTES)
