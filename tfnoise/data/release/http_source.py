"""A file behind an http or https address: the request for it or for its rest, and what the answer means."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tfnoise.errors import InputError

# Beside all from 500 on, the statuses that may be others a moment later.
_TRY_AGAIN = (408, 429)


class Broken(Exception):
    """A request failed in a way that another may not; the message says how."""


class NoRest(Broken):
    """The server does not give the rest of the file that it was asked for; ask for all of it."""


class Answer(NamedTuple):
    """An answer with the file or its rest.

    Attributes:
      response: the content.
      start_bytes: where in the file it begins; 0 for all of it.
      length_bytes: how much there is of it, or None if the server does not say.
      origin: the address, and what tells versions of the file apart.
    """

    response: http.client.HTTPResponse
    start_bytes: int
    length_bytes: int | None
    origin: dict[str, str]


def check_url(url: str) -> None:
    """Sees that a URL can be downloaded from.

    Raises:
      InputError: it is none of http or https, has no host, or more than host and path.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment:
        raise InputError(f"{url}: is no address of the form https://HOST/FOLDER")
    if not re.fullmatch(r"[!-~]+", url):
        raise InputError(f"{url}: has characters that an address cannot have; write them as %20 and the like")


def check_size(url: str, size_bytes: int, expected_bytes: int) -> None:
    """Sees that what a server has is of the right size.

    Raises:
      InputError: it is not; the message names both sizes.
    """
    if size_bytes != expected_bytes:
        raise InputError(
            f"{url}: has {size_bytes} bytes instead of {expected_bytes}, so it is another file; "
            f"check the address and the manifest"
        )


@contextlib.contextmanager
def request(
    url: str, have_bytes: int, expected_bytes: int, noted: Mapping[str, str], timeout_s: float
) -> Iterator[Answer]:
    """Asks for a file, or for what is left of it.

    Errors of the network while the content is read within it are told in the same way.

    Args:
      url: the address.
      have_bytes: how much is there already; 0 asks for all.
      expected_bytes: the whole file's size.
      noted: the `Answer.origin` of what is there.
      timeout_s: how long the server may send nothing.

    Yields:
      An answer that begins at `have_bytes` or at 0.

    Raises:
      Broken: another request may be answered better.
      InputError: none will, or the server's file is of another size.
    """
    headers = {"User-Agent": "tfnoise", "Accept-Encoding": "identity"}
    noted = noted if noted.get("url") == url else {}
    if have_bytes:
        headers["Range"] = f"bytes={have_bytes}-"
        validator = _strong_etag(noted) or noted.get("last_modified")
        if validator:
            headers["If-Range"] = validator
    try:
        with _opener().open(urllib.request.Request(url, headers=headers), timeout=timeout_s) as response:
            yield _answer(url, response, have_bytes, expected_bytes, noted)
    except urllib.error.HTTPError as error:
        with error:
            raise _status_error(url, error, have_bytes, expected_bytes) from None
    except urllib.error.URLError as error:
        raise _network_error(url, error.reason, timeout_s) from None
    except http.client.InvalidURL as error:
        raise InputError(f"{url}: is no usable address ({error})") from None
    except (http.client.HTTPException, OSError) as error:
        raise _network_error(url, error, timeout_s) from None


def _answer(
    url: str,
    response: http.client.HTTPResponse,
    have_bytes: int,
    expected_bytes: int,
    noted: Mapping[str, str],
) -> Answer:
    versions = {"etag": response.headers.get("ETag"), "last_modified": response.headers.get("Last-Modified")}
    origin = {"url": url, **{key: value for key, value in versions.items() if value}}
    if response.status == 200:
        if response.length is not None:
            check_size(url, response.length, expected_bytes)
        return Answer(response, 0, response.length, origin)
    if response.status != 206:
        raise InputError(f"{url}: the server answers {response.status} without the file; check the address")
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip())
    if not found:
        raise NoRest("the server does not say which part of the file it sends")
    first, last, total = found.groups()
    if total != "*":
        check_size(url, int(total), expected_bytes)
    before, now = _strong_etag(noted), _strong_etag(origin)
    if before and now and before != now:
        raise NoRest("the server's file has changed")
    if int(first) != have_bytes or not int(first) <= int(last) < expected_bytes:
        raise NoRest("the server sends another part of the file than it was asked for")
    return Answer(response, have_bytes, int(last) - have_bytes + 1, origin)


def _strong_etag(origin: Mapping[str, str]) -> str | None:
    """The ETag, unless it is a weak one: those say nothing about single bytes."""
    etag = origin.get("etag", "")
    return etag if etag.startswith('"') else None


def _status_error(url: str, error: urllib.error.HTTPError, have_bytes: int, expected_bytes: int) -> Exception:
    if error.code == 416 and have_bytes:
        found = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", "").strip())
        if found:
            check_size(url, int(found.group(1)), expected_bytes)
        return NoRest("the server does not give the rest of the file")
    status = f"the server answers {error.code} {' '.join(str(error.reason).split())}".rstrip()
    if error.code >= 500 or error.code in _TRY_AGAIN:
        return Broken(status)
    return InputError(f"{url}: {status}; check the address")


def _network_error(url: str, error: object, timeout_s: float) -> Exception:
    reason = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return InputError(
            f"{url}: the server's certificate cannot be verified ({reason}); "
            f"check the address, and this machine's clock and certificates"
        )
    if isinstance(error, socket.gaierror):
        return Broken(f"the host cannot be found ({reason}; check the address and the network)")
    # Until Python 3.10 the second is another error.
    if isinstance(error, (TimeoutError, socket.timeout)):
        return Broken(f"the server was silent for {timeout_s:g} s")
    return Broken(f"the connection failed ({reason})")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not to files of this machine nor from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """See `urllib.request.HTTPRedirectHandler`."""
        allowed = ("https",) if req.type == "https" else ("http", "https")
        if urlsplit(newurl).scheme not in allowed:
            raise InputError(
                f"{req.full_url}: leads to {newurl}, which is not {' or '.join(allowed)}; check the address"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    # Built by hand: build_opener would add handlers of file:// and ftp://.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener
