"""Clips of real audio as a `tf.data.Dataset` of mel-spectrogram images.

16- and 24-bit WAV and FLAC files are read and decoded in the graph, by tensorflow-io; the rest by soundfile.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfnoise.audio.files import check_samples, is_remote, probe, read
from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.image import REFERENCE_FLOOR_DB, is_silent, waveform_to_image
from tfnoise.audio.resample import resample, to_mono
from tfnoise.data.clip_list import Clip
from tfnoise.errors import InputError

_IN_GRAPH = {
    ("WAV", "PCM_16"): ("decode_wav", tf.int16),
    ("WAV", "PCM_24"): ("decode_wav", tf.int32),
    ("FLAC", "PCM_16"): ("decode_flac", tf.int16),
    ("FLAC", "PCM_24"): ("decode_flac", tf.int32),
}
"""Decoders of tensorflow-io whose samples are exactly those of soundfile, which reads all other formats."""
_BY_SOUNDFILE = -1
# tensorflow-io allocates what a header says, so one that says more than this a byte is left to soundfile.
_MOST_SAMPLES_PER_BYTE = 64
#: How the problem of a clip ends that is silent, which is no fault of its file.
SILENT = ": is silent and skipped"


class _Route(NamedTuple):
    """A clip's decoder, a place in `_IN_GRAPH` or _BY_SOUNDFILE; for the former, what its header says."""

    decoder: int = _BY_SOUNDFILE
    rate: int = 0
    samples: int = 0
    md5: bytes = b""


def natural_images(
    clips: Sequence[Clip],
    front_end: FrontEnd,
    multiple: int = 16,
    parallel_calls: int = tf.data.AUTOTUNE,
    with_waveforms: bool = False,
) -> tf.data.Dataset:
    """The images of clips, in their order, one element a clip; one that cannot be used is reported.

    The channels are averaged, the rate is changed to the front end's, and the image is cut on the right to a
    whole multiple of `multiple` frames. Headers are read now; the audio is read again in every pass.

    >>> import soundfile, tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".wav") as file:
    ...     soundfile.write(file.name, np.sin(np.arange(16000)), 16000)
    ...     [item["image"].shape for item in natural_images([Clip(file.name, "a")], FrontEnd())]
    [TensorShape([128, 48, 1])]

    Args:
      clips: the clips, as from `list_clips`.
      front_end: the settings of the images.
      multiple: frames that an image is a whole multiple of; a clip with fewer has a problem.
      parallel_calls: clips handled at once. The order never depends on it.
      with_waveforms: whether the elements have the waveforms, too.

    Returns:
      A dataset of dictionaries with known cardinality:
        index: int32 `[]`, the clip's place in `clips`.
        image: float32 `[mels, frames, 1]` in [0, 1]; of a clip with a problem, zero frames.
        reference_db: float32 `[]`, dB as in `reference_db`; of a clip with a problem, its floor.
        problem: string `[]`, "" or one line that names the file and what is wrong with it: missing, damaged,
          too short, not finite, or silent.
        waveform: with_waveforms, float32 `[samples]`, mono at the front end's rate, as far as the image goes.

    Raises:
      ValueError: when `multiple` is below 1.
    """
    if multiple < 1:
        raise ValueError(f"multiple must be 1 or more, not {multiple}")
    routes = [_route(clip) for clip in clips]
    in_graph = any(route.decoder != _BY_SOUNDFILE for route in routes)
    if in_graph or any(is_remote(clip.path) for clip in clips):
        import tensorflow_io  # noqa: F401  (registers its decoders, and the file systems of URLs)
    columns = {
        "index": (list(range(len(clips))), tf.int32),
        "path": ([os.fsencode(clip.path) for clip in clips], tf.string),
        "decoder": ([route.decoder for route in routes], tf.int32),
        "rate": ([route.rate for route in routes], tf.int32),
        "samples": ([route.samples for route in routes], tf.int64),
        "md5": ([route.md5 for route in routes], tf.string),
        "first": ([clip.first_sample for clip in clips], tf.int64),
        "count": ([-1 if clip.sample_count is None else clip.sample_count for clip in clips], tf.int64),
    }
    items = {name: tf.constant(values, dtype, [len(clips)]) for name, (values, dtype) in columns.items()}
    dataset = tf.data.Dataset.from_tensor_slices(items).interleave(
        lambda item: _decoded(item, in_graph),
        cycle_length=8,
        num_parallel_calls=parallel_calls,
        deterministic=True,
    )
    dataset = dataset.map(
        lambda item: _image(item, front_end, multiple, with_waveforms),
        num_parallel_calls=parallel_calls,
        deterministic=True,
    )
    return dataset.apply(tf.data.experimental.assert_cardinality(len(clips)))


def _route(clip: Clip) -> _Route:
    if clip.first_sample or clip.sample_count is not None:
        # Only soundfile reads a part of a file without decoding all of it.
        return _Route()
    try:
        info = probe(clip.path)
        if (info.container, info.subtype) in _IN_GRAPH:
            size = tf.io.gfile.stat(os.fsencode(clip.path)).length
            too_dense = info.samples * info.channels > size * _MOST_SAMPLES_PER_BYTE
            md5 = _flac_md5(clip.path) if info.container == "FLAC" else b""
            if not too_dense and (md5 or info.container != "FLAC"):
                decoder = list(_IN_GRAPH).index((info.container, info.subtype))
                return _Route(decoder, info.sample_rate_hz, info.samples, md5)
    except (InputError, OSError, tf.errors.OpError):
        # Reported when it is read, where the message can travel in the dataset.
        pass
    return _Route()


def _flac_md5(path: str) -> bytes:
    """The checksum of the samples in a FLAC file's header; b"" where it has none."""
    with tf.io.gfile.GFile(path, "rb") as source:
        head = source.read(42)
    plain = len(head) == 42 and head[:4] == b"fLaC" and head[4] & 0x7F == 0
    return head[26:42] if plain and any(head[26:42]) else b""


def _decoded(item: dict[str, tf.Tensor], in_graph: bool) -> tf.data.Dataset:
    """One clip's samples, as a dataset of one element.

    An error in a graph ends its dataset. So each clip has a dataset of its own, in which an error only means
    that the element is absent, and soundfile's, which names what is wrong, is next in line.
    """
    one = tf.data.Dataset.from_tensors(item)
    by_soundfile = one.map(_read_by_soundfile)
    if not in_graph:
        return by_soundfile
    exact = one.filter(lambda item: item["decoder"] != _BY_SOUNDFILE).map(_read_in_graph)
    return exact.ignore_errors().concatenate(by_soundfile).take(1)


def _read_in_graph(item: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    samples = _decode(tf.io.read_file(item["path"]), item["decoder"], item["md5"])
    complete = tf.debugging.assert_equal(tf.shape(samples, tf.int64)[0], item["samples"])
    with tf.control_dependencies([complete]):
        samples = tf.identity(samples)
    kept = {name: item[name] for name in ("index", "path", "rate")}
    return {**kept, "samples": samples, "problem": tf.constant("")}


def _decode(content: tf.Tensor, decoder: tf.Tensor, md5: tf.Tensor) -> tf.Tensor:
    """A WAV or FLAC file's bytes to float32 `[samples, channels]`, exactly; an error for a damaged FLAC."""
    import tensorflow_io as tfio

    def decode(name: str, dtype: tf.DType) -> tf.Tensor:
        integers = getattr(tfio.audio, name)(content, dtype=dtype)
        if name == "decode_flac":
            # It does not look at checksums: one wrong bit would give noise, and no error.
            [integers] = tf.numpy_function(_verified, [integers, md5], [dtype])
            integers.set_shape([None, None])
        # 24-bit samples come in the upper bits of 32, so that both conversions are exact.
        return tf.cast(integers, tf.float32) * (2.0**-15 if dtype == tf.int16 else 2.0**-31)

    return tf.switch_case(decoder, [functools.partial(decode, *exact) for exact in _IN_GRAPH.values()])


def _verified(integers: np.ndarray, md5: bytes) -> np.ndarray:
    """The samples of a FLAC file, if its checksum is theirs."""
    if integers.dtype == np.int16:
        content = integers.astype("<i2").tobytes()
    else:
        content = integers.astype("<i4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    if hashlib.md5(content, usedforsecurity=False).digest() != md5:
        raise ValueError("FLAC checksum mismatch")
    return integers


def _read_by_soundfile(item: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    def in_numpy(path: bytes, first: int, count: int) -> tuple[np.ndarray, np.int32, bytes]:
        try:
            part = {} if count < 0 else {"first_sample": int(first), "sample_count": int(count)}
            samples, rate = read(os.fsdecode(path), **part)
        except InputError as error:
            return np.zeros([0, 1], np.float32), np.int32(0), str(error).encode("utf-8", "replace")
        return samples, np.int32(rate), b""

    samples, rate, problem = tf.numpy_function(
        in_numpy, [item["path"], item["first"], item["count"]], [tf.float32, tf.int32, tf.string]
    )
    samples.set_shape([None, None])
    rate.set_shape([])
    problem.set_shape([])
    kept = {"index": item["index"], "path": item["path"]}
    return {**kept, "rate": rate, "samples": samples, "problem": problem}


def _image(
    item: dict[str, tf.Tensor], front_end: FrontEnd, multiple: int, with_waveforms: bool
) -> dict[str, tf.Tensor]:
    def in_numpy(path: bytes, samples: np.ndarray, rate_hz: int, problem: bytes) -> tuple[np.ndarray, bytes]:
        if problem:
            return np.zeros([0], np.float32), problem
        try:
            waveform = _mono(os.fsdecode(path), samples, int(rate_hz), front_end, multiple)
        except InputError as error:
            return np.zeros([0], np.float32), str(error).encode("utf-8", "replace")
        return waveform, b""

    waveform, problem = tf.numpy_function(
        in_numpy, [item["path"], item["samples"], item["rate"], item["problem"]], [tf.float32, tf.string]
    )
    waveform.set_shape([None])
    problem.set_shape([])

    def usable() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        image, reference = waveform_to_image(waveform, front_end)
        frames = tf.shape(image)[1] // multiple * multiple
        silent = is_silent(reference)
        silence = tf.where(silent, tf.strings.join([item["path"], SILENT]), "")
        return image[:, : tf.where(silent, 0, frames)], reference, silence

    def unusable() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return tf.zeros([front_end.mels, 0, 1]), tf.constant(REFERENCE_FLOOR_DB), problem

    image, reference, problem = tf.cond(tf.equal(problem, ""), usable, unusable)
    image.set_shape([front_end.mels, None, 1])
    done = {"index": item["index"], "image": image, "reference_db": reference, "problem": problem}
    if with_waveforms:
        # The most samples that give no further frame.
        frames = tf.shape(image)[1]
        samples = tf.where(frames > 0, front_end.samples(1) - 1 + frames * front_end.hop, 0)
        done["waveform"] = waveform[:samples]
    return done


def _mono(path: str, samples: np.ndarray, rate_hz: int, front_end: FrontEnd, multiple: int) -> np.ndarray:
    """One channel at the front end's rate, float32 `[samples]`; an InputError says why it cannot be used."""
    check_samples(path, samples)
    waveform = resample(to_mono(samples), rate_hz, front_end.sample_rate_hz)
    frames = front_end.frames(len(waveform))
    if frames < multiple:
        least = -(-front_end.samples(multiple) * rate_hz // front_end.sample_rate_hz)
        problem = f"{len(samples)} samples at {rate_hz} Hz give {frames} frames where {multiple} are needed"
        raise InputError(f"{path}: is too short: {problem}; use clips of {least} samples or more, or skip it")
    return waveform
