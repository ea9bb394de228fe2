"""Images of clips on disk, so that audio is decoded once: whole files, found by their content and settings.

A cache is a TFRecord file of one `tf.train.Example` a clip, written under a temporary name and renamed, so
that a run that is killed leaves nothing that another would read.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

import tfnoise
from tfnoise.audio.files import is_remote
from tfnoise.audio.front_end import FrontEnd
from tfnoise.data.clip_list import Clip
from tfnoise.errors import InputError
from tfnoise.files import replacing

# Part of every key: with another form of the records, or other arithmetic before them, it must change.
_FORM = "images 1"
_PIECE_BYTES = 1 << 20
_THREADS = 4
_FEATURES = {
    "index": tf.io.FixedLenFeature([], tf.int64),
    "frames": tf.io.FixedLenFeature([], tf.int64),
    "image": tf.io.FixedLenFeature([], tf.string),
    "reference_db": tf.io.FixedLenFeature([], tf.float32),
    "problem": tf.io.FixedLenFeature([], tf.string),
}


def default_folder() -> Path:
    """Where caches lie: $XDG_CACHE_HOME/tfnoise or ~/.cache/tfnoise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfnoise"


def key(clips: Sequence[Clip], front_end: FrontEnd, multiple: int) -> str:
    """What a cache of these images is called: a hash of the files' content, the list and the settings.

    Args:
      clips: the clips. Of a file on this machine every byte counts; of a remote one its address and length.
      front_end: the settings of the images.
      multiple: frames that an image is a whole multiple of.

    Returns:
      32 hexadecimal digits.
    """
    paths = list(dict.fromkeys(clip.path for clip in clips))
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        contents = dict(zip(paths, pool.map(_content, paths)))
    stated = {
        "form": _FORM,
        "tfnoise": tfnoise.__version__,
        "front_end": front_end.to_dict(),
        "multiple": multiple,
        # The problem of a clip names its path.
        "clips": [(clip.path, contents[clip.path], clip.first_sample, clip.sample_count) for clip in clips],
    }
    text = json.dumps(stated, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _content(path: str) -> str:
    if is_remote(path):
        try:
            return str(tf.io.gfile.stat(path).length)
        except tf.errors.OpError:
            return "absent"
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as source:
            while piece := source.read(_PIECE_BYTES):
                digest.update(piece)
    except OSError:
        return "absent"
    return digest.hexdigest()


def cached(
    decoded: Callable[[], tf.data.Dataset],
    path: Path,
    count: int,
    mels: int,
    on_clip: Callable[[], Any] = lambda: None,
) -> tf.data.Dataset:
    """The elements of a dataset of images, from their cache, which is made if there is none.

    Args:
      decoded: makes a dataset as from `natural_images`; called only if there is no cache, since making one
        reads the headers of all files.
      path: the cache's file. A damaged one is made anew.
      count: how many elements there are.
      mels: the images' height.
      on_clip: called after each clip that is written.

    Returns:
      A dataset of the same elements in the same order, that reads the file as it goes.

    Raises:
      InputError: the cache cannot be written, as on a full disk.
    """
    if not (path.is_file() and _holds(path, count)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(path.parent)
            with replacing(path) as temporary:
                _write(decoded(), temporary, on_clip)
        except OSError as error:
            reason = error.strerror or " ".join(str(error).split())
            remedy = "free some space, or name another folder with cache_dir"
            raise InputError(f"{path.parent}: cannot hold the cache ({reason}); {remedy}") from error
    records = tf.data.TFRecordDataset(str(path)).map(lambda record: _parsed(record, mels))
    return records.apply(tf.data.experimental.assert_cardinality(count))


def _holds(path: Path, count: int) -> bool:
    """Whether every record's checksum is right, and there are as many as there should be."""
    try:
        found = tf.data.TFRecordDataset(str(path)).reduce(tf.constant(0, tf.int64), lambda n, _: n + 1)
    except tf.errors.DataLossError:
        return False
    return int(found) == count


def _remove_leftovers(folder: Path) -> None:
    """Deletes what processes that are no more were writing."""
    for entry in folder.glob(".*.tmp"):
        found = re.fullmatch(r"\..*\.(\d+)\.tmp", entry.name)
        if found and not _alive(int(found.group(1))):
            entry.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def _write(dataset: Iterable[dict[str, Any]], path: Path, on_clip: Callable[[], Any]) -> None:
    with _writing_errors():
        writer = tf.io.TFRecordWriter(str(path))
    try:
        for item in dataset:
            record = _record({name: value.numpy() for name, value in item.items()})
            with _writing_errors():
                writer.write(record)
            on_clip()
        with _writing_errors():
            writer.flush()
    finally:
        with contextlib.suppress(tf.errors.OpError):
            writer.close()


@contextlib.contextmanager
def _writing_errors() -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message) from error


def _record(item: dict[str, Any]) -> bytes:
    def content(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def whole(value: int) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    features = {
        "index": whole(int(item["index"])),
        "frames": whole(item["image"].shape[1]),
        "image": content(item["image"].astype("<f4").tobytes()),
        "reference_db": tf.train.Feature(float_list=tf.train.FloatList(value=[item["reference_db"]])),
        "problem": content(item["problem"]),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _parsed(record: tf.Tensor, mels: int) -> dict[str, tf.Tensor]:
    item = tf.io.parse_single_example(record, _FEATURES)
    image = tf.reshape(tf.io.decode_raw(item["image"], tf.float32), [mels, item["frames"], 1])
    return {
        "index": tf.cast(item["index"], tf.int32),
        "image": tf.ensure_shape(image, [mels, None, 1]),
        "reference_db": item["reference_db"],
        "problem": item["problem"],
    }


def cache_path(clips: Sequence[Clip], front_end: FrontEnd, multiple: int, folder: Path | None) -> Path:
    """The file of these images' cache, in `folder` or the default one."""
    return (folder or default_folder()) / f"{key(clips, front_end, multiple)}.tfrecord"
