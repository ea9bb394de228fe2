"""Images of clips on disk, so that audio is decoded once: files named by the clips' content and the settings.

A cache is a TFRecord file of one `tf.train.Example` a clip, written under a temporary name and renamed, so
that a run that is killed leaves nothing that another would read.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pooch
import tensorflow as tf

import tfnoise
from tfnoise.audio.files import is_remote
from tfnoise.audio.front_end import FrontEnd
from tfnoise.data.clip_list import Clip
from tfnoise.errors import InputError
from tfnoise.files import replacing

# Part of every key: with another form of the records, or other arithmetic before them, it must change.
_FORM = "images 2"


def cache_path(
    clips: Sequence[Clip], front_end: FrontEnd, multiple: int, folder: str | os.PathLike[str] | None
) -> Path:
    """The file of these images' cache: named by the files' content, the list and the settings.

    Args:
      clips: the clips. Of a file on this machine every byte counts; of a remote one its address and length.
      front_end: the settings of the images.
      multiple: frames that an image is a whole multiple of.
      folder: where caches lie; None: $XDG_CACHE_HOME/tfnoise or ~/.cache/tfnoise.
    """
    paths = list(dict.fromkeys(clip.path for clip in clips))
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        contents = dict(zip(paths, pool.map(_content, paths)))
    key = {
        "form": _FORM,
        "tfnoise": tfnoise.__version__,
        "front_end": front_end.to_dict(),
        "multiple": multiple,
        # The problem of a clip names its path.
        "clips": [(clip.path, contents[clip.path], clip.first_sample, clip.sample_count) for clip in clips],
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    folder = folder or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfnoise"
    return Path(folder) / f"{digest[:32]}.tfrecord"


def _content(path: str) -> str:
    try:
        return str(tf.io.gfile.stat(path).length) if is_remote(path) else pooch.file_hash(path)
    except (OSError, tf.errors.OpError):
        return "absent"


def cached(
    decoded: Callable[[], tf.data.Dataset],
    path: Path,
    count: int,
    mels: int,
    on_clip: Callable[[], Any] = lambda: None,
) -> tf.data.Dataset:
    """A dataset of images that reads them, in their order, from their cache, which is made if there is none.

    Args:
      decoded: makes a dataset as from `natural_images`; called only if there is no cache, since making one
        reads the headers of all files.
      path: the cache's file. A damaged one is rebuilt.
      count: how many elements there are.
      mels: the images' height.
      on_clip: called after each clip that is written.

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
        return sum(1 for _ in tf.data.TFRecordDataset(str(path))) == count
    except tf.errors.DataLossError:
        return False


def _remove_leftovers(folder: Path) -> None:
    """Deletes what processes that are no more were writing."""
    for entry in folder.glob(".*.tmp"):
        process = re.fullmatch(r"\..*\.(\d+)\.tmp", entry.name)
        try:
            os.kill(int(process[1]) if process else 0, 0)
        except ProcessLookupError:
            entry.unlink(missing_ok=True)
        except OSError:
            # Of another user.
            pass


def _write(dataset: Iterable[dict[str, Any]], path: Path, on_clip: Callable[[], Any]) -> None:
    writer = _on_disk(tf.io.TFRecordWriter, str(path))
    try:
        for item in dataset:
            _on_disk(writer.write, _record({name: value.numpy() for name, value in item.items()}))
            on_clip()
        _on_disk(writer.flush)
    finally:
        with contextlib.suppress(tf.errors.OpError):
            writer.close()


def _on_disk(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function that writes; TensorFlow's errors become OSErrors."""
    try:
        return function(*arguments)
    except tf.errors.OpError as error:
        raise OSError(error.message) from error


def _record(item: dict[str, Any]) -> bytes:
    def feature(value: bytes | int | float) -> tf.train.Feature:
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value, int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))

    features = {
        "index": feature(int(item["index"])),
        "frames": feature(item["image"].shape[1]),
        "image": feature(item["image"].astype("<f4").tobytes()),
        "reference_db": feature(float(item["reference_db"])),
        "problem": feature(item["problem"]),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _parsed(record: tf.Tensor, mels: int) -> dict[str, tf.Tensor]:
    features = {
        "index": tf.io.FixedLenFeature([], tf.int64),
        "frames": tf.io.FixedLenFeature([], tf.int64),
        "image": tf.io.FixedLenFeature([], tf.string),
        "reference_db": tf.io.FixedLenFeature([], tf.float32),
        "problem": tf.io.FixedLenFeature([], tf.string),
    }
    item = tf.io.parse_single_example(record, features)
    image = tf.reshape(tf.io.decode_raw(item["image"], tf.float32), [mels, item["frames"], 1])
    return {
        "index": tf.cast(item["index"], tf.int32),
        "image": tf.ensure_shape(image, [mels, None, 1]),
        "reference_db": item["reference_db"],
        "problem": item["problem"],
    }
