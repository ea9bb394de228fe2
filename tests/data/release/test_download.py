"""Downloads from a server that misbehaves: what is resumed, retried, refused, and what is left."""

from __future__ import annotations

import errno
import hashlib
import socket

import numpy as np
import pytest

from tests.data.release.pmqd_server import Behaviour, serving
from tfnoise.data.release import download as module
from tfnoise.data.release.download import download
from tfnoise.data.release.partial_file import Fingerprint, write_all
from tfnoise.errors import InputError

CONTENT = np.random.default_rng(0).bytes(200_000)
EXPECTED = Fingerprint(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
WAITS_S = (0.0, 0.0, 0.0)


@pytest.fixture
def server():
    with serving({"audio.tgz": CONTENT}) as server:
        yield server


@pytest.fixture
def get(server, tmp_path):
    def get(content=CONTENT, url=None, **more) -> int:
        expected = Fingerprint(len(content), hashlib.sha256(content).hexdigest())
        more = {"waits_s": WAITS_S, "timeout_s": 5.0, **more}
        return download(url or f"{server.url}/audio.tgz", tmp_path / "audio.tgz", expected, **more)

    get.target = tmp_path / "audio.tgz"
    get.part = tmp_path / "audio.tgz.part"
    get.names = lambda: sorted(path.name for path in tmp_path.iterdir())
    return get


def ranges(server) -> list[str | None]:
    return [entry[1] for entry in server.requests()]


def test_whole(server, get):
    assert get() == len(CONTENT)
    assert get.target.read_bytes() == CONTENT
    assert ranges(server) == [None] and get.names() == ["audio.tgz", "audio.tgz.part.json"]


@pytest.mark.parametrize("how", [{"content_length": False}, {"chunked": True}, {"piece_bytes": 9999}])
def test_whole_in_other_ways(server, get, how):
    server.behaviour = Behaviour(**how)
    get()
    assert get.target.read_bytes() == CONTENT and ranges(server) == [None]


def test_of_no_bytes(server, get):
    get(b"")
    assert get.target.read_bytes() == b""


@pytest.mark.parametrize("how", [{}, {"chunked": True}, {"etag": None}, {"etag": 'W/"weak"'}])
def test_a_broken_connection_is_resumed(server, get, how):
    server.behaviour = Behaviour(cut_after=70_000, cuts=2, **how)
    assert get() == len(CONTENT)
    assert get.target.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=70000-", "bytes=140000-"]


def test_a_server_that_sends_less_than_asked(server, get):
    server.behaviour = Behaviour(cut_after=50_000, cuts=1, longest_range=20_000)
    get(waits_s=(0.0,))
    assert get.target.read_bytes() == CONTENT and len(server.requests()) == 9


def test_connections_that_always_break(server, get):
    server.behaviour = Behaviour(cut_after=30_000)
    with pytest.raises(InputError) as caught:
        get()
    assert "the connection broke off, in each of 4 attempts" in str(caught.value)
    assert "goes on from the 120000 of 200000 bytes that are there" in str(caught.value)
    assert not get.target.exists() and get.part.stat().st_size == 120_000
    server.behaviour = Behaviour()
    assert get() == 80_000
    assert get.target.read_bytes() == CONTENT and ranges(server)[-1] == "bytes=120000-"


def test_much_progress_allows_more_breaks(server, get, monkeypatch):
    monkeypatch.setattr(module, "_FRESH_START_BYTES", 30_000)
    server.behaviour = Behaviour(cut_after=30_000)
    assert get() == len(CONTENT) and len(server.requests()) == 7


def test_waits(server, get, monkeypatch):
    waited = []
    monkeypatch.setattr(module.time, "sleep", waited.append)
    server.behaviour = Behaviour(status=503, failures=9)
    with pytest.raises(InputError):
        get(waits_s=module.WAITS_S)
    assert waited == [0.5, 1.0, 2.0]


def test_without_ranges_it_starts_anew(server, get):
    server.behaviour = Behaviour(ranges=False, cut_after=70_000, cuts=1)
    assert get() == 270_000
    assert get.target.read_bytes() == CONTENT and ranges(server) == [None, "bytes=70000-"]


@pytest.mark.parametrize(
    "how",
    [
        {"wrong_content_range": "bytes 0-199999/200000"},
        {"wrong_content_range": "bytes 70001-199999/200000"},
        {"wrong_content_range": "bytes 70000-200000/*"},
        {"wrong_content_range": "nonsense"},
        {"unsatisfiable": True},
    ],
)
def test_a_wrong_rest_is_not_taken(server, get, how):
    server.behaviour = Behaviour(cut_after=70_000, cuts=1, **how)
    get()
    assert get.target.read_bytes() == CONTENT and ranges(server) == [None, "bytes=70000-", None]


def test_the_rest_of_another_version_is_not_taken(server, get):
    other = CONTENT[::-1]
    for honours in (True, False):
        server.files["audio.tgz"] = other
        server.behaviour = Behaviour(cut_after=70_000, etag='"zero"')
        with pytest.raises(InputError):
            get(waits_s=())
        server.files["audio.tgz"] = CONTENT
        server.behaviour = Behaviour(honours_if_range=honours)
        get()
        assert get.target.read_bytes() == CONTENT
        get.target.unlink()


def test_a_part_that_turns_out_wrong_is_fetched_anew_once(server, get):
    for content in (b"x" * 5000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 1)):
        get.part.write_bytes(content)
        get()
        assert get.target.read_bytes() == CONTENT
        get.target.unlink()


def test_a_part_of_another_file_is_dropped(server, get):
    server.files["audio.tgz"] = CONTENT + b"another"
    server.behaviour = Behaviour(cut_after=70_000)
    with pytest.raises(InputError):
        get(CONTENT + b"another", waits_s=())
    server.files["audio.tgz"] = CONTENT
    server.behaviour = Behaviour()
    assert get() == len(CONTENT) and ranges(server) == [None, None]


@pytest.mark.parametrize("how", [{}, {"content_length": False}, {"chunked": True}])
@pytest.mark.parametrize("size", [0, 199_999, 200_001, 400_000])
def test_another_size_is_refused_at_once(server, get, size, how):
    server.files["audio.tgz"] = (CONTENT * 2)[:size]
    server.behaviour = Behaviour(**how)
    with pytest.raises(InputError) as caught:
        get()
    message = str(caught.value)
    assert "200000" in message and str(size if size < 400_000 or not how else 200_001) in message
    assert "check the address" in message and len(server.requests()) == 1
    assert not get.target.exists()
    if size > 200_000:
        assert get.names() == []
    server.files["audio.tgz"] = CONTENT
    get()
    assert get.target.read_bytes() == CONTENT


def test_another_size_of_the_rest_is_refused_at_once(server, get):
    for size in (70_000, 199_999, 200_001):
        server.files["audio.tgz"] = CONTENT
        server.behaviour = Behaviour(cut_after=70_000)
        get.part.unlink(missing_ok=True)
        with pytest.raises(InputError):
            get(waits_s=())
        server.files["audio.tgz"] = (CONTENT + b"x")[:size]
        server.behaviour = Behaviour()
        server.log.clear()
        with pytest.raises(InputError, match=f"has {size} bytes instead of 200000"):
            get()
        assert ranges(server) == ["bytes=70000-"]


def test_a_wrong_checksum_leaves_nothing(server, get):
    wrong = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    server.files["audio.tgz"] = wrong
    with pytest.raises(InputError) as caught:
        get()
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value) and EXPECTED.sha256 in str(caught.value)
    assert get.names() == [] and len(server.requests()) == 1
    server.files["audio.tgz"] = CONTENT
    assert get() == len(CONTENT)


def test_errors_of_the_server(server, get):
    server.behaviour = Behaviour(status=500, failures=3)
    get()
    assert len(server.requests()) == 4
    get.target.unlink()
    server.behaviour = Behaviour(status=503, failures=9)
    with pytest.raises(InputError, match=r"/audio\.tgz: the server answers 503 .*, in each of 4 attempts"):
        get()
    for status in (403, 404, 410):
        server.log.clear()
        server.behaviour = Behaviour(status=status, failures=9)
        with pytest.raises(InputError, match=rf"/audio\.tgz: the server answers {status} "):
            get()
        assert len(server.requests()) == 1


def test_redirects(server, get):
    server.behaviour = Behaviour(redirect_to=f"{server.url}/elsewhere/audio.tgz", cut_after=70_000, cuts=1)
    get()
    assert get.target.read_bytes() == CONTENT
    assert [entry[1] for entry in server.requests("elsewhere/audio.tgz")] == [None, "bytes=70000-"]
    get.target.unlink()
    for address in ("file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"):
        server.behaviour = Behaviour(redirect_to=address)
        with pytest.raises(InputError, match=f"{address}.* not .*; check the address"):
            get()
    server.behaviour = Behaviour(redirect_to=f"{server.url}/audio.tgz")
    with pytest.raises(InputError, match="the server answers 302"):
        get()


def test_no_server(get, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match="the connection failed .*refused.*then run the same command again"):
        get(url=f"http://127.0.0.1:{port}/audio.tgz")

    def no_host(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_host)
    with pytest.raises(InputError, match="the host cannot be found .Name or service not known"):
        get(url="http://nowhere.example/audio.tgz")


def test_silence_times_out_and_trickling_does_not(server, get):
    server.behaviour = Behaviour(piece_wait_s=0.6, piece_bytes=100_000, cut_after=100_000, cuts=1)
    with pytest.raises(InputError, match="the server was silent for 0.3 s"):
        get(timeout_s=0.3, waits_s=())
    assert get.part.stat().st_size == 100_000
    server.behaviour = Behaviour(piece_wait_s=0.1, piece_bytes=20_000)
    get(timeout_s=0.3)
    assert get.target.read_bytes() == CONTENT


def test_a_full_disk(server, get, monkeypatch):
    def full(file, piece):
        file.write(piece[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_all", full)
    with pytest.raises(InputError, match="part: no space left on the disk; free some, then run the same"):
        get()
    monkeypatch.undo()
    assert 0 < get.part.stat().st_size < len(CONTENT)
    assert get() < len(CONTENT) and get.target.read_bytes() == CONTENT


def test_short_writes_are_completed():
    class Slow:
        written = b""

        def write(self, view):
            self.written += bytes(view[:3])
            return len(view[:3])

    slow = Slow()
    write_all(slow, b"0123456789")
    assert slow.written == b"0123456789"


def test_progress(server, get):
    seen = []

    class Watch:
        def __init__(self, *what):
            seen.append(what)

        def __enter__(self):
            return lambda done: seen.append(done)

        def __exit__(self, *_):
            pass

    server.behaviour = Behaviour(cut_after=70_000)
    with pytest.raises(InputError):
        get(waits_s=())
    server.behaviour = Behaviour()
    get(watch=Watch)
    assert seen[0] == ("fetching audio.tgz", 200_000, 70_000)
    assert seen[1] > 70_000 and seen[-1] == 200_000 and seen[1:] == sorted(seen[1:])
