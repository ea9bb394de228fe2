"""Fetches the files of PMQD's release, or refuses those that are not what a manifest says.

Downloads are pooch's, which verifies them, by a downloader that resumes them.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pooch
import requests
import urllib3

from tfnoise.data.clip_list import LIST_NAME
from tfnoise.errors import InputError

ARCHIVE_NAME = "audio.tgz"
#: Seconds to wait before each further attempt; after the last the download fails.
WAITS_S = (0.5, 1.0, 2.0)
TIMEOUT_S = 30.0
# Having come so far since it broke off, a download may break off as often again.
_FRESH_START_BYTES = 64_000_000
# The last is a limit on the size of files, as `ulimit -f` sets.
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

OnBytes = Callable[[int], object]


class Fingerprint(NamedTuple):
    """What a file must be: its size, and its SHA-256 as 64 digits in lower case."""

    bytes: int
    sha256: str


Manifest = dict[str, Fingerprint]
PMQD: Manifest = {
    ARCHIVE_NAME: Fingerprint(972567883, "d07d1e75efe17b4bf1497bab5d4f84dbacab98d703b6ad329e4fa19df23b13c0"),
    LIST_NAME: Fingerprint(112376, "d605acc08409a2fea869d8ddff86f526a3c3be74f9082c8ae882bc0d8786fa47"),
}
"""PMQD's own manifest, of its version 1.0.0."""


def read_manifest(path: str) -> Manifest:
    """A manifest's JSON file: the bytes and the sha256 of audio.tgz and pmqd.csv; else an InputError."""
    try:
        return manifest_from(json.loads(Path(path).read_text("utf-8-sig")))
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror or error}); check the path") from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: is no manifest ({' '.join(str(error).split())}); write "
            f'{{"bytes": N, "sha256": "64 hexadecimal digits"}} for each of {ARCHIVE_NAME}, {LIST_NAME}'
        ) from None


def manifest_from(value: Any) -> Manifest:
    """A manifest from what its JSON holds; a ValueError says why it is none."""
    if not isinstance(value, dict) or value.keys() != {ARCHIVE_NAME, LIST_NAME}:
        raise ValueError(f"it must hold {ARCHIVE_NAME} and {LIST_NAME}, and nothing else")
    for name, entry in value.items():
        if not isinstance(entry, dict) or entry.keys() != {"bytes", "sha256"}:
            raise ValueError(f"{name} must hold bytes and sha256, and nothing else")
        if type(entry["bytes"]) is not int or entry["bytes"] < 0:
            raise ValueError(f"bytes of {name} is {entry['bytes']!r:.40}, no whole number from 0 on")
        if not isinstance(entry["sha256"], str) or not re.fullmatch(r"[0-9a-fA-F]{64}", entry["sha256"]):
            raise ValueError(f"sha256 of {name} is {entry['sha256']!r:.80}, not 64 hexadecimal digits")
    return {name: Fingerprint(entry["bytes"], entry["sha256"].lower()) for name, entry in value.items()}


def check_url(url: str) -> None:
    """Raises an InputError unless files can be fetched below a URL: http or https, host and path alone."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment:
        raise InputError(f"{url}: is no address of the form https://HOST/FOLDER")
    if not re.fullmatch(r"[!-~]+", url):
        raise InputError(f"{url}: has characters that an address cannot have; write them as %20 and the like")


@contextlib.contextmanager
def writing(
    path: Path, remedy: Callable[[], str] = lambda: "then run the same command again"
) -> Iterator[None]:
    """Within it an OSError, as of a full disk, becomes an InputError that names the file and the remedy."""
    try:
        yield
    except gzip.BadGzipFile:
        raise
    except OSError as error:
        reason = f"cannot be written ({error.strerror or error}); fix that"
        if error.errno in _FULL_DISK:
            reason = "no space left on the disk; free some"
        raise InputError(f"{path}: {reason}, {remedy()}") from None


def fetch(
    url: str, part: Path, expected: Fingerprint, on_bytes: OnBytes = lambda done: None
) -> tuple[Path, int]:
    """Downloads a file, or what is left of it, and verifies it.

    Args:
      url: its address, http or https.
      part: the file NAME.part that collects it, over several runs.
      expected: its size and checksum.
      on_bytes: called with the number of bytes that are there.

    Returns:
      The path of the verified file NAME beside `part`, and the bytes that came over the network.

    Raises:
      InputError: it could not be fetched, or is another file. The message says what is kept.
    """
    if size_of(part) > expected.bytes:
        part.unlink()
    downloader = _ResumingDownloader(part, expected.bytes, on_bytes)
    pooch.get_logger().setLevel("WARNING")
    while True:
        # Of an earlier run, whose part may be what is wrong with the file.
        inherited = part.exists()
        try:
            sha256 = f"sha256:{expected.sha256}"
            path = pooch.retrieve(url, sha256, part.stem, part.parent, downloader=downloader)
            return Path(path), downloader.fetched_bytes
        except InputError:
            raise
        except ValueError as error:
            part.unlink(missing_ok=True)
            if not inherited:
                raise InputError(
                    f"{url}: {error} Run the same command again, or check the address and the manifest"
                ) from None


class _Interrupted(Exception):
    """A request failed in a way that another may not; the message says how."""


class _ResumingDownloader:
    """A downloader for pooch that appends to a partial file, over several connections and runs."""

    def __init__(self, part: Path, size_bytes: int, on_bytes: OnBytes):
        self._part, self._size_bytes, self._on_bytes = part, size_bytes, on_bytes
        self.fetched_bytes = 0

    def __call__(self, url: str, output_file: str, pooch: Any = None) -> None:
        failures, mark_bytes = 0, size_of(self._part)
        while (begin := size_of(self._part)) < self._size_bytes:
            try:
                self._request(url, begin)
                continue
            except (requests.exceptions.InvalidSchema, requests.TooManyRedirects) as error:
                raise InputError(f"{url}: {error}; check the address") from None
            except _Interrupted as error:
                reason = str(error)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                reason = _network_reason(error)
            if size_of(self._part) - mark_bytes >= _FRESH_START_BYTES:
                failures, mark_bytes = 0, size_of(self._part)
            if failures == len(WAITS_S):
                attempts = f"{reason}, in each of {failures + 1} attempts"
                raise InputError(f"{url}: {attempts}; check the network, {self._remedy()}")
            time.sleep(WAITS_S[failures])
            failures += 1
        self._part.touch()
        # A second name, so that a kill while pooch verifies it loses nothing.
        os.unlink(output_file)
        try:
            os.link(self._part, output_file)
        except OSError:
            os.replace(self._part, output_file)

    def _request(self, url: str, begin: int) -> None:
        """Appends what one request gives."""
        headers = {"User-Agent": "tfnoise", "Accept-Encoding": "identity"}
        if begin:
            headers["Range"] = f"bytes={begin}-"
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
            schemes = {urlsplit(hop.url).scheme for hop in (*answer.history, answer)}
            if urlsplit(url).scheme == "https" and schemes != {"https"}:
                raise InputError(f"{url}: leads to {answer.url}, which is not https; check the address")
            at = begin = self._begin(url, answer, begin)
            with writing(self._part, self._remedy), open(self._part, "ab" if begin else "wb") as file:
                for piece in answer.raw.stream(1 << 16, decode_content=False):
                    at += len(piece)
                    self.fetched_bytes += len(piece)
                    if at > self._size_bytes:
                        self._part.unlink()
                        raise self._other_size(url, f"{at} bytes or more")
                    file.write(piece)
                    file.flush()
                    self._on_bytes(at)
            if at < self._size_bytes and (answer.status_code != 206 or at == begin):
                raise _Interrupted("the connection broke off")

    def _begin(self, url: str, answer: requests.Response, begin: int) -> int:
        """Where the content of an answer begins in the file: at `begin`, or at 0 where a server gives all."""
        status = answer.status_code
        if status >= 500 or status in (408, 429):
            raise _Interrupted(f"the server answers {status} {answer.reason}")
        if status not in (200, 206) and not (status == 416 and begin):
            raise InputError(f"{url}: the server answers {status} {answer.reason}; check the address")
        part = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", answer.headers.get("Content-Range", ""))
        total = answer.headers.get("Content-Length", "") if status == 200 else part[3] if part else ""
        if total.isdigit() and int(total) != self._size_bytes:
            raise self._other_size(url, f"{total} bytes")
        if status == 200:
            return 0
        if not (part and part[1] and int(part[1]) == begin and int(part[2]) < self._size_bytes):
            self._part.unlink(missing_ok=True)
            raise _Interrupted("the server does not send the part of the file that it was asked for")
        return begin

    def _other_size(self, url: str, size: str) -> InputError:
        return InputError(
            f"{url}: has {size} instead of {self._size_bytes}, so it is another file; "
            f"check the address and the manifest"
        )

    def _remedy(self) -> str:
        kept = size_of(self._part)
        resumes = f": it resumes from the {kept} of {self._size_bytes} bytes that are there" if kept else ""
        return f"then run the same command again{resumes}"


def _network_reason(error: BaseException) -> str:
    """What the network said, without what the libraries around it add."""
    while error.__context__ is not None:
        error = error.__context__
    if isinstance(error, urllib3.exceptions.IncompleteRead):
        return "the connection broke off"
    # Until Python 3.10 the second is another error.
    if isinstance(error, (TimeoutError, socket.timeout)):
        return f"the server was silent for {TIMEOUT_S:g} s"
    reason = " ".join(str(getattr(error, "strerror", None) or error).split())
    return f"the connection failed ({reason or type(error).__name__})"


def size_of(path: Path) -> int:
    """The size of a file in bytes; 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0
