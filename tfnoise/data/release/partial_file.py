"""A file of which a part has arrived: NAME.part, and in NAME.part.json what it is a part of.

Only a verified file gets its name, so that what stands under it can be trusted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from tfnoise.errors import InputError
from tfnoise.files import replacing

PIECE_BYTES = 1 << 18
# The last is a limit on the size of files, as `ulimit -f` sets.
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """What a file must be.

    Attributes:
      size_bytes: its size.
      sha256: its SHA-256, 64 digits in lower case.
    """

    size_bytes: int
    sha256: str


def sha256_of(path: Path, on_bytes: Callable[[int], None] = lambda done: None) -> str:
    """The SHA-256 of a file, in hexadecimal; `on_bytes` is called with the bytes done."""
    digest, done = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            done += len(piece)
            on_bytes(done)
    return digest.hexdigest()


@contextlib.contextmanager
def writing(
    path: Path, remedy: Callable[[], str] = lambda: "then run the same command again"
) -> Iterator[None]:
    """Within it, an `OSError` is one of writing a file, a full disk among them.

    Args:
      path: the file.
      remedy: says what to do when there is room again.

    Raises:
      InputError: instead of the `OSError`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_DISK:
            reason = f"no space left on the disk; free some, {remedy()}"
        else:
            reason = f"cannot be written ({error.strerror or error}); mend that, {remedy()}"
        raise InputError(f"{path}: {reason}") from None


def write_all(file: BinaryIO, piece: bytes) -> None:
    """Writes to an unbuffered file, which may take less than it is given where a disk is nearly full."""
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]


class PartialFile:
    """The part of a file that has arrived, over one run or several.

    Args:
      target: the name that the file gets in the end.
      expected: what it must be.
    """

    def __init__(self, target: Path, expected: Fingerprint):
        self.target = target
        self.expected = expected
        self.path = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")

    @property
    def size_bytes(self) -> int:
        """How much is there."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def left_bytes(self) -> int:
        """How much is still to come."""
        return self.expected.size_bytes - self.size_bytes

    def there(self) -> str:
        """In words, what is there and what to do."""
        if not self.size_bytes:
            return "then run the same command again"
        return (
            f"then run the same command again: it goes on from the {self.size_bytes} of "
            f"{self.expected.size_bytes} bytes that are there"
        )

    def forget(self) -> None:
        """Removes the part and its note, but not the whole file.

        The note stays until then, even if the file is whole: it tells that the file was downloaded.
        """
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    @property
    def was_downloaded(self) -> bool:
        """Whether the whole file, which must be there, was downloaded, by this run or another."""
        return not self.path.exists() and self.noted().get("sha256") == self.expected.sha256

    def drop_foreign(self) -> None:
        """Removes a part that cannot be one of this file."""
        noted = self.noted().get("sha256", self.expected.sha256)
        if noted != self.expected.sha256 or self.left_bytes < 0:
            self.forget()

    def begin(self, origin: Mapping[str, str]) -> None:
        """Starts anew: an empty part, and a note of where it comes from.

        Args:
          origin: the URL and what tells versions of the file apart.

        Raises:
          InputError: the disk is full.
        """
        with writing(self._note, self.there):
            self.forget()
            with replacing(self._note) as path:
                note = {"sha256": self.expected.sha256, **origin}
                path.write_text(json.dumps(note), encoding="utf-8")
            self.path.touch()

    def noted(self) -> dict[str, str]:
        """What the note says; nothing where there is none that can be read."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(note, dict):
            return {}
        return {key: value for key, value in note.items() if isinstance(value, str)}

    def finish(self) -> None:
        """Gives the file its name; it must have been verified."""
        os.replace(self.path, self.target)
