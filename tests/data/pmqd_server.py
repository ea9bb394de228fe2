"""A small release in PMQD's layout, and a web server for it that misbehaves as a test asks."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import http.server
import io
import json
import re
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

HEADER = "id,genre,artist,title,degradation_type,degradation_intensity,rating,sample_start,sample_filename\n"
NAMES = [f"{number:032x}.wav" for number in range(6)]


@dataclasses.dataclass
class Release:
    """The files of a release, by name."""

    files: dict[str, bytes]

    def manifest(self) -> dict[str, dict]:
        return {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in self.files.items()
        }

    def write_manifest(self, path: Path) -> Path:
        path.write_text(json.dumps(self.manifest()))
        return path


def tgz(entries: list[tuple[tarfile.TarInfo | str, bytes | None]]) -> bytes:
    """An archive of members: a name alone is a file, or a folder where the content is None."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for info, content in entries:
            if isinstance(info, str):
                info = tarfile.TarInfo(info)
                info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            if content is not None:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content or b""))
    return target.getvalue()


def wav_files(names: list[str] = NAMES) -> dict[str, bytes]:
    """24-bit stereo at 48 kHz, as PMQD's, but short."""
    files = {}
    for number, name in enumerate(names):
        target = io.BytesIO()
        sound = np.random.default_rng(number).uniform(-0.5, 0.5, [9600, 2])
        soundfile.write(target, sound, 48000, subtype="PCM_24", format="WAV")
        files[name] = target.getvalue()
    return files


def rows(names: list[str] = NAMES) -> str:
    return HEADER + "".join(
        f"{n},Rock,Band,Song,{'noise' if n % 2 else 'original'},{n}.0,{1 + n % 5}.0,{n},{name}\n"
        for n, name in enumerate(names)
    )


def release(csv: str | None = None) -> Release:
    """A release of a few clips; archive of about 300 kB."""
    entries = [("audio", None), *((f"audio/{name}", content) for name, content in wav_files().items())]
    return Release({"audio.tgz": tgz(entries), "pmqd.csv": (csv or rows()).encode()})


@dataclasses.dataclass
class Behaviour:
    """What the server does wrong; the counts go down with each request of audio.tgz that they concern."""

    ranges: bool = True
    content_length: bool = True
    chunked: bool = False
    cut_after: int | None = None
    cuts: int = 1 << 30
    piece_bytes: int = 1 << 16
    piece_wait_s: float = 0.0
    status: int = 0
    failures: int = 0
    redirect_to: str | None = None
    wrong_content_range: str | None = None
    longest_range: int | None = None
    unsatisfiable: bool = False


class Server:
    """The server: `url`, its `files` and `behaviour`, and the `log` of (path, Range header, bytes sent)."""

    def __init__(self, files: dict[str, bytes]):
        self.files, self.behaviour, self.url = dict(files), Behaviour(), ""
        self.log: list[list] = []

    def requests(self, name: str = "audio.tgz") -> list[list]:
        return [entry for entry in self.log if entry[0] == f"/{name}"]


@contextlib.contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Server]:
    server = Server(files)
    with _listening(type("Handler", (_Handler,), {"state": server})) as server.url:
        yield server


@contextlib.contextmanager
def serving_folder(folder: Path) -> Iterator[str]:
    """The address of a plain web server of a folder."""
    quiet = type("Handler", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with _listening(functools.partial(quiet, directory=str(folder))) as url:
        yield url


@contextlib.contextmanager
def _listening(handler) -> Iterator[str]:
    class Quiet(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass

    with Quiet(("127.0.0.1", 0), handler) as listener:
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.server_address[1]}"
        finally:
            listener.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    state: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.close_connection = True
        state, how = self.state, self.state.behaviour
        if self.path != "/audio.tgz" and not self.path.startswith("/elsewhere/"):
            how = Behaviour()
        range_header = self.headers.get("Range")
        entry = [self.path, range_header, 0]
        state.log.append(entry)
        content = state.files.get(self.path.rsplit("/", 1)[1])
        if how.status and how.failures > 0:
            how.failures -= 1
            return self.send_error(how.status)
        if content is None:
            return self.send_error(404)
        if how.redirect_to and not self.path.startswith("/elsewhere/"):
            self.send_response(302)
            self.send_header("Location", how.redirect_to)
            self.send_header("Connection", "close")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        start, end = 0, len(content)
        if range_header and how.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", range_header).group(1))
            if start >= len(content) or how.unsatisfiable:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            if how.longest_range:
                end = min(end, start + how.longest_range)
            self.send_response(206)
            content_range = how.wrong_content_range or f"bytes {start}-{end - 1}/{len(content)}"
            self.send_header("Content-Range", content_range)
        else:
            self.send_response(200)
        if how.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif how.content_length:
            self.send_header("Content-Length", str(end - start))
        self.end_headers()
        stop = end
        if how.cut_after is not None and how.cuts > 0:
            how.cuts -= 1
            stop = min(end, start + how.cut_after)
        for at in range(start, stop, how.piece_bytes):
            piece = content[at : min(at + how.piece_bytes, stop)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if how.chunked else piece)
            entry[2] += len(piece)
            time.sleep(how.piece_wait_s)
        if how.chunked and stop == end:
            self.wfile.write(b"0\r\n\r\n")
