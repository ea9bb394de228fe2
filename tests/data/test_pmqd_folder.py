"""A folder prepared from a release: what is trusted, repaired, left alone; and archives that are refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile

import pytest

from tests.data.pmqd_server import NAMES, Release, release, serving, tgz, wav_files
from tfnoise.data import pmqd_download, pmqd_folder
from tfnoise.data.clip_list import read_list
from tfnoise.data.pmqd_download import manifest_from
from tfnoise.data.pmqd_folder import ArchiveError, prepare, unpack
from tfnoise.errors import InputError
from tfnoise.files import locked

RELEASE = release()
WAVS = wav_files()
PREPARED = [".prepared.json", "audio", "pmqd.csv"]


class Runs:
    """Prepares one folder again and again, and sees what is in it."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        self.said: list[str] = []

    def __call__(self, of=RELEASE, url=None, **more):
        self.said.clear()
        self.server.log.clear()
        return prepare(
            self.folder, url or self.server.url, manifest_from(of.manifest()), say=self.said.append, **more
        )

    def refused(self, words: str, **more) -> str:
        before = self.content()
        with pytest.raises(InputError, match=words) as caught:
            self(**more)
        after = self.content()
        assert {name: after.get(name) for name in before} == before and "\n" not in str(caught.value)
        return str(caught.value)

    def write(self, name: str, content: bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def content(self) -> dict[str, bytes]:
        paths = self.folder.rglob("*") if self.folder.exists() else ()
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths if path.is_file()}

    def audio(self) -> dict[str, bytes]:
        audio = self.folder / "audio"
        return {str(path.relative_to(audio)): path.read_bytes() for path in audio.rglob("*")}


@pytest.fixture
def run(tmp_path):
    with serving(RELEASE.files) as server:
        yield Runs(tmp_path / "pmqd", server)


def test_from_nothing_to_complete_and_again(run):
    done = run()
    assert run.names() == PREPARED and run.audio() == WAVS
    assert done.files == len(NAMES) and done.audio_bytes == sum(map(len, WAVS.values()))
    assert done.fetched_bytes == sum(map(len, RELEASE.files.values()))
    assert not done.already_complete and not done.archive_kept and not done.repaired
    assert [clip.rating for clip in read_list(str(run.folder))] == [1, 2, 3, 4, 5, 1]
    umask = os.umask(0)
    os.umask(umask)
    assert (run.folder / "audio").stat().st_mode & 0o7777 == 0o777 & ~umask
    assert (run.folder / "audio" / NAMES[0]).stat().st_mode & 0o7777 == 0o666 & ~umask
    done = run()
    assert done.already_complete and done.fetched_bytes == 0 and run.server.log == [] and run.said == []
    assert done.files == len(NAMES) and run.names() == PREPARED
    with locked(run.folder):
        run.refused("another run is at work in it")


def test_the_archive_is_kept_if_asked_or_the_users(run):
    assert run(keep_archive=True).archive_kept and run(keep_archive=True).archive_kept
    assert run.names() == [".prepared.json", "audio", "audio.tgz", "pmqd.csv"]
    shutil.rmtree(run.folder)
    for name, content in RELEASE.files.items():
        run.write(name, content)
    # Beside the user's archive, the part of a download.
    run.write(".download/audio.tgz.part", b"old")
    done = run(url="http://127.0.0.1:9")
    assert done.fetched_bytes == 0 and done.archive_kept and run.audio() == WAVS
    assert run.names() == [".prepared.json", "audio", "audio.tgz", "pmqd.csv"]


@pytest.mark.parametrize("name", ["audio.tgz", "pmqd.csv"])
def test_wrong_files_of_the_user_are_reported_and_left(run, name):
    wrong = RELEASE.files[name][:-1] + b"?"
    run.write(name, wrong)
    message = run.refused("left alone: remove or rename it")
    assert all(hashlib.sha256(content).hexdigest() in message for content in (wrong, RELEASE.files[name]))
    run.write(name, b"short")
    run.refused(f"{name}: has 5 bytes instead of {len(RELEASE.files[name])}")
    (run.folder / name).unlink()
    (run.folder / name).mkdir()
    run.refused(f"{name}: is no file")


def test_a_list_that_was_changed_is_left(run):
    run()
    run.write("pmqd.csv", RELEASE.files["pmqd.csv"].replace(b"Band", b"Bend"))
    run.refused("left alone: remove or rename it")
    (run.folder / "pmqd.csv").unlink()
    done = run()
    assert not done.already_complete and [entry[0] for entry in run.server.log] == ["/pmqd.csv"]
    assert run().already_complete


def test_audio_that_is_missing_or_short_is_put_back(run):
    run()
    (run.folder / "audio" / NAMES[1]).unlink()
    run.write(f"audio/{NAMES[2]}", b"short")
    run.write("audio/mine.txt", b"mine")
    done = run()
    assert done.repaired == 2 and "2 of 6 files are missing or of another size" in run.said[0]
    assert run.audio() == {**WAVS, "mine.txt": b"mine"} and run.names() == PREPARED
    shutil.rmtree(run.folder / "audio")
    assert run().repaired == 6 and run.audio() == WAVS
    assert run().already_complete
    run.refused("was prepared by another manifest .*name another folder", of=release("another list"))


def test_audio_of_another_origin_is_left(run):
    run.write("audio/mine.wav", b"mine")
    run.write("audio.tgz", RELEASE.files["audio.tgz"])
    run.refused("is there already and not of this command; rename it or name another folder")
    assert run.server.log == []
    shutil.rmtree(run.folder)
    # An empty folder is no obstacle, and a file is one.
    (run.folder / "audio").mkdir(parents=True)
    assert run().files == 6 and run.audio() == WAVS
    shutil.rmtree(run.folder)
    run.write("audio", b"mine")
    run.refused("audio: is no folder")


class _Killed(BaseException):
    pass


STEPS = [
    (pmqd_folder, "fetch", 1),
    (pmqd_folder, "fetch", 2),
    (pmqd_download.pooch, "retrieve", 2),
    (pmqd_folder, "unpack", 1),
    (pmqd_folder, "_write", 3),
    (os, "rename", 1),
    (os, "replace", 1),
    (os, "replace", 2),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("place, name, call", STEPS)
def test_a_run_killed_anywhere_is_resumed(run, monkeypatch, place, name, call, after):
    original, calls = getattr(place, name), []

    def killed(*args, **more):
        calls.append(0)
        if len(calls) == call and after:
            original(*args, **more)
        if len(calls) >= call:
            # What is killed does not tidy up.
            monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
            raise _Killed
        return original(*args, **more)

    monkeypatch.setattr(place, name, killed)
    with pytest.raises(_Killed):
        run()
    monkeypatch.undo()
    fetched = (run.folder / ".download" / "audio.tgz.part").exists()
    assert run().fetched_bytes <= len(RELEASE.files["pmqd.csv"]) or not fetched
    assert run.audio() == WAVS and run.names() == PREPARED
    assert run().already_complete


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"manifest": {}, "files": 3}', "\udcff"])
def test_a_record_that_cannot_be_read_is_none(run, text):
    run()
    run.write(".prepared.json", text.encode(errors="surrogateescape"))
    run.refused("is there already and not of this command; rename it")
    (run.folder / "audio").rename(run.folder / "renamed")
    done = run()
    assert not done.already_complete and not done.repaired
    assert run().already_complete


@pytest.mark.parametrize("content", [tgz([("audio/a.wav", b"a"), ("audio/../../x", b"x")]), b"no archive"])
def test_a_bad_archive_leaves_nothing(run, content):
    bad = Release({**RELEASE.files, "audio.tgz": content})
    run.server.files = bad.files
    run.refused("'audio/../../x' leads out|is a damaged .tgz file", of=bad)
    assert run.names() == ["pmqd.csv"]
    run.write("audio.tgz", content)
    run.refused("'audio/../../x' leads out|is a damaged .tgz file", of=bad)
    assert run.names() == ["audio.tgz", "pmqd.csv"] and not (run.folder.parent / "x").exists()


def test_too_little_space(run, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    run.refused("needs about 7.. kB and the disk has 1 kB left")
    assert run.server.log == [] and run.names() == []
    sizes = iter([1 << 40, 1 << 40, 10])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=next(sizes)))
    run.refused(f"{NAMES[1]}: no space left on the disk; free some, then run the same command again")
    assert run.names() == [".download", "pmqd.csv"]
    monkeypatch.undo()
    assert run().fetched_bytes == 0 and run.names() == PREPARED


# Archives.


def member(name: str, kind: bytes, link: str = "", **more) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    for key, value in more.items():
        setattr(info, key, value)
    return info


@pytest.fixture
def unpacked(tmp_path):
    def unpacked(content: bytes, **more) -> dict[str, bytes]:
        (tmp_path / "audio.tgz").write_bytes(content)
        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        sizes = unpack(tmp_path / "audio.tgz", tmp_path / "new", **more)
        files = {name: (tmp_path / "new" / name).read_bytes() for name in sizes}
        assert {name: len(content) for name, content in files.items()} == sizes
        return files

    def refused(words: str, content: bytes, **more) -> str:
        with pytest.raises(ArchiveError, match=words) as caught:
            unpacked(content, **more)
        assert "\n" not in str(caught.value) and str(tmp_path / "audio.tgz") in str(caught.value)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["audio.tgz", "new"]
        return str(caught.value)

    unpacked.refused = refused
    return unpacked


GOOD = [("audio", None), ("audio/a.wav", b"a" * 300_000), ("audio/empty.wav", b""), ("audio/é b.wav", b"b")]


def test_regular_files_of_the_folder_are_taken(unpacked):
    done = []
    content = tgz([*GOOD, ("audio/sub", None), ("audio/sub/c.wav", b"c" * 1000)])
    expected = {"a.wav": b"a" * 300_000, "empty.wav": b"", "é b.wav": b"b", "sub/c.wav": b"c" * 1000}
    assert unpacked(content, on_bytes=done.append) == expected
    assert done == sorted(done) and 0 < done[-1] <= len(content)
    # Other ways to write the same.
    long_name = "n" * 200 + ".wav"
    entries = [("./", None), ("./._audio", b"mac"), ("./audio", None), ("./audio/a.wav", b"a")]
    assert unpacked(tgz([*entries, (f"audio/{long_name}", b"l")])) == {"a.wav": b"a", long_name: b"l"}
    for kind in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w:gz", format=kind) as tar:
            tar.addfile(member("audio/a.wav", tarfile.REGTYPE, size=1, mode=0o4777), io.BytesIO(b"a"))
        assert unpacked(target.getvalue()) == {"a.wav": b"a"}


_SPECIAL = "is a link, a sparse file, a device or another special file"
HOSTILE = [
    (_SPECIAL, member("audio/x", tarfile.SYMTYPE, "/etc/passwd")),
    (_SPECIAL, member("audio", tarfile.SYMTYPE, "/tmp")),
    (_SPECIAL, member("audio/x", tarfile.LNKTYPE, "audio/a.wav")),
    (_SPECIAL, member("audio/x", tarfile.CHRTYPE, devmajor=1, devminor=3)),
    *((_SPECIAL, member("audio/x", kind)) for kind in (tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z")),
    *(("leads out", name) for name in ("../x", "audio/../../x", "/audio/x", "/etc/x")),
    ("leads out", member("audio/sub/..", tarfile.DIRTYPE)),
    *(("is not inside audio/", name) for name in ("x", "other/x", "audiox/x", "audio", ".")),
    *(("has an odd name", name) for name in ("audio\\x", "audio/..\\x", "C:/x", "audio/\n")),
    *(("comes twice, or is in a file", f"audio/{name}") for name in ("a.wav", "./a.wav", "a.wav/x")),
    ("leads out|odd name", member("audio/a", b"0", pax_headers={"path": "audio/a\0/../../x"})),
    ("odd name", member("audio/a", b"0", pax_headers={"path": "audio/a\0b"})),
]


@pytest.mark.parametrize("words, entry", HOSTILE)
def test_hostile_members_are_refused_by_name(unpacked, words, entry):
    name = entry if isinstance(entry, str) else entry.pax_headers.get("path", entry.name)
    content = b"x" if isinstance(entry, str) else None
    assert repr(name)[:80].rstrip("'/") in unpacked.refused(words, tgz([*GOOD, (entry, content)]))


def test_claims_of_size(unpacked, monkeypatch):
    huge = member("audio/huge.wav", tarfile.REGTYPE, size=1 << 45)
    tar = tarfile.TarInfo("audio/a.wav").tobuf() + huge.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    unpacked.refused("'audio/huge.wav' makes it unpack to more than the 256000000 bytes", gzip.compress(tar))
    sparse = member("audio/s.wav", tarfile.GNUTYPE_SPARSE, size=0)
    unpacked.refused(_SPECIAL, gzip.compress(sparse.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
    pax = {"GNU.sparse.major": "0", "GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 40)}
    unpacked.refused(_SPECIAL, tgz([(member("audio/s.wav", b"0", pax_headers=pax), b"x")]))
    longest = member("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=1 << 30).tobuf(tarfile.GNU_FORMAT)
    unpacked.refused("has a header of more than a megabyte", gzip.compress(longest + bytes(1 << 21)))
    empty = member("././@LongLink", tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.GNU_FORMAT)
    unpacked.refused("damaged", gzip.compress(empty * 2000 + bytes(1024)))
    monkeypatch.setattr(pmqd_folder, "_ALWAYS_ALLOWED_BYTES", 1000)
    unpacked.refused("'audio/a.wav' makes it unpack to more than the", tgz(GOOD))
    monkeypatch.setattr(pmqd_folder, "MOST_MEMBERS", 3)
    members = tgz([(f"audio/{name}.wav", b"") for name in "abcd"])
    unpacked.refused("'audio/d.wav' is one more than the 3", members)


def test_damage_is_reported(unpacked):
    whole = tgz(GOOD)
    plain = gzip.decompress(whole)
    second = plain.index(b"audio/empty.wav") + 100
    flipped = bytearray(whole)
    flipped[-6] ^= 1
    noise = bytearray(whole)
    noise[len(noise) // 2] ^= 0x55
    # Cut within a member, between two, within a header; a header's number that is none.
    tars = [plain[:200_000], plain[: second - 100], plain[: second + 100]]
    tars += [plain[:second] + b"zzzzzzz" + plain[second + 7 :], b"x" * 5000, b""]
    no_gzip = [b"", b"this is not an archive", whole[: len(whole) // 2], whole[:-4], flipped, noise]
    for content in [*no_gzip, *map(gzip.compress, tars)]:
        unpacked.refused(r"audio\.tgz: is a damaged \.tgz file", content)
