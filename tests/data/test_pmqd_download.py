"""Manifests, addresses, and downloads from a server that misbehaves: what is resumed, refused, kept."""

from __future__ import annotations

import errno
import hashlib
import json
import socket

import numpy as np
import pytest
import requests

from tests.data.pmqd_server import Behaviour, release, serving
from tfnoise.data import pmqd_download as module
from tfnoise.data.pmqd_download import PMQD, Fingerprint, check_url, fetch, read_manifest
from tfnoise.errors import InputError

CONTENT = np.random.default_rng(0).bytes(200_000)
RELEASE = release()
GOOD = RELEASE.manifest()
SUM = "0" * 64


@pytest.fixture
def server():
    with serving({"audio.tgz": CONTENT}) as server:
        yield server


@pytest.fixture
def get(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(module, "TIMEOUT_S", 5.0)

    def get(content=CONTENT, url=None, **more) -> int:
        expected = Fingerprint(len(content), hashlib.sha256(content).hexdigest())
        path, fetched_bytes = fetch(url or f"{server.url}/audio.tgz", get.part, expected, **more)
        assert path == get.target and path.read_bytes() == content
        path.unlink()
        get.part.unlink()
        return fetched_bytes

    def refused(words: str, **more) -> str:
        with pytest.raises(InputError, match=words) as caught:
            get(**more)
        assert "\n" not in str(caught.value) and not get.target.exists()
        return str(caught.value)

    get.target, get.part = tmp_path / "audio.tgz", tmp_path / "audio.tgz.part"
    get.refused = refused
    get.names = lambda: sorted(path.name for path in tmp_path.iterdir())
    return get


def ranges(server) -> list[str | None]:
    requested = [entry[1] for entry in server.requests()]
    server.log.clear()
    return requested


@pytest.mark.parametrize("how", [{}, {"content_length": False}, {"chunked": True}, {"piece_bytes": 9999}])
def test_whole(server, get, how):
    server.behaviour = Behaviour(**how)
    assert get() == len(CONTENT) and ranges(server) == [None] and get.names() == []
    assert get(b"") == 0


@pytest.mark.parametrize("how", [{}, {"chunked": True}, {"content_length": False}])
def test_a_broken_connection_is_resumed(server, get, how):
    server.behaviour = Behaviour(cut_after=70_000, cuts=2, **how)
    assert get() == len(CONTENT)
    assert ranges(server) == [None, "bytes=70000-", "bytes=140000-"]
    server.behaviour = Behaviour(cut_after=50_000, cuts=1, longest_range=20_000)
    assert get() == len(CONTENT) and len(server.requests()) == 9


def test_connections_that_always_break_fail_and_the_next_run_goes_on(server, get, monkeypatch):
    waits = []
    monkeypatch.setattr(module.time, "sleep", waits.append)
    monkeypatch.setattr(module, "WAITS_S", (0.5, 1.0, 2.0))
    server.behaviour = Behaviour(cut_after=30_000)
    message = get.refused("audio.tgz: the connection broke off, in each of 4 attempts")
    assert "resumes from the 120000 of 200000 bytes that are there" in message and [
        wait for wait in waits if wait
    ] == [0.5, 1.0, 2.0]
    assert get.part.stat().st_size == 120_000
    server.behaviour = Behaviour()
    seen = []
    server.log.clear()
    assert get(on_bytes=seen.append) == 80_000 and ranges(server) == ["bytes=120000-"]
    assert 120_000 < seen[0] and seen[-1] == 200_000 and seen == sorted(seen)
    # Much progress allows more breaks.
    monkeypatch.setattr(module, "_FRESH_START_BYTES", 30_000)
    server.behaviour = Behaviour(cut_after=30_000)
    assert get() == len(CONTENT) and len(server.requests()) == 7


def test_a_wrong_rest_is_not_taken(server, get):
    server.behaviour = Behaviour(ranges=False, cut_after=70_000, cuts=1)
    assert get() == 270_000 and ranges(server) == [None, "bytes=70000-"]
    answers = ["bytes 0-199999/200000", "bytes 70001-199999/200000", "bytes 70000-200000/*", "nonsense"]
    for how in [*({"wrong_content_range": answer} for answer in answers), {"unsatisfiable": True}]:
        server.behaviour = Behaviour(cut_after=70_000, cuts=1, **how)
        get()
        assert ranges(server) == [None, "bytes=70000-", None]
    # The rest of another version, and parts of other files: fetched again, once.
    server.behaviour = Behaviour()
    for part in (CONTENT[::-1][:70_000], b"x" * len(CONTENT), b"x" * (len(CONTENT) + 1)):
        get.part.write_bytes(part)
        get()
        assert ranges(server)[-1] is None


@pytest.mark.parametrize("how", [{}, {"content_length": False}, {"chunked": True}])
@pytest.mark.parametrize("size", [1, 199_999, 200_001, 400_000])
def test_another_size_is_refused(server, get, size, how):
    server.files["audio.tgz"] = (CONTENT * 2)[:size]
    server.behaviour = Behaviour(**how)
    message = get.refused("instead of 200000, so it is another file; check the address and the manifest")
    # Without a length it is noticed when too much comes, or by the answer to a request for the rest.
    assert f"has {size} bytes" in message or (size > 200_000 and how) and " bytes or more" in message
    assert len(server.requests()) == 1 or (size < 200_000 and how)
    server.files["audio.tgz"] = CONTENT
    get()


def test_another_size_of_the_rest_is_refused_at_once(server, get):
    for size in (70_000, 199_999, 200_001):
        get.part.write_bytes(CONTENT[:70_000])
        server.files["audio.tgz"] = (CONTENT + b"x")[:size]
        get.refused(f"has {size} bytes instead of 200000")
        assert ranges(server) == ["bytes=70000-"]


def test_a_wrong_checksum_leaves_nothing(server, get):
    server.files["audio.tgz"] = wrong = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    message = get.refused("audio.tgz.*Run the same command again, or check the address and the manifest")
    assert all(hashlib.sha256(content).hexdigest() in message for content in (wrong, CONTENT))
    assert get.names() == [] and len(server.requests()) == 1


def test_errors_of_the_server(server, get):
    server.behaviour = Behaviour(status=500, failures=3)
    get()
    assert len(ranges(server)) == 4
    server.behaviour = Behaviour(status=503, failures=9)
    get.refused(r"/audio\.tgz: the server answers 503 .*, in each of 4 attempts")
    for status in (403, 404, 410):
        server.log.clear()
        server.behaviour = Behaviour(status=status, failures=9)
        get.refused(rf"/audio\.tgz: the server answers {status} .*check the address")
        assert len(ranges(server)) == 1


def test_redirects(server, get, monkeypatch):
    server.behaviour = Behaviour(redirect_to=f"{server.url}/elsewhere/audio.tgz", cut_after=70_000, cuts=1)
    get()
    assert [entry[1] for entry in server.requests("elsewhere/audio.tgz")] == [None, "bytes=70000-"]
    for address in ("file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", f"{server.url}/audio.tgz"):
        server.behaviour = Behaviour(redirect_to=address)
        get.refused("/audio.tgz: .*(file:|ftp:|data:|redirects).*; check the address")
    # No redirect from https to http.
    original = requests.get
    server.behaviour = Behaviour()
    monkeypatch.setattr(requests, "get", lambda url, **more: original(url.replace("https", "http"), **more))
    get.refused("which is not https", url=f"{server.url.replace('http', 'https')}/audio.tgz")


def test_networks_that_fail(server, get, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/audio.tgz"
    get.refused("the connection failed .*refused.*then run the same command again", url=url)
    with monkeypatch.context() as patched:
        error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        patched.setattr(socket, "getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(error))
        get.refused("Name or service not known", url="http://nowhere.example/audio.tgz")
    monkeypatch.setattr(module, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(module, "WAITS_S", ())
    server.behaviour = Behaviour(piece_wait_s=0.6, piece_bytes=1 << 16, cut_after=1 << 16, cuts=1)
    get.refused("the server was silent for 0.3 s")
    assert get.part.stat().st_size == 1 << 16
    server.behaviour = Behaviour(piece_wait_s=0.1, piece_bytes=20_000)
    get()


def test_a_full_disk(server, get, monkeypatch):
    def full(path, mode):
        open(path, mode).close()
        raise OSError(errno.ENOSPC, "No space left on device")

    get.part.write_bytes(CONTENT[:100])
    monkeypatch.setattr(module, "open", full, raising=False)
    get.refused("part: no space left on the disk; free some, then run the same .* from the 100 of 200000")
    monkeypatch.undo()
    assert get() == len(CONTENT) - 100


def test_manifests(tmp_path):
    path = RELEASE.write_manifest(tmp_path / "manifest.json")
    assert {name: entry._asdict() for name, entry in read_manifest(str(path)).items()} == GOOD
    path.write_text(json.dumps({**GOOD, "pmqd.csv": {"bytes": 0, "sha256": "AB" * 32}}))
    assert read_manifest(str(path))["pmqd.csv"] == (0, "ab" * 32)
    with pytest.raises(InputError, match="absent.json: cannot be opened"):
        read_manifest(str(tmp_path / "absent.json"))
    assert PMQD["audio.tgz"].bytes == 972567883 and PMQD["pmqd.csv"].bytes == 112376


BAD_ENTRIES = [
    (1, "pmqd.csv must hold bytes and sha256, and nothing else"),
    ({"bytes": 1}, "pmqd.csv must hold"),
    ({"bytes": 1, "sha256": SUM, "md5": 1}, "pmqd.csv must hold"),
    *(({"bytes": value, "sha256": SUM}, f"bytes of pmqd.csv is {value!r}") for value in (-1, 1.0, True, "1")),
    *(({"bytes": 1, "sha256": value}, "not 64 hexadecimal") for value in (SUM[1:], "g" * 64, None)),
]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "Expecting value"),
        ("[]", "it must hold audio.tgz and pmqd.csv, and nothing else"),
        (json.dumps({"audio.tgz": GOOD["audio.tgz"]}), "it must hold"),
        (json.dumps({**GOOD, "x": 1}), "it must hold"),
        ("[" * 100_000, "is no manifest"),
        ("\udcff", "utf-8"),
        *((json.dumps({**GOOD, "pmqd.csv": entry}), words) for entry, words in BAD_ENTRIES),
    ],
)
def test_manifests_that_are_none(tmp_path, text, words):
    path = tmp_path / "manifest.json"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(InputError, match=words) as caught:
        read_manifest(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_addresses():
    for url in "http://h https://h/a/b%20c/ http://127.0.0.1:8000/x HTTPS://h/ http://[::1]:80/".split():
        check_url(url)
    bad = (
        "/data data file:///data ftp://h/x http:// http:///x http://h:x/ http://h:0/ http://h:99999/".split()
    )
    bad += "http://user:word@h/ http://h/?x=1 http://h/#x http://h/\u00e9 http://[::1/".split()
    for url in [*bad, "", "http://h/a b"]:
        with pytest.raises(InputError):
            check_url(url)
