"""Downloads a file whose size and checksum are known: it goes on where it broke off, and verifies."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tfnoise.data.release.http_source import Answer, Broken, NoRest, check_size, check_url, request
from tfnoise.data.release.partial_file import (
    PIECE_BYTES,
    Fingerprint,
    PartialFile,
    sha256_of,
    write_all,
    writing,
)
from tfnoise.errors import InputError

#: Seconds to wait before each further attempt; after the last the download fails.
WAITS_S = (0.5, 1.0, 2.0)
TIMEOUT_S = 30.0
# Having come so far since it broke off, a download may break off as often again.
_FRESH_START_BYTES = 64_000_000
# To see the checksum of.
_LONG_BYTES = 64_000_000

OnBytes = Callable[[int], None]
Watch = Callable[[str, int, int], AbstractContextManager[OnBytes]]
"""Shows progress: gets a label, the bytes in all and those done before; within it, bytes done are told."""


@contextlib.contextmanager
def unwatched(label: str, total_bytes: int, initial_bytes: int) -> Iterator[OnBytes]:
    """A `Watch` that shows nothing."""
    yield lambda done_bytes: None


def download(
    url: str,
    target: Path,
    expected: Fingerprint,
    watch: Watch = unwatched,
    waits_s: Sequence[float] = WAITS_S,
    timeout_s: float = TIMEOUT_S,
) -> int:
    """Downloads a file, or the rest of it, and verifies it.

    Args:
      url: its address, http or https.
      target: where to; the folder must exist. A note beside it stays, see `PartialFile.forget`.
      expected: its size and checksum.
      watch: shows the progress.
      waits_s: seconds to wait before each further attempt, after a broken connection or a server's error.
      timeout_s: how long a server may send nothing.

    Returns:
      The bytes that came over the network.

    Raises:
      InputError: it could not be fetched, or is another file. The message says what is kept.
    """
    check_url(url)
    part = PartialFile(target, expected)
    part.drop_foreign()
    job = _Download(url, part, watch, waits_s, timeout_s)
    # Of an earlier run, whose part may be what is wrong with the file.
    job.inherited = part.size_bytes > 0
    found = job.fetch()
    if found != expected.sha256 and job.inherited:
        part.forget()
        job.inherited = False
        found = job.fetch()
    if found != expected.sha256:
        part.forget()
        raise InputError(
            f"{url}: its SHA-256 is {found} instead of {expected.sha256}, so it was removed; "
            f"run the same command again, or check the address and the manifest"
        )
    part.finish()
    return job.fetched_bytes


def checked_sha256(path: Path, watch: Watch = unwatched) -> str:
    """The SHA-256 of a file; the progress is shown if it takes a while."""
    size_bytes = path.stat().st_size
    shows = watch if size_bytes >= _LONG_BYTES else unwatched
    with shows(f"checking {path.name}", size_bytes, 0) as on_bytes:
        return sha256_of(path, on_bytes)


class _Download:
    """The attempts to get one file."""

    def __init__(self, url: str, part: PartialFile, watch: Watch, waits_s: Sequence[float], timeout_s: float):
        self.fetched_bytes = 0
        self.inherited = False
        self._url = url
        self._part = part
        self._watch = watch
        self._waits_s = waits_s
        self._timeout_s = timeout_s
        self._asks_for_rest = True

    def fetch(self) -> str:
        """Fetches until all is there; gives the checksum."""
        name, total_bytes = self._part.target.name, self._part.expected.size_bytes
        if total_bytes == 0:
            self._part.begin({})
        with self._watch(f"fetching {name}", total_bytes, self._part.size_bytes) as on_bytes:
            self._attempts(on_bytes)
        return checked_sha256(self._part.path, self._watch)

    def _attempts(self, on_bytes: OnBytes) -> None:
        failures, anchor_bytes = 0, self._part.size_bytes
        while self._part.left_bytes > 0:
            try:
                self._attempt(on_bytes)
                continue
            except Broken as error:
                reason = str(error)
                self._asks_for_rest &= not isinstance(error, NoRest)
            if self._part.size_bytes - anchor_bytes >= _FRESH_START_BYTES:
                failures, anchor_bytes = 0, self._part.size_bytes
            if failures == len(self._waits_s):
                raise InputError(
                    f"{self._url}: {reason}, in each of {failures + 1} attempts; check the network, "
                    f"{self._part.there()}"
                )
            time.sleep(self._waits_s[failures])
            failures += 1

    def _attempt(self, on_bytes: OnBytes) -> None:
        """One request; appends what comes to the part, and never more than one byte too many."""
        have_bytes = self._part.size_bytes if self._asks_for_rest else 0
        total_bytes = self._part.expected.size_bytes
        with request(self._url, have_bytes, total_bytes, self._part.noted(), self._timeout_s) as answer:
            if answer.start_bytes == 0:
                self.inherited = False
                self._part.begin(answer.origin)
                on_bytes(0)
            self._receive(answer, on_bytes)

    def _receive(self, answer: Answer, on_bytes: OnBytes) -> None:
        total_bytes = self._part.expected.size_bytes
        # One too many, to see that there is no more.
        end_bytes = total_bytes + 1
        if answer.length_bytes is not None:
            end_bytes = answer.start_bytes + answer.length_bytes
        at_bytes = answer.start_bytes
        with writing(self._part.path, self._part.there):
            file = open(self._part.path, "ab", buffering=0)
        with file:
            while at_bytes < end_bytes:
                # Not read(), which would hold back what a slow server has sent.
                piece = answer.response.read1(min(PIECE_BYTES, end_bytes - at_bytes))
                if not piece:
                    break
                at_bytes += len(piece)
                self.fetched_bytes += len(piece)
                if at_bytes > total_bytes:
                    self._part.forget()
                    raise InputError(
                        f"{self._url}: has {at_bytes} bytes or more instead of {total_bytes}, so it is "
                        f"another file; check the address and the manifest"
                    )
                with writing(self._part.path, self._part.there):
                    write_all(file, piece)
                on_bytes(at_bytes)
        if answer.length_bytes is not None and at_bytes < end_bytes:
            raise Broken("the connection broke off")
        if answer.length_bytes is None and at_bytes < total_bytes:
            self._refuse_short(answer, at_bytes)

    def _refuse_short(self, answer: Answer, size_bytes: int) -> None:
        """An answer of unannounced length is complete when it ends, or so the protocol has it."""
        if answer.response.chunked:
            self._part.forget()
            check_size(self._url, size_bytes, self._part.expected.size_bytes)
        raise InputError(
            f"{self._url}: ended after {size_bytes} bytes instead of {self._part.expected.size_bytes}, and "
            f"the server does not say how many there are; check the address, {self._part.there()}"
        )
