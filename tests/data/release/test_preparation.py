"""A folder prepared from a release: what is trusted, what is repaired, and whose files are left alone."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil

import pytest

from tests.data.release.pmqd_server import NAMES, Behaviour, Server, release, serving, tgz, wav_files
from tfnoise.data.clip_list import read_list
from tfnoise.data.list_check import audio_names
from tfnoise.data.release import folder as folder_module
from tfnoise.data.release import preparation
from tfnoise.data.release.manifest import manifest_from
from tfnoise.data.release.preparation import prepare
from tfnoise.errors import InputError

RELEASE = release()
WAVS = wav_files()
PREPARED = [".prepared.json", "audio", "pmqd.csv"]


@pytest.fixture
def server():
    with serving(RELEASE.files) as server:
        yield server


class Runs:
    """Prepares one folder again and again, and sees what is in it."""

    def __init__(self, folder, server: Server):
        self.folder, self.server = folder, server
        self.said: list[str] = []

    def __call__(self, of=RELEASE, url=None, **more):
        self.said.clear()
        self.server.log.clear()
        manifest = manifest_from(of.manifest())
        return prepare(self.folder, url or self.server.url, manifest, say=self.said.append, **more)

    def refused(self, words: str, **more) -> str:
        before = self.content()
        with pytest.raises(InputError, match=words) as caught:
            self(**more)
        after = self.content()
        assert {name: after.get(name) for name in before} == before and "\n" not in str(caught.value)
        return str(caught.value)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def content(self) -> dict[str, bytes]:
        paths = self.folder.rglob("*") if self.folder.exists() else ()
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths if path.is_file()}

    def audio(self) -> dict[str, bytes]:
        return {name: (self.folder / "audio" / name).read_bytes() for name in audio_names(self.folder)}


@pytest.fixture
def run(tmp_path, server):
    return Runs(tmp_path / "pmqd", server)


def test_from_nothing_to_complete(run):
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


def test_again(run):
    run()
    done = run()
    assert done.already_complete and done.fetched_bytes == 0 and run.server.log == [] and run.said == []
    assert done.files == len(NAMES) and run.names() == PREPARED


def test_keeps_the_archive_if_asked(run):
    assert run(keep_archive=True).archive_kept
    assert run(keep_archive=True).archive_kept
    assert run.names() == [".prepared.json", "audio", "audio.tgz", "pmqd.csv"]


def test_files_that_are_there_are_used_and_kept(run):
    run.folder.mkdir()
    for name, content in RELEASE.files.items():
        (run.folder / name).write_bytes(content)
    (run.folder / "audio.tgz.part").write_bytes(b"old")
    done = run(url="http://127.0.0.1:9")
    assert done.fetched_bytes == 0 and done.archive_kept and run.audio() == WAVS
    assert run.names() == [".prepared.json", "audio", "audio.tgz", "pmqd.csv"]


def test_an_archive_put_beside_a_part_is_the_users(run):
    run.server.behaviour = Behaviour(cut_after=1000, etag='"x"')
    with pytest.raises(InputError):
        preparation.download(
            f"{run.server.url}/audio.tgz", _made(run.folder) / "audio.tgz", _entry("audio.tgz"), waits_s=()
        )
    assert run.names() == ["audio.tgz.part", "audio.tgz.part.json"]
    (run.folder / "audio.tgz").write_bytes(RELEASE.files["audio.tgz"])
    assert run().archive_kept


def _made(folder):
    folder.mkdir(exist_ok=True)
    return folder


def _entry(name):
    return manifest_from(RELEASE.manifest())[name]


@pytest.mark.parametrize("name", ["audio.tgz", "pmqd.csv"])
def test_wrong_files_of_the_user_are_told_and_left(run, name):
    run.folder.mkdir()
    wrong = RELEASE.files[name][:-1] + b"?"
    (run.folder / name).write_bytes(wrong)
    message = run.refused("left alone: remove or rename it")
    assert hashlib.sha256(wrong).hexdigest() in message and _entry(name).sha256 in message
    (run.folder / name).write_bytes(b"short")
    run.refused(f"{name}: has 5 bytes instead of {len(RELEASE.files[name])}")
    (run.folder / name).unlink()
    (run.folder / name).mkdir()
    run.refused(f"{name}: is no file")


def test_a_list_that_was_changed_is_left(run):
    run()
    path = run.folder / "pmqd.csv"
    path.write_bytes(RELEASE.files["pmqd.csv"].replace(b"Band", b"Bend"))
    run.refused("left alone: remove or rename it")
    path.unlink()
    done = run()
    assert not done.already_complete and [entry[0] for entry in run.server.log] == ["/pmqd.csv"]
    assert run().already_complete


def test_audio_that_is_missing_or_short_is_put_back(run):
    run()
    (run.folder / "audio" / NAMES[1]).unlink()
    (run.folder / "audio" / NAMES[2]).write_bytes(b"short")
    (run.folder / "audio" / "mine.txt").write_text("mine")
    done = run()
    assert done.repaired == 2 and "2 of 6 files are missing or of another size" in run.said[0]
    assert run.audio() == {**WAVS, "mine.txt": b"mine"} and run.names() == PREPARED
    shutil.rmtree(run.folder / "audio")
    assert run().repaired == 6 and run.audio() == WAVS
    assert run().already_complete


def test_another_manifest_is_refused(run):
    run()
    run.refused("was prepared by another manifest .*name another folder", of=release("another list"))


def test_audio_of_another_origin_is_left(run):
    audio = _made(run.folder) / "audio"
    audio.mkdir()
    (audio / "mine.wav").write_bytes(b"mine")
    run.refused("is there already and not of this command")
    assert run.server.log == []
    (run.folder / "audio.tgz").write_bytes(RELEASE.files["audio.tgz"])
    run.refused(f"'{NAMES[0]}' is missing or differs; rename it or name another folder")
    for name, content in WAVS.items():
        (audio / name).write_bytes(content)
    run.refused("'mine.wav' is not in the archive")
    (audio / "mine.wav").unlink()
    (audio / NAMES[3]).write_bytes(WAVS[NAMES[3]][:-1])
    run.refused(f"'{NAMES[3]}' is missing or differs")
    (audio / NAMES[3]).write_bytes(WAVS[NAMES[3]] + b"x")
    run.refused(f"'{NAMES[3]}' is missing or differs")
    (audio / NAMES[3]).write_bytes(WAVS[NAMES[3]])
    (audio / ".DS_Store").write_bytes(b"")
    assert run().archive_kept and run().already_complete


def test_an_empty_audio_is_no_obstacle_and_a_file_is_one(run):
    (_made(run.folder) / "audio").mkdir()
    run()
    assert run.audio() == WAVS
    shutil.rmtree(run.folder)
    _made(run.folder)
    (run.folder / "audio").write_bytes(b"mine")
    run.refused("audio: is no folder")


class _Killed(BaseException):
    pass


STEPS = [
    (preparation, "download", 1),
    (preparation, "download", 2),
    (preparation, "members", 1),
    (preparation, "write_all", 3),
    (preparation.os, "rename", 1),
    (preparation, "write_record", 1),
    (preparation._Preparation, "_tidy_archive", 1),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("place, name, call", STEPS)
def test_a_run_killed_anywhere_is_gone_on_with(run, monkeypatch, place, name, call, after):
    original, calls = getattr(place, name), []
    rmtree = shutil.rmtree

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
    assert shutil.rmtree is rmtree
    run()
    assert run.audio() == WAVS and run.names() == PREPARED
    assert run().already_complete


def test_left_overs_of_the_record_go(run):
    (_made(run.folder) / "..prepared.json.123.tmp").touch()
    (run.folder / ".extracting-old" / "audio").mkdir(parents=True)
    (run.folder / ".extracting-mine").write_text("a file of the user's")
    run()
    assert run.names() == [".extracting-mine", *PREPARED]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"manifest": {}, "files": 3}', "\udcff"])
def test_a_record_that_cannot_be_read_is_none(run, text):
    run(keep_archive=True)
    (run.folder / ".prepared.json").write_text(text, errors="surrogateescape")
    assert not run().already_complete
    assert run().already_complete


def test_two_runs_at_once(run):
    with folder_module.alone(_made(run.folder)):
        run.refused("another run is at work in it")
    run()


def hostile_release():
    entries = [("audio/a.wav", b"a"), ("audio/../../x", b"x")]
    return type(RELEASE)({**RELEASE.files, "audio.tgz": tgz(entries)})


@pytest.mark.parametrize("content", [hostile_release().files["audio.tgz"], b"no archive at all"])
def test_a_bad_archive_leaves_nothing(run, content):
    bad = type(RELEASE)({**RELEASE.files, "audio.tgz": content})
    run.server.files = bad.files
    run.refused("'audio/../../x' leads out|is a damaged .tgz file", of=bad)
    assert run.names() == ["pmqd.csv"]
    (run.folder / "audio.tgz").write_bytes(content)
    run.refused("'audio/../../x' leads out|is a damaged .tgz file", of=bad)
    assert run.names() == ["audio.tgz", "pmqd.csv"]
    assert not (run.folder.parent / "x").exists()


def test_too_little_space(run, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    run.refused("needs about 7.. kB and the disk has 1 kB left")
    assert run.server.log == [] and run.names() == []
    sizes = iter([1 << 40, 1 << 40, 10])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=next(sizes)))
    run.refused(f"no space left on the disk for '{NAMES[1]}'")
    assert run.names() == ["audio.tgz", "audio.tgz.part.json", "pmqd.csv"]
    monkeypatch.undo()
    assert run().fetched_bytes == 0 and run.names() == PREPARED


def test_a_disk_that_fills_while_unpacking(run, monkeypatch):
    def full(file, piece):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(preparation, "write_all", full)
    run.refused("no space left on the disk; free some, then run the same command again")
    assert run.names() == ["audio.tgz", "audio.tgz.part.json", "pmqd.csv"]
    monkeypatch.undo()
    run()
    assert run.names() == PREPARED
