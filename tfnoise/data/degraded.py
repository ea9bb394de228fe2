"""PMQD's degradations of clips: as functions for `tf.data.Dataset.map`, and as a whole set in PMQD's form.

    degraded = waveforms.map(degrade_map("lowpass", 60.0, 16000), num_parallel_calls=tf.data.AUTOTUNE)

A set is pmqd.csv and audio/ with each original and its degraded versions: with N originals, clip `id` comes
from the original `id mod N`. The intensity of each version is drawn from its range, as PMQD's were.
"""

from __future__ import annotations

import concurrent.futures
import csv
import dataclasses
import hashlib
import io
import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from tfnoise.audio.degradations import DEGRADATIONS, clip_seed, degrade
from tfnoise.audio.files import probe, read
from tfnoise.data.clip_list import AUDIO_FOLDER, COLUMNS, LIST_NAME, ORIGINAL, Clip, read_list
from tfnoise.errors import InputError

if TYPE_CHECKING:
    import tensorflow as tf

#: Clips of more values (samples x channels) are refused; these take some 2.5 GB.
MOST_VALUES = 50_000_000

_FULL_SCALE = 1 << 23
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FILE_NAME = re.compile(rf"\w+_[0-9a-f]{{16}}_({'|'.join((ORIGINAL, *DEGRADATIONS))})\.wav", re.ASCII)


def degrade_map(
    degradation: str, intensity: float, sample_rate_hz: float, seed: int = 0
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function that degrades one waveform of a dataset.

    The noise is decided by the seed and the waveform's samples, never by the order of calls: a dataset gives
    the same however many calls run at once, and in every pass. It is the noise that `write_set` adds.

    >>> import tensorflow as tf
    >>> waveforms = tf.data.Dataset.from_tensors(tf.ones([100]))
    >>> next(iter(waveforms.map(degrade_map("noise", 50.0, 16000)))).shape
    TensorShape([100])

    Args:
      degradation: one of `tfnoise.audio.degradations.DEGRADATIONS`.
      intensity: 0, the mildest setting of PMQD's range, to 100.
      sample_rate_hz: the waveforms' samples per second.
      seed: 0 or more; decides the noise.

    Returns:
      A function of a float32 tensor `[samples]` or `[samples, channels]`, any scale, that gives one of the
      same static shape. It runs in Python, so it cannot be exported; a waveform that holds NaN or infinity is
      an `InvalidArgumentError` when the dataset is iterated.

    Raises:
      ValueError: when the name is unknown, or a number is out of range; by the function, when a waveform's
        static shape has neither one nor two axes.
    """
    import tensorflow as tf

    # Refused here, not at the first element.
    degrade(np.zeros([1], np.float32), sample_rate_hz, degradation, intensity)
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, not {seed}")

    def in_numpy(waveform: np.ndarray) -> np.ndarray:
        own_seed = clip_seed(waveform, seed) if degradation == "noise" else 0
        return degrade(waveform, sample_rate_hz, degradation, intensity, own_seed)

    def degraded(waveform: tf.Tensor) -> tf.Tensor:
        waveform = tf.cast(waveform, tf.float32)
        if waveform.shape.rank not in (None, 1, 2):
            raise ValueError(
                f"a waveform must be [samples] or [samples, channels], not of shape {waveform.shape}"
            )
        # Without state: tf.data may then run calls side by side even where operations must be deterministic.
        result = tf.numpy_function(in_numpy, [waveform], tf.float32, stateful=False)
        return tf.ensure_shape(result, waveform.shape)

    return degraded


def sources(clips: Sequence[Clip]) -> list[Clip]:
    """The clips, in their order, with ids of their own, and each with another artist, title or start.

    The id decides the names and the intensities of a clip's files; a list knows originals by the others. A
    clip without a title is called by its id. A title that has been taken gets the id added, and a number if
    that has been taken too.
    """
    triples: set[tuple[str, str, float]] = set()
    by_id: dict[str, Clip] = {}
    for clip in clips:
        # Ids of a list may repeat, and names of files need not be text.
        name = _text(clip.id) or "clip"
        key = next(key for key in _numbered(name) if key not in by_id)
        artist, start = _text(clip.artist or ""), clip.sample_start or 0.0
        title = _text(clip.title or "") or name
        titles = itertools.chain([title], _numbered(f"{title} ({name})"))
        title = next(title for title in titles if (artist, title, start) not in triples)
        triples.add((artist, title, start))
        genre = _text(clip.genre or "")
        by_id[key] = dataclasses.replace(
            clip, id=key, genre=genre, artist=artist, title=title, sample_start=start
        )
    return list(by_id.values())


def _text(name: str) -> str:
    """As it is read back from a list: valid text on one line, without spaces at its ends."""
    return _CONTROL.sub("?", name.encode("utf-8", "backslashreplace").decode("utf-8")).strip()


def _numbered(name: str) -> Iterator[str]:
    return itertools.chain([name], (f"{name} #{number}" for number in itertools.count(2)))


def versions(clip: Clip, degradations: Sequence[str], intensity: float | None, seed: int) -> list[Clip]:
    """The versions of a clip, with their files' names below audio/ as paths: the original, then the degraded.

    Without an intensity one is drawn for each from 0 to 100, to two decimals, by the seed, the clip's id and
    the degradation; other clips do not change it.
    """
    stem = re.sub(r"[^A-Za-z0-9]+", "_", os.path.splitext(os.path.basename(clip.path))[0])
    stem = f"{stem[:40].strip('_') or 'clip'}_{_hash(clip.id):016x}"
    intensities = {ORIGINAL: 0.0}
    for name in degradations:
        drawn = round(_hash(f"{seed}\0{name}\0{clip.id}") / 2**64 * 100, 2)
        intensities[name] = drawn if intensity is None else intensity
    return [
        dataclasses.replace(clip, path=f"{stem}_{name}.wav", degradation=name, intensity=value)
        for name, value in intensities.items()
    ]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _write_versions(path: str, of_clip: Sequence[Clip], folder: Path, seed: int) -> float:
    """Writes 24-bit WAV files of the clip's own rate and channels; returns the factor of all, 1 or less.

    If one of them exceeds full scale, all are turned down by the same factor, so that nothing is clipped and
    their levels keep their relation. Else the original's samples are the file's own, to 24 bits.
    """
    info = probe(path)
    if info.samples * info.channels > MOST_VALUES:
        minutes = MOST_VALUES / info.channels / info.sample_rate_hz / 60
        raise InputError(f"{path}: is longer than {minutes:.1f} minutes; cut it into clips, or skip it")
    waveform, rate_hz = read(path)
    if not np.any(waveform):
        raise InputError(f"{path}: is silent, which no degradation changes; skip it")
    own_seed = clip_seed(waveform, seed)
    waveforms = [waveform]
    for version in of_clip[1:]:
        waveforms.append(degrade(waveform, rate_hz, version.degradation, version.intensity, own_seed))
    factor = 1.0 / max(1.0, *(float(np.max(np.abs(samples))) for samples in waveforms))
    for version in of_clip:
        # One at a time, so that they are not all held twice.
        (folder / version.path).write_bytes(_wav(waveforms.pop(0), rate_hz, factor))
    return factor


def _wav(waveform: np.ndarray, rate_hz: int, factor: float) -> memoryview:
    # Whole numbers by our own rounding: libsndfile would scale by one less than full scale.
    values = np.rint(waveform * (factor * _FULL_SCALE))
    values = np.clip(values, -_FULL_SCALE, _FULL_SCALE - 1, out=values).astype(np.int32) << 8
    # By way of memory, so that a full disk is an OSError that says so.
    content = io.BytesIO()
    # In a thread, since Ctrl-C in one of libsndfile's calls back to Python would be lost there.
    with concurrent.futures.ThreadPoolExecutor(1) as worker:
        worker.submit(soundfile.write, content, values, rate_hz, "PCM_24", format="WAV").result()
    return content.getbuffer()


def _write_list(folder: Path, written: Sequence[tuple[Clip, Sequence[Clip]]]) -> None:
    """Writes pmqd.csv: all originals, then all of the first degradation, and so on; ratings are empty."""
    with open(folder / LIST_NAME, "w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        rows.writeheader()
        by_degradation = zip(*(of_clip for _, of_clip in written))
        for number, clip in enumerate(itertools.chain.from_iterable(by_degradation)):
            start = clip.sample_start
            rows.writerow(
                {
                    "id": number,
                    "genre": clip.genre,
                    "artist": clip.artist,
                    "title": clip.title,
                    "degradation_type": clip.degradation,
                    "degradation_intensity": float(clip.intensity),
                    "sample_start": int(start) if start.is_integer() else start,
                    "sample_filename": clip.path,
                }
            )


def write_set(
    clips: Sequence[Clip],
    folder: Path,
    degradations: Sequence[str] = DEGRADATIONS,
    intensity: float | None = None,
    seed: int = 0,
    on_clip: Callable[[], None] = lambda: None,
) -> tuple[list[tuple[Clip, list[Clip]]], list[str], float]:
    """Writes a whole set: pmqd.csv and audio/.

    Args:
      clips: the clips, as from `list_clips`; one is held in memory at a time.
      folder: an empty folder.
      degradations: names of `DEGRADATIONS`.
      intensity: of all degraded versions, 0 to 100; None draws them, see `versions`.
      seed: 0 or more; decides intensities and noise.
      on_clip: called after each clip.

    Returns:
      The clips that were written, from `sources`, each with its `versions`; a line for each that cannot be
      used; and the smallest factor by which the versions of a clip were turned down, so that none of them
      exceeds full scale.

    Raises:
      InputError: none of the clips can be used; the message has the first problem.
      OSError: a file cannot be written.
    """
    (folder / AUDIO_FOLDER).mkdir()
    written, problems, least = [], [], 1.0
    for clip in sources(clips):
        of_clip = versions(clip, degradations, intensity, seed)
        try:
            least = min(least, _write_versions(clip.path, of_clip, folder / AUDIO_FOLDER, seed))
            written.append((clip, of_clip))
        except InputError as error:
            problems.append(str(error))
        on_clip()
    if not written:
        raise InputError(f"none of the {len(clips)} clips can be used; the first problem: {problems[0]}")
    _write_list(folder, written)
    return written, problems, least


def why_not_ours(folder: Path) -> str:
    """Why a folder is no set that `write_set` wrote and nobody changed; "" if it is one.

    A set with ratings, as PMQD itself, is not: somebody's work is in it.
    """
    if sorted(os.listdir(folder)) != [AUDIO_FOLDER, LIST_NAME]:
        return f"it holds other things than {LIST_NAME} and {AUDIO_FOLDER}/"
    try:
        clips = read_list(os.fspath(folder))
    except InputError:
        return f"its {LIST_NAME} cannot be read"
    names = {os.path.basename(clip.path) for clip in clips}
    if not all(_FILE_NAME.fullmatch(name) for name in names):
        return f"its {LIST_NAME} names files that bin/degrade would not"
    if any(clip.rating is not None for clip in clips):
        return f"its {LIST_NAME} holds ratings"
    audio = folder / AUDIO_FOLDER
    if not audio.is_dir() or audio.is_symlink() or not set(os.listdir(audio)) <= names:
        return f"its {AUDIO_FOLDER}/ holds files that are not in {LIST_NAME}"
    return ""
