"""Files and folders that are whole or not there, and locks."""

import os

import pytest

from tfnoise.files import locked, replacing


def write(path, text, as_folder):
    if as_folder:
        path.mkdir()
        path /= "file"
    path.write_text(text)


def content(path):
    return (path / "file" if path.is_dir() else path).read_text()


@pytest.mark.parametrize("as_folder", [False, True])
def test_the_whole_or_nothing(tmp_path, as_folder):
    path = tmp_path / ("n" * 255)
    for text in ("first", "second"):
        with replacing(path) as temporary:
            write(temporary, text, as_folder)
        assert content(path) == text and os.listdir(tmp_path) == [path.name]
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        write(temporary, "third", as_folder)
        raise KeyboardInterrupt
    assert content(path) == "second" and os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("as_folder", [False, True])
def test_leftovers_of_a_killed_process_of_the_same_number(tmp_path, as_folder):
    path, hidden = tmp_path / "x", tmp_path / f".x.{os.getpid()}"
    write(path, "before", as_folder)
    for suffix in (".tmp", ".old") if as_folder else (".tmp",):
        write(hidden.with_name(hidden.name + suffix), "left", as_folder)
    with replacing(path) as temporary:
        write(temporary, "after", as_folder)
    assert content(path) == "after" and os.listdir(tmp_path) == ["x"]


def test_a_folder_is_put_back(tmp_path, monkeypatch):
    path = tmp_path / "x"
    write(path, "before", as_folder=True)
    rename = os.rename

    def failing(source, target):
        if str(source).endswith(".tmp"):
            raise OSError("full")
        rename(source, target)

    monkeypatch.setattr("os.rename", failing)
    with pytest.raises(OSError, match="full"), replacing(path) as temporary:
        write(temporary, "after", as_folder=True)
    assert content(path) == "before" and os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize("as_folder", [False, True])
def test_locks(tmp_path, as_folder):
    path = tmp_path if as_folder else tmp_path / "log"
    with locked(path), pytest.raises(BlockingIOError), locked(path):
        pass
    with locked(path, wait=True) as descriptor:
        if not as_folder:
            os.write(descriptor, b"1")
    if not as_folder:
        with locked(path) as descriptor:
            os.write(descriptor, b"2")
        assert path.read_bytes() == b"12"


def test_file_systems_without_locks_refuse_nobody(tmp_path, monkeypatch):
    def unsupported(descriptor, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with locked(tmp_path), locked(tmp_path):
        pass
