"""The cache of images: named by content and settings, whole or not there, rebuilt when damaged."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tfnoise.audio import FrontEnd
from tfnoise.data import Clip, list_clips, natural_images
from tfnoise.data.cache import cache_path, cached
from tfnoise.errors import InputError

FRONT_END = FrontEnd(n_fft=512, hop=128, mels=32)


@pytest.fixture
def folder(tmp_path) -> Path:
    audio = tmp_path / "sounds"
    audio.mkdir()
    for number in range(4):
        sound = np.random.default_rng(number).uniform(-0.5, 0.5, 6000 + 1000 * number)
        soundfile.write(audio / f"{number}.wav", sound, 16000)
    soundfile.write(audio / "4.wav", np.zeros(6000), 16000)
    return audio


def items_of(clips, path, **more) -> list[dict]:
    dataset = cached(lambda: natural_images(clips, FRONT_END), path, len(clips), 32, **more)
    assert dataset.cardinality() == len(clips)
    return list(dataset.as_numpy_iterator())


def test_holds_the_very_elements(folder, tmp_path):
    clips = list_clips(folder)
    path = cache_path(clips, FRONT_END, 16, tmp_path / "new" / "cache")
    done = []
    expected = list(natural_images(clips, FRONT_END).as_numpy_iterator())
    for _ in range(2):
        items = items_of(clips, path, on_clip=lambda: done.append(1))
        assert path.is_file() and len(done) == 5
        for a, b in zip(items, expected):
            np.testing.assert_equal(a, b)
    assert b"silent" in items[4]["problem"] and items[4]["image"].shape == (32, 0, 1)
    assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name]


def test_the_name_follows_content_and_settings(folder, tmp_path):
    def name(clips, front_end=FRONT_END, multiple=16) -> str:
        return cache_path(clips, front_end, multiple, tmp_path).name

    clips = list_clips(folder)
    part = [Clip(clips[0].path, clips[0].id, first_sample=1, sample_count=5000), *clips[1:]]
    names = {name(clips), name(clips, FrontEnd()), name(clips, multiple=32)}
    names |= {name(clips[:4]), name(clips[::-1]), name(part)}
    # The same size and time of change, and one other byte.
    path = Path(clips[0].path)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=times)
    names.add(name(clips))
    path.unlink()
    assert len({*names, name(clips)}) == 8


def test_a_damaged_cache_is_rebuilt(folder, tmp_path):
    clips = list_clips(folder)
    path, less = cache_path(clips, FRONT_END, 16, tmp_path), tmp_path / "less.tfrecord"
    expected = items_of(clips, path)
    items_of(clips[:3], less)
    good = path.read_bytes()
    changed = good[:5000] + bytes([good[5000] ^ 1]) + good[5001:]
    for content in (good[:-10], changed, b"", less.read_bytes()):
        path.write_bytes(content)
        for a, b in zip(items_of(clips, path), expected):
            np.testing.assert_array_equal(a["image"], b["image"])
        assert path.read_bytes() == good


_FILL = """
import pathlib
import sys
from tfnoise.audio import FrontEnd
from tfnoise.data import list_clips, natural_images
from tfnoise.data.cache import cache_path, cached
clips = list_clips(sys.argv[1])
front_end = FrontEnd(n_fft=512, hop=128, mels=32)
def on_clip():
    print("clip", flush=True)
    sys.stdin.readline()
path = cache_path(clips, front_end, 16, pathlib.Path(sys.argv[2]))
cached(lambda: natural_images(clips, front_end), path, len(clips), 32, on_clip)
"""


def test_a_killed_process_leaves_nothing_that_the_next_trips_over(folder, tmp_path, repo_root):
    cache = tmp_path / "cache"
    process = subprocess.Popen(
        [sys.executable, "-c", _FILL, str(folder), str(cache)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=repo_root,
        text=True,
    )
    for _ in range(2):
        assert process.stdout.readline() == "clip\n"
        print(file=process.stdin, flush=True)
    assert process.stdout.readline() == "clip\n"
    assert len(list(cache.iterdir())) == 1
    process.kill()
    process.communicate()
    [partial] = cache.iterdir()
    assert partial.name.endswith(".tmp")
    # What another living process writes stays.
    other = cache / f".other.tfrecord.{os.getpid()}.tmp"
    other.touch()
    clips = list_clips(folder)
    path = cache_path(clips, FRONT_END, 16, cache)
    begin = time.monotonic()
    assert len(items_of(clips, path)) == 5 and time.monotonic() - begin < 30
    assert {entry.name for entry in cache.iterdir()} == {path.name, other.name}


def test_a_cache_that_cannot_be_written_and_a_full_disk_are_reported_and_leave_nothing(
    folder, tmp_path, repo_root
):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file: cannot hold the cache \(.*\); free some space, or name"):
        items_of(list_clips(folder), tmp_path / "file" / "a.tfrecord")
    script = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "import sys, tfnoise\n"
        "from tfnoise.errors import InputError\n"
        "try:\n"
        "    tfnoise.data.recordings(sys.argv[1], clip_duration_s=0.3, cache_dir=sys.argv[2])\n"
        "except InputError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        cwd=repo_root,
    )
    assert "cannot hold the cache" in done.stdout and "cache_dir" in done.stdout
    assert list((tmp_path / "cache").iterdir()) == []
