"""Prepares a folder with PMQD from its release: pmqd.csv and audio/, verified and whole.

All that is unfinished lies in DIR/.download, which goes in the end: an audio.tgz in DIR itself is the user's.
A record of what audio/ must hold is written before audio/ is there: one without a record is the user's.
A run that is killed anywhere is resumed by the next.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import gzip
import json
import os
import posixpath
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath

import pooch

from tfnoise.data.clip_list import AUDIO_FOLDER, LIST_NAME
from tfnoise.data.pmqd_download import (
    ARCHIVE_NAME,
    PMQD,
    Manifest,
    OnBytes,
    check_url,
    fetch,
    size_of,
    writing,
)
from tfnoise.errors import InputError
from tfnoise.files import locked

# What 24-bit music takes beside its archive, with something to spare.
_UNPACKED_RATIO = 1.25
# What an archive may hold at most. Audio hardly shrinks; a bomb shrinks to a thousandth.
MOST_MEMBERS = 10_000
_LARGEST_RATIO = 20
_ALWAYS_ALLOWED_BYTES = 256_000_000
_LONGEST_HEADER_BYTES = 1 << 20
_REMEDY = "nothing of it is used; get it again or from elsewhere"

Watch = Callable[[str, int, int], AbstractContextManager[OnBytes]]
"""Shows progress: gets a label, the bytes in all and those done before; within it, gets those done."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A prepared folder, number and size of the archive's files in audio/, and what was done.

    Attributes:
      already_complete: nothing was to be done.
      repaired: number of files of audio/ that were missing or of another size, and were put back.
      fetched_bytes: bytes that came over the network.
      archive_kept: the archive is in the folder.
    """

    folder: Path
    files: int
    audio_bytes: int
    already_complete: bool
    repaired: int
    fetched_bytes: int
    archive_kept: bool


def prepare(
    folder: Path,
    url_base: str,
    manifest: Manifest = PMQD,
    keep_archive: bool = False,
    watch: Watch = lambda *_: contextlib.nullcontext(lambda done_bytes: None),
    say: Callable[[str], None] = lambda text: None,
) -> Prepared:
    """Fetches PMQD's files, as far as they are not there, and unpacks them; whether they fit is not checked.

    Args:
      folder: where to; made if absent.
      url_base: the address that the files are below.
      manifest: what the files must be.
      keep_archive: whether a downloaded archive stays; one that was there before always does.
      watch: shows the progress.
      say: gets a line for each thing done.

    Raises:
      InputError: it cannot be done; a second run resumes it.
    """
    check_url(url_base)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder):
            return _Preparation(folder, url_base.rstrip("/"), manifest, watch, say).run(keep_archive)
    except BlockingIOError:
        raise InputError(f"{folder}: another run is at work in it; wait until it has ended") from None


class _Preparation:
    def __init__(
        self, folder: Path, url_base: str, manifest: Manifest, watch: Watch, say: Callable[[str], None]
    ):
        self._folder, self._url_base, self._manifest = folder, url_base, manifest
        self._watch, self._say = watch, say
        self._audio, self._work = folder / AUDIO_FOLDER, folder / ".download"
        self._record = folder / ".prepared.json"
        self._recorded = {name: fingerprint._asdict() for name, fingerprint in manifest.items()}
        self._fetched_bytes = 0

    def run(self, keep_archive: bool) -> Prepared:
        files = self._read_record()
        bad = [
            name
            for name, size_bytes in (files or {}).items()
            if not (self._audio / name).is_file() or size_of(self._audio / name) != size_bytes
        ]
        if files and bad:
            self._say(f"{self._audio}: {len(bad)} of {len(files)} files are missing or of another size")
        if files is None or bad:
            self._check_audio_can_be_made(files is not None)
        already_complete = self._is_right(LIST_NAME) and files is not None and not bad
        if not already_complete:
            with writing(self._work):
                self._work.mkdir(exist_ok=True)
            os.replace(self._get(LIST_NAME), self._folder / LIST_NAME)
        if files is None or bad:
            files = self._unpack(self._get(ARCHIVE_NAME), bad)
        archive, kept = self._work / ARCHIVE_NAME, self._folder / ARCHIVE_NAME
        if archive.exists() and keep_archive:
            os.replace(archive, kept)
        elif archive.exists():
            self._say(f"{kept}: removed, as it is unpacked")
        shutil.rmtree(self._work, ignore_errors=True)
        return Prepared(
            self._folder,
            files=len(files),
            audio_bytes=sum(files.values()),
            already_complete=already_complete,
            repaired=len(bad),
            fetched_bytes=self._fetched_bytes,
            archive_kept=kept.exists(),
        )

    def _read_record(self) -> dict[str, int] | None:
        """The files of audio/ and their sizes in bytes; None where there is no record that can be read."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            sha256 = record["manifest"][ARCHIVE_NAME]["sha256"]
            files = {str(name): int(size_bytes) for name, size_bytes in record["files"].items()}
        except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
            return None
        if record["manifest"] != self._recorded:
            raise InputError(
                f"{self._folder}: was prepared by another manifest (its {ARCHIVE_NAME} has the SHA-256 "
                f"{sha256}); name another folder"
            )
        return files

    def _check_audio_can_be_made(self, ours: bool) -> None:
        """Finds out, before anything is fetched, what would stand in the way."""
        if (self._audio.exists() or self._audio.is_symlink()) and not self._audio.is_dir():
            raise InputError(f"{self._audio}: is no folder; rename it or name another folder")
        if not ours and self._has_audio():
            raise InputError(
                f"{self._audio}: is there already and not of this command; rename it or name another folder"
            )
        archive_bytes = self._manifest[ARCHIVE_NAME].bytes
        needed_bytes = int(archive_bytes * _UNPACKED_RATIO)
        if not (self._folder / ARCHIVE_NAME).exists():
            needed_bytes += archive_bytes - size_of(self._work / f"{ARCHIVE_NAME}.part")
        free_bytes = shutil.disk_usage(self._folder).free
        if free_bytes < needed_bytes:
            raise InputError(
                f"{self._folder}: needs about {_size_text(needed_bytes)} and the disk has "
                f"{_size_text(free_bytes)} left; free some or name a folder elsewhere"
            )

    def _has_audio(self) -> bool:
        return self._audio.exists() and any(self._audio.iterdir())

    def _is_right(self, name: str) -> bool:
        """Whether a file is there; a wrong one is refused, and left alone."""
        path, expected = self._folder / name, self._manifest[name]
        if not path.exists() and not path.is_symlink():
            return False
        if not path.is_file():
            raise InputError(f"{path}: is no file; rename it, then run the same command again")
        problem = f"has {size_of(path)} bytes instead of {expected.bytes}"
        if size_of(path) == expected.bytes:
            sha256 = pooch.file_hash(str(path))
            if sha256 == expected.sha256:
                return True
            problem = f"its SHA-256 is {sha256} instead of {expected.sha256}"
        raise InputError(
            f"{path}: {problem}; it was there before and is left alone: remove or rename it, then run "
            f"the same command again, which fetches it"
        )

    def _get(self, name: str) -> Path:
        """A verified file of the release: the one in the folder, or fetched."""
        path, part, expected = self._folder / name, self._work / f"{name}.part", self._manifest[name]
        if self._is_right(name):
            self._say(f"{path}: is there, and verified")
            return path
        with self._watch(f"fetching {name}", expected.bytes, size_of(part)) as on_bytes:
            fetched, fetched_bytes = fetch(f"{self._url_base}/{name}", part, expected, on_bytes)
        self._fetched_bytes += fetched_bytes
        self._say(f"{path}: fetched {_size_text(fetched_bytes)}, and verified")
        return fetched

    def _unpack(self, archive: Path, bad: list[str]) -> dict[str, int]:
        """Unpacks the archive, records its files, and moves to audio/ what is absent or bad there."""
        unpacked, record = self._work / AUDIO_FOLDER, self._work / "record.json"
        shutil.rmtree(unpacked, ignore_errors=True)
        try:
            with self._watch("unpacking", self._manifest[ARCHIVE_NAME].bytes, 0) as on_bytes:
                files = unpack(archive, unpacked, on_bytes)
        except InputError as error:
            shutil.rmtree(self._work if isinstance(error, ArchiveError) else unpacked, ignore_errors=True)
            raise
        with writing(self._record):
            record.write_text(json.dumps({"manifest": self._recorded, "files": files}, indent=1))
            os.replace(record, self._record)
        with writing(self._audio):
            if not self._has_audio():
                os.rename(unpacked, self._audio)
                self._say(f"{self._audio}: unpacked {len(files)} files, {_size_text(sum(files.values()))}")
            else:
                for name in bad:
                    (self._audio / name).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(unpacked / name, self._audio / name)
                self._say(f"{self._audio}: put back {len(bad)} of {len(files)} files")
        return files


def _size_text(size_bytes: int) -> str:
    return f"{size_bytes / 1e3:.0f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.1f} MB"


class ArchiveError(InputError):
    """An archive that is damaged or not safe."""


def unpack(archive: Path, into: Path, on_bytes: OnBytes = lambda done: None) -> dict[str, int]:
    """Writes the files of a .tgz file, all of which must lie in a folder audio/ of it, to a new folder.

    No header is trusted. Folders are passed over, and the "._audio" that macOS adds. on_bytes is called with
    the number of bytes of the archive that were read.

    Returns:
      The size of each file by its path below audio/.

    Raises:
      ArchiveError: a member is not safe, or the archive is damaged; what was written is no good then.
      InputError: a file cannot be written.
    """
    limit_bytes = max(_ALWAYS_ALLOWED_BYTES, _LARGEST_RATIO * archive.stat().st_size)
    files: dict[str, int] = {}
    into.mkdir()
    try:
        with (
            open(archive, "rb") as raw,
            _BoundedGzip(fileobj=raw) as unzipped,
            tarfile.TarFile(fileobj=unzipped, errorlevel=2) as tar,
        ):
            for count, info in enumerate(iter(tar.next, None)):
                reason = _why_unsafe(info)
                if not reason and (info.size < 0 or sum(files.values()) + info.size > limit_bytes):
                    reason = f"makes it unpack to more than the {limit_bytes} bytes allowed"
                if count == MOST_MEMBERS:
                    reason = f"is one more than the {MOST_MEMBERS} that are allowed"
                name = posixpath.relpath(info.name, AUDIO_FOLDER)
                if not reason and info.isfile() and name != f"../._{AUDIO_FOLDER}":
                    if files.keys() & {name, *map(str, PurePosixPath(name).parents)}:
                        reason = "comes twice, or is in a file"
                    files[name] = info.size
                    if not reason:
                        _write(tar, info, into / name)
                if reason:
                    raise ArchiveError(
                        f"its member {info.name!r:.100} {reason}; the archive is not safe, and {_REMEDY}"
                    )
                on_bytes(raw.tell())
            # A damaged header is the end to tarfile.
            if unzipped.last.strip(b"\0") or len(unzipped.last) != tarfile.BLOCKSIZE:
                raise tarfile.ReadError("it is cut short or has a bad header")
            # For the checksum at gzip's end.
            unzipped.read(_LONGEST_HEADER_BYTES)
    except ArchiveError as error:
        raise ArchiveError(f"{archive}: {error}") from None
    # The last is what tarfile makes of thousands of headers for one member.
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RecursionError) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ArchiveError(f"{archive}: is a damaged .tgz file ({reason}); {_REMEDY}") from None
    return files


class _BoundedGzip(gzip.GzipFile):
    """Refuses headers that claim to be long, which tarfile would read into memory."""

    last = b""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _LONGEST_HEADER_BYTES:
            raise ArchiveError(f"has a header of more than a megabyte; {_REMEDY}")
        self.last = super().read(size)
        return self.last


def _why_unsafe(info: tarfile.TarInfo) -> str:
    # Python counts sparse files as regular; what they claim to hold need not be there.
    if info.issparse() or info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE):
        return "is a link, a sparse file, a device or another special file"
    parts = PurePosixPath(info.name).parts
    if info.name.startswith("/") or ".." in parts:
        return "leads out of the folder"
    # Not printable: control characters, and bytes that are no UTF-8.
    if re.search(r"\\|^[A-Za-z]:", info.name) or not info.name.isprintable():
        return "has an odd name"
    passed_over = ((), (AUDIO_FOLDER,)) if info.isdir() else ((f"._{AUDIO_FOLDER}",),)
    inside = parts[:1] == (AUDIO_FOLDER,) and len(parts) > 1
    return "" if inside or parts in passed_over else f"is not inside {AUDIO_FOLDER}/"


def _write(tar: tarfile.TarFile, info: tarfile.TarInfo, path: Path) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if info.size > shutil.disk_usage(path.parent).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        # "x": two names may be one to the file system.
        with tar.extractfile(info) as content, open(path, "xb") as file:  # type: ignore[union-attr]
            shutil.copyfileobj(content, file)
