"""Prepares a folder with PMQD from its release: pmqd.csv and audio/, verified and whole.

A record, written last, says what a prepared folder must hold. What was there before and is of another origin
is never replaced.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from tfnoise.data.list_check import audio_names
from tfnoise.data.release.archive import ArchiveError, members, unpacked_limit
from tfnoise.data.release.download import Watch, checked_sha256, download, unwatched
from tfnoise.data.release.folder import alone, read_record, remove_leftovers, unpacking_folder, write_record
from tfnoise.data.release.manifest import ARCHIVE_NAME, LIST_NAME, PMQD, URL_BASE, Manifest
from tfnoise.data.release.partial_file import PartialFile, write_all, writing
from tfnoise.errors import InputError

AUDIO_NAME = "audio"
# What music of 24 bits takes beside its archive, with something to spare.
_UNPACKED_RATIO = 1.25


@dataclasses.dataclass
class Prepared:
    """A prepared folder, and what was done for it.

    Attributes:
      folder: the folder.
      files: how many files audio/ holds of the archive.
      audio_bytes: their size.
      already_complete: nothing was to be done.
      repaired: how many files of audio/ were missing or of another size, and were put back.
      fetched_bytes: what came over the network.
      archive_kept: the archive is in the folder.
    """

    folder: Path
    files: int = 0
    audio_bytes: int = 0
    already_complete: bool = False
    repaired: int = 0
    fetched_bytes: int = 0
    archive_kept: bool = False


def prepare(
    folder: Path,
    url_base: str = URL_BASE,
    manifest: Manifest = PMQD,
    keep_archive: bool = False,
    watch: Watch = unwatched,
    say: Callable[[str], None] = lambda text: None,
) -> Prepared:
    """Fetches PMQD's files, as far as they are not there, and unpacks them.

    Args:
      folder: where to; it is made if it is absent.
      url_base: the address that the files are below.
      manifest: what the files must be.
      keep_archive: whether a downloaded archive stays; one that was there before always does.
      watch: shows the progress.
      say: gets a line for each thing done.

    Returns:
      What the folder holds. Whether the list fits the audio is not looked at.

    Raises:
      InputError: it cannot be done; a second run goes on from there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        return _Preparation(folder, url_base, manifest, keep_archive, watch, say).run()


class _Preparation:
    def __init__(
        self,
        folder: Path,
        url_base: str,
        manifest: Manifest,
        keep_archive: bool,
        watch: Watch,
        say: Callable[[str], None],
    ):
        self._folder = folder
        self._audio = folder / AUDIO_NAME
        self._archive = PartialFile(folder / ARCHIVE_NAME, manifest[ARCHIVE_NAME])
        self._url_base = url_base.rstrip("/")
        self._manifest = manifest
        self._keep_archive = keep_archive
        self._watch = watch
        self._say = say
        self._done = Prepared(folder)

    def run(self) -> Prepared:
        remove_leftovers(self._folder)
        files = read_record(self._folder, self._manifest)
        bad: list[str] = []
        if files is not None:
            bad = [name for name, size_bytes in files.items() if _size_of(self._audio / name) != size_bytes]
            has_list = self._is_right(PartialFile(self._folder / LIST_NAME, self._manifest[LIST_NAME]))
            self._done.already_complete = has_list and not bad
            if bad:
                self._say(f"{self._audio}: {len(bad)} of {len(files)} files are missing or of another size")
        if files is None or bad:
            self._check_audio_can_be_made(files is not None)
        self._get(LIST_NAME)
        if files is None or bad:
            self._get(ARCHIVE_NAME)
        try:
            if files is None and not _is_empty(self._audio):
                files = self._adopt()
            elif files is None:
                files = self._unpack()
            elif bad:
                self._repair(files, bad)
        except ArchiveError:
            self._remove_downloaded_archive()
            raise
        if not self._done.already_complete:
            write_record(self._folder, self._manifest, files)
        self._tidy_archive()
        self._done.files, self._done.audio_bytes = len(files), sum(files.values())
        return self._done

    def _check_audio_can_be_made(self, ours: bool) -> None:
        """Finds out, before anything is fetched, what would stand in the way."""
        if (self._audio.exists() or self._audio.is_symlink()) and not self._audio.is_dir():
            raise InputError(f"{self._audio}: is no folder; rename it or name another folder")
        if not ours and not _is_empty(self._audio) and not self._archive.target.exists():
            raise InputError(
                f"{self._audio}: is there already and not of this command; name another folder, or put "
                f"{ARCHIVE_NAME} beside it to have it compared"
            )
        archive_bytes = self._archive.expected.size_bytes
        needed_bytes = 0
        if _is_empty(self._audio):
            needed_bytes += int(archive_bytes * _UNPACKED_RATIO)
        if not self._archive.target.exists():
            needed_bytes += max(0, self._archive.left_bytes)
        free_bytes = shutil.disk_usage(self._folder).free
        if free_bytes < needed_bytes:
            raise InputError(
                f"{self._folder}: needs about {_size_text(needed_bytes)} and the disk has "
                f"{_size_text(free_bytes)} left; free some or name a folder elsewhere"
            )

    def _get(self, name: str) -> None:
        """Sees that a file of the release is there and right, or fetches it."""
        file = PartialFile(self._folder / name, self._manifest[name])
        if self._is_right(file):
            if not file.was_downloaded:
                # Left of a download that somebody has done in another way.
                file.forget()
            if not self._done.already_complete:
                self._say(f"{file.target}: is there, and verified")
        else:
            with writing(file.target):
                fetched_bytes = download(f"{self._url_base}/{name}", file.target, file.expected, self._watch)
            self._done.fetched_bytes += fetched_bytes
            self._say(f"{file.target}: fetched {_size_text(fetched_bytes)}, and verified")
        if name == LIST_NAME:
            file.forget()

    def _is_right(self, file: PartialFile) -> bool:
        """Whether a file is there; a wrong one is removed if it was downloaded, and else told."""
        path, expected = file.target, file.expected
        if not path.exists() and not path.is_symlink():
            return False
        if not path.is_file():
            raise InputError(f"{path}: is no file; rename it, then run the same command again")
        size_bytes = path.stat().st_size
        if size_bytes == expected.size_bytes:
            found = checked_sha256(path, self._watch)
            if found == expected.sha256:
                return True
            problem = f"its SHA-256 is {found} instead of {expected.sha256}"
        else:
            problem = f"has {size_bytes} bytes instead of {expected.size_bytes}"
        if file.was_downloaded:
            self._say(f"{path}: {problem}; fetching it again")
            path.unlink()
            file.forget()
            return False
        raise InputError(
            f"{path}: {problem}; it was there before and is left alone: remove or rename it, then run "
            f"the same command again, which fetches it"
        )

    def _unpack(self) -> dict[str, int]:
        """Unpacks all of the archive, or nothing."""
        with unpacking_folder(self._folder) as temporary:
            files = self._write_members(temporary, None)
            with writing(self._audio):
                (temporary / AUDIO_NAME).mkdir(exist_ok=True)
                os.rename(temporary / AUDIO_NAME, self._audio)
        self._say(f"{self._audio}: unpacked {len(files)} files, {_size_text(sum(files.values()))}")
        return files

    def _repair(self, files: dict[str, int], bad: Collection[str]) -> None:
        """Puts back single files."""
        with unpacking_folder(self._folder) as temporary:
            self._write_members(temporary, frozenset(bad))
            for name in bad:
                target = self._audio / name
                with writing(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(temporary / AUDIO_NAME / name, target)
        self._done.repaired = len(bad)
        self._say(f"{self._audio}: put back {len(bad)} of {len(files)} files")

    def _write_members(self, temporary: Path, only: Collection[str] | None) -> dict[str, int]:
        files = {}
        archive, size_bytes = self._archive.target, self._archive.expected.size_bytes
        with self._watch("unpacking", size_bytes, 0) as on_bytes:
            for member in members(archive, AUDIO_NAME, unpacked_limit(size_bytes), on_bytes):
                files[member.name] = member.size_bytes
                wanted = only is None or member.name in only
                if wanted and member.size_bytes > shutil.disk_usage(temporary).free:
                    raise InputError(
                        f"{archive}: no space left on the disk for {member.name!r} of {member.size_bytes} "
                        f"bytes; free some, then run the same command again"
                    )
                if wanted:
                    self._write(temporary / AUDIO_NAME / member.name, member.pieces)
        return files

    def _write(self, path: Path, pieces: Iterator[bytes]) -> None:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # "x": two names may be one to the file system.
            file = open(path, "xb", buffering=0)
        with file:
            for piece in pieces:
                with writing(path):
                    write_all(file, piece)

    def _adopt(self) -> dict[str, int]:
        """Takes an audio/ that is just what the archive holds, as after a run that was ended, or refuses."""
        files = {}
        archive, size_bytes = self._archive.target, self._archive.expected.size_bytes
        with self._watch("comparing", size_bytes, 0) as on_bytes:
            for member in members(archive, AUDIO_NAME, unpacked_limit(size_bytes), on_bytes):
                files[member.name] = member.size_bytes
                if not _same_content(self._audio / member.name, member.pieces):
                    raise self._not_of_the_archive(member.name, "is missing or differs")
        for name in audio_names(self._folder):
            if name not in files:
                raise self._not_of_the_archive(name, "is not in the archive")
        self._say(f"{self._audio}: is there, and just what {ARCHIVE_NAME} holds")
        return files

    def _not_of_the_archive(self, name: str, problem: str) -> InputError:
        return InputError(
            f"{self._audio}: is there already and not of this command: {name!r} {problem}; rename it or name "
            f"another folder"
        )

    def _tidy_archive(self) -> None:
        path = self._archive.target
        if not self._keep_archive and self._remove_downloaded_archive():
            self._say(f"{path}: removed, as it is unpacked; --keep_archive keeps it")
        self._archive.forget()
        self._done.archive_kept = path.exists()

    def _remove_downloaded_archive(self) -> bool:
        """Removes the archive unless it is the user's; tells whether."""
        path = self._archive.target
        ours = path.exists() and self._archive.was_downloaded
        if ours:
            path.unlink()
            self._archive.forget()
        return ours


def _is_empty(folder: Path) -> bool:
    return not folder.exists() or not any(folder.iterdir())


def _size_of(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _same_content(path: Path, pieces: Iterator[bytes]) -> bool:
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return all(file.read(len(piece)) == piece for piece in pieces) and not file.read(1)


def _size_text(size_bytes: int) -> str:
    return f"{size_bytes / 1e3:.0f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.1f} MB"
