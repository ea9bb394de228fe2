"""Archives: what is taken, and that anything hostile or damaged is refused by name."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from tests.data.release.pmqd_server import tgz
from tfnoise.data.release import archive
from tfnoise.data.release.archive import ArchiveError, members


def special(name: str, kind: bytes, link: str = "", **more) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    for key, value in more.items():
        setattr(info, key, value)
    return info


def read_all(path, **more) -> dict[str, bytes]:
    return {member.name: b"".join(member.pieces) for member in members(path, "audio", **more)}


def written(tmp_path, content: bytes):
    path = tmp_path / "audio.tgz"
    path.write_bytes(content)
    return path


GOOD = [("audio", None), ("audio/a.wav", b"a" * 300_000), ("audio/empty.wav", b""), ("audio/é b.wav", b"b")]


def test_takes_regular_files_of_the_folder(tmp_path):
    done = []
    path = written(tmp_path, tgz([*GOOD, ("audio/sub", None), ("audio/sub/c.wav", b"c" * 1000)]))
    assert read_all(path, on_bytes=done.append) == {
        "a.wav": b"a" * 300_000,
        "empty.wav": b"",
        "é b.wav": b"b",
        "sub/c.wav": b"c" * 1000,
    }
    assert done[-1] == path.stat().st_size and done == sorted(done)


def test_other_ways_to_write_the_same(tmp_path):
    long_name = "n" * 200 + ".wav"
    entries = [("./", None), ("./._audio", b"mac"), ("./audio", None), ("./audio/a.wav", b"a")]
    path = written(tmp_path, tgz([*entries, (f"audio/{long_name}", b"l")]))
    assert read_all(path) == {"a.wav": b"a", long_name: b"l"}
    for kind in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        with tarfile.open(path, "w:gz", format=kind) as tar:
            info = tarfile.TarInfo("audio/a.wav")
            info.size, info.mode = 1, 0o4777
            tar.addfile(info, io.BytesIO(b"a"))
        assert read_all(path) == {"a.wav": b"a"}


def test_members_that_are_not_read_are_passed_over(tmp_path):
    assert [member.name for member in members(written(tmp_path, tgz(GOOD)), "audio")] == [
        "a.wav",
        "empty.wav",
        "é b.wav",
    ]


HOSTILE = [
    (special("audio/x", tarfile.SYMTYPE, "/etc/passwd"), None, "is a symbolic link"),
    (special("audio", tarfile.SYMTYPE, "/tmp"), None, "is a symbolic link"),
    (special("audio/x", tarfile.LNKTYPE, "audio/a.wav"), None, "is a hard link"),
    (special("audio/x", tarfile.CHRTYPE, devmajor=1, devminor=3), None, "is a device"),
    (special("audio/x", tarfile.BLKTYPE), None, "is a device"),
    (special("audio/x", tarfile.FIFOTYPE), None, "is a device or another special file"),
    (special("audio/x", b"Z"), None, "is a device or another special file"),
    ("../x", b"x", "leads out"),
    ("audio/../../x", b"x", "leads out"),
    ("audio/sub/..", None, "leads out"),
    ("/audio/x", b"x", "leads out"),
    ("/etc/x", b"x", "leads out"),
    ("x", b"x", "is not inside audio/"),
    ("other/x", b"x", "is not inside audio/"),
    ("audiox/x", b"x", "is not inside audio/"),
    ("audio", b"x", "is not inside audio/"),
    (".", b"x", "is not inside audio/"),
    ("audio\\x", b"x", "has an odd name"),
    ("audio/..\\x", b"x", "has an odd name"),
    ("C:/x", b"x", "has an odd name"),
    ("audio/\n", b"x", "has an odd name"),
    ("audio//x", b"x", "has an odd name"),
    ("audio/" + "x" * 256, b"x", "has an odd name"),
    ("audio/a.wav", b"again", "comes twice"),
    ("audio/./a.wav", b"again", "comes twice"),
    ("audio/a.wav/x", b"x", "is a file and a folder"),
    ("audio/a.wav", None, "is a file and a folder"),
]


@pytest.mark.parametrize("entry, content, words", HOSTILE)
def test_hostile_members_are_refused_by_name(tmp_path, entry, content, words):
    name = entry if isinstance(entry, str) else entry.name
    path = written(tmp_path, tgz([*GOOD, (entry, content)]))
    with pytest.raises(ArchiveError) as caught:
        read_all(path)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert repr(name)[:80].rstrip("'/") in str(caught.value) and str(path) in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["audio.tgz"]


def test_a_name_with_nul(tmp_path):
    info = tarfile.TarInfo("audio/a")
    info.pax_headers = {"path": "audio/a\0/../../x"}
    with pytest.raises(ArchiveError, match="leads out|odd name"):
        read_all(written(tmp_path, tgz([(info, None)])))
    info.pax_headers = {"path": "audio/a\0b"}
    with pytest.raises(ArchiveError, match="odd name"):
        read_all(written(tmp_path, tgz([(info, None)])))


def test_claims_of_size(tmp_path, monkeypatch):
    huge = special("audio/huge.wav", tarfile.REGTYPE, size=1 << 45)
    tar = tarfile.TarInfo("audio/a.wav").tobuf() + huge.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    with pytest.raises(
        ArchiveError, match="'audio/huge.wav' makes it unpack to more than the 256000000 bytes"
    ):
        read_all(written(tmp_path, gzip.compress(tar)))
    sparse = special("audio/s.wav", tarfile.GNUTYPE_SPARSE, size=0)
    with pytest.raises(ArchiveError, match="is a sparse file"):
        read_all(written(tmp_path, gzip.compress(sparse.tobuf(tarfile.GNU_FORMAT) + bytes(1024))))
    pax = tarfile.TarInfo("audio/s.wav")
    pax.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 40)}
    with pytest.raises(ArchiveError, match="is a sparse file"):
        read_all(written(tmp_path, tgz([(pax, b"x")])))
    with pytest.raises(ArchiveError, match="'audio/a.wav' makes it unpack to more than the 1000 bytes"):
        read_all(written(tmp_path, tgz(GOOD)), limit_bytes=1000)
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    with pytest.raises(ArchiveError, match="'audio/é b.wav' is one more than the 3"):
        read_all(written(tmp_path, tgz(GOOD)))
    assert archive.unpacked_limit(972567883) > 10e9


def test_headers_take_no_memory(tmp_path):
    longest = special("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=1 << 30)
    with pytest.raises(ArchiveError, match="holds headers of more than"):
        read_all(written(tmp_path, gzip.compress(longest.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 21))))
    empty = special("././@LongLink", tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(ArchiveError, match="damaged|holds headers"):
        read_all(written(tmp_path, gzip.compress(empty * 2000 + bytes(1024))))


def damaged() -> dict[str, bytes]:
    whole = tgz(GOOD)
    plain = bytearray(gzip.decompress(whole))
    flipped = bytearray(whole)
    flipped[-6] ^= 1
    second = plain.index(b"audio/empty.wav") + 100
    bad_header = plain[:second] + b"zzzzzzz" + plain[second + 7 :]
    noise = bytearray(whole)
    noise[len(noise) // 2] ^= 0x55
    return {
        "nothing": b"",
        "no gzip": b"this is not an archive",
        "gzip of no tar": gzip.compress(b"x" * 5000),
        "gzip of nothing": gzip.compress(b""),
        "cut gzip": whole[: len(whole) // 2],
        "cut in gzip's end": whole[:-4],
        "gzip's checksum": bytes(flipped),
        "a bit": bytes(noise),
        "cut tar": gzip.compress(bytes(plain[:200_000])),
        "cut between members": gzip.compress(bytes(plain[: second - 100])),
        "cut header": gzip.compress(bytes(plain[: second + 100])),
        "bad header": gzip.compress(bytes(bad_header)),
    }


@pytest.mark.parametrize("name", list(damaged()))
def test_damage_is_told(tmp_path, name):
    with pytest.raises(ArchiveError, match=r"audio\.tgz: is a damaged \.tgz file") as caught:
        read_all(written(tmp_path, damaged()[name]))
    assert "\n" not in str(caught.value)
