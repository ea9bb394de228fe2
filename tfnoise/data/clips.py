"""Clips of real audio as a `tf.data.Dataset` of mel-spectrogram images.

    clips = list_clips("pmqd")
    for item in natural_images(clips, FrontEnd()):
        if item["problem"] == "":
            image = item["image"]      # [128, frames, 1]

16- and 24-bit WAV and FLAC files are read and decoded in the graph, by tensorflow-io; the rest by soundfile.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfnoise.audio.files import AudioInfo, is_remote, probe, read, sample_problem
from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.image import REFERENCE_FLOOR_DB, is_silent, waveform_to_image
from tfnoise.audio.resample import resample, to_mono
from tfnoise.data.clip_list import Clip
from tfnoise.errors import InputError

# What tensorflow-io decodes to the very samples that soundfile gives, in the order of _decode's branches.
_GRAPH_FORMATS = (("WAV", "PCM_16"), ("WAV", "PCM_24"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24"))
_BY_SOUNDFILE = -1
# tensorflow-io allocates what a header says, so one that says more than this a byte is left to soundfile.
_MOST_SAMPLES_PER_BYTE = 64
_CLIPS_AT_ONCE = 8
#: How the problem of a clip ends that is silent, which is no fault of its file.
SILENT = ": is silent and left out"


def natural_images(
    clips: Sequence[Clip],
    front_end: FrontEnd,
    multiple: int = 16,
    parallel_calls: int | None = None,
    with_waveforms: bool = False,
) -> tf.data.Dataset:
    """The images of clips, in their order, one element a clip; one that cannot be used is told, not dropped.

    The channels are averaged, the rate is changed to the front end's, and the image is cut on the right to a
    whole multiple of `multiple` frames. Headers are read now; the audio is read anew in every pass.

    Args:
      clips: the clips, as from `list_clips`.
      front_end: the settings of the images.
      multiple: frames that an image is a whole multiple of; a clip with fewer has a problem.
      parallel_calls: clips handled at once; None lets tf.data decide. The order never depends on it.
      with_waveforms: whether the elements have the waveforms, too.

    Returns:
      A dataset of dictionaries with known cardinality:
        index: int32 `[]`, the clip's place in `clips`.
        image: float32 `[mels, frames, 1]` in [0, 1]; of a clip with a problem, zero frames.
        reference_db: float32 `[]`, dB as in `reference_db`; of a clip with a problem, its floor.
        problem: string `[]`, "" or one line that names the file and what is wrong with it: missing, damaged,
          too short, not finite, or silent.
        waveform: if asked for, float32 `[samples]`, mono at the front end's rate, as far as the image goes.

    Raises:
      ValueError: when `multiple` is below 1.
    """
    if multiple < 1:
        raise ValueError(f"multiple must be 1 or more, not {multiple}")
    calls = tf.data.AUTOTUNE if parallel_calls is None else parallel_calls
    routes = [_route(clip) for clip in clips]
    if any(route != _BY_SOUNDFILE or is_remote(clip.path) for clip, (route, *_) in zip(clips, routes)):
        import tensorflow_io  # noqa: F401  (registers its decoders, and the file systems of URLs)
    items = {
        "index": tf.range(len(clips), dtype=tf.int32),
        "path": tf.constant([os.fsencode(clip.path) for clip in clips], tf.string, [len(clips)]),
        "route": tf.constant([route for route, _, _, _ in routes], tf.int32, [len(clips)]),
        "rate": tf.constant([rate for _, rate, _, _ in routes], tf.int32, [len(clips)]),
        "samples": tf.constant([samples for _, _, samples, _ in routes], tf.int64, [len(clips)]),
        "md5": tf.constant([md5 for _, _, _, md5 in routes], tf.string, [len(clips)]),
        "first": tf.constant([clip.first_sample for clip in clips], tf.int64, [len(clips)]),
        "count": tf.constant([_count(clip) for clip in clips], tf.int64, [len(clips)]),
    }
    with_graph = any(route != _BY_SOUNDFILE for route, _, _, _ in routes)
    dataset = tf.data.Dataset.from_tensor_slices(items).interleave(
        lambda item: _decoded(item, with_graph),
        cycle_length=_CLIPS_AT_ONCE,
        num_parallel_calls=calls,
        deterministic=True,
    )
    dataset = dataset.map(
        lambda item: _image(item, front_end, multiple, with_waveforms),
        num_parallel_calls=calls,
        deterministic=True,
    )
    return dataset.apply(tf.data.experimental.assert_cardinality(len(clips)))


def _count(clip: Clip) -> int:
    """The samples that a clip asks for; -1 for all to the end."""
    return -1 if clip.sample_count is None else clip.sample_count


def _route(clip: Clip) -> tuple[int, int, int, bytes]:
    """A clip's branch of _decode or _BY_SOUNDFILE, its rate in Hz, its samples, and its checksum if FLAC."""
    by_soundfile = (_BY_SOUNDFILE, 0, 0, b"")
    path = clip.path
    if clip.first_sample or clip.sample_count is not None:
        # Only soundfile reads a part of a file without decoding all of it.
        return by_soundfile
    try:
        info = probe(path)
        if (info.container, info.subtype) not in _GRAPH_FORMATS or _too_dense(info):
            return by_soundfile
        md5 = _flac_md5(path) if info.container == "FLAC" else b""
    except (InputError, OSError, tf.errors.OpError):
        # Told when it is read, where the message can travel in the dataset.
        return by_soundfile
    if info.container == "FLAC" and md5 == b"":
        return by_soundfile
    return _GRAPH_FORMATS.index((info.container, info.subtype)), info.sample_rate_hz, info.samples, md5


def _too_dense(info: AudioInfo) -> bool:
    if is_remote(info.path):
        size = tf.io.gfile.stat(info.path).length
    else:
        size = os.path.getsize(info.path)
    return info.samples * info.channels > size * _MOST_SAMPLES_PER_BYTE


def _flac_md5(path: str) -> bytes:
    """The checksum of the samples in a FLAC file's header; b"" where it has none."""
    with tf.io.gfile.GFile(path, "rb") as source:
        head = source.read(42)
    plain = len(head) == 42 and head[:4] == b"fLaC" and head[4] & 0x7F == 0
    return head[26:42] if plain and any(head[26:42]) else b""


def _decoded(item: dict[str, tf.Tensor], with_graph: bool) -> tf.data.Dataset:
    """One clip's samples, as a dataset of one element.

    An error in a graph ends its dataset. So each clip has a dataset of its own, in which an error only means
    that the element is absent, and soundfile's, which tells what is wrong, is next in line.
    """
    one = tf.data.Dataset.from_tensors(item)
    by_soundfile = one.map(_read_by_soundfile)
    if not with_graph:
        return by_soundfile
    in_graph = one.filter(lambda item: item["route"] != _BY_SOUNDFILE).map(_read_in_graph)
    return in_graph.ignore_errors().concatenate(by_soundfile).take(1)


def _read_in_graph(item: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    samples = _decode(tf.io.read_file(item["path"]), item["route"], item["md5"])
    found = tf.shape(samples, tf.int64)[0]
    with tf.control_dependencies([tf.debugging.assert_equal(found, item["samples"])]):
        samples = tf.identity(samples)
    return {**_kept(item), "samples": samples, "rate": item["rate"], "problem": tf.constant("")}


def _kept(item: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {"index": item["index"], "path": item["path"]}


def _decode(content: tf.Tensor, route: tf.Tensor, md5: tf.Tensor) -> tf.Tensor:
    """A WAV or FLAC file's bytes to float32 `[samples, channels]`, exactly; an error for a damaged FLAC."""
    import tensorflow_io as tfio

    def wav(dtype: tf.DType) -> tf.Tensor:
        return _to_float(tfio.audio.decode_wav(content, dtype=dtype))

    def flac(dtype: tf.DType) -> tf.Tensor:
        # The decoder does not look at checksums: one wrong bit would give noise, and no error.
        integers = tfio.audio.decode_flac(content, dtype=dtype)
        [integers] = tf.numpy_function(_checked, [integers, md5], [dtype])
        integers.set_shape([None, None])
        return _to_float(integers)

    return tf.switch_case(
        route,
        [
            lambda: wav(tf.int16),
            lambda: wav(tf.int32),
            lambda: flac(tf.int16),
            lambda: flac(tf.int32),
        ],
    )


def _to_float(integers: tf.Tensor) -> tf.Tensor:
    # 24-bit samples come in the upper bits of 32, so that both conversions are exact.
    scale = 2.0**-15 if integers.dtype == tf.int16 else 2.0**-31
    return tf.cast(integers, tf.float32) * scale


def _checked(integers: np.ndarray, md5: bytes) -> np.ndarray:
    """The samples of a FLAC file, if its checksum is theirs."""
    if integers.dtype == np.int16:
        content = integers.astype("<i2").tobytes()
    else:
        content = integers.astype("<i4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    if hashlib.md5(content, usedforsecurity=False).digest() != md5:
        raise ValueError("FLAC checksum mismatch")
    return integers


def _read_by_soundfile(item: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    samples, rate, problem = tf.numpy_function(
        _read_or_problem, [item["path"], item["first"], item["count"]], [tf.float32, tf.int32, tf.string]
    )
    samples.set_shape([None, None])
    rate.set_shape([])
    problem.set_shape([])
    return {**_kept(item), "samples": samples, "rate": rate, "problem": problem}


def _read_or_problem(path: bytes, first: int, count: int) -> tuple[np.ndarray, np.int32, bytes]:
    try:
        part = {} if count < 0 else {"first_sample": int(first), "sample_count": int(count)}
        samples, rate = read(os.fsdecode(path), **part)
    except InputError as error:
        return np.zeros([0, 1], np.float32), np.int32(0), _text(error)
    return samples, np.int32(rate), b""


def _text(message: object) -> bytes:
    return str(message).encode("utf-8", "replace")


def _image(
    item: dict[str, tf.Tensor], front_end: FrontEnd, multiple: int, with_waveforms: bool
) -> dict[str, tf.Tensor]:
    def prepared(path: bytes, samples: np.ndarray, rate: int, problem: bytes) -> tuple[np.ndarray, bytes]:
        return _prepared(path, samples, int(rate), problem, front_end, multiple)

    waveform, problem = tf.numpy_function(
        prepared, [item["path"], item["samples"], item["rate"], item["problem"]], [tf.float32, tf.string]
    )
    waveform.set_shape([None])
    problem.set_shape([])

    def usable() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        image, reference = waveform_to_image(waveform, front_end)
        frames = tf.shape(image)[1] // multiple * multiple
        silent = is_silent(reference)
        told = tf.strings.join([item["path"], SILENT])
        return image[:, : tf.where(silent, 0, frames)], reference, tf.where(silent, told, "")

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


def _prepared(
    path: bytes, samples: np.ndarray, rate_hz: int, problem: bytes, front_end: FrontEnd, multiple: int
) -> tuple[np.ndarray, bytes]:
    """One channel at the front end's rate, or no samples and the problem."""
    nothing = np.zeros([0], np.float32)
    if problem:
        return nothing, problem
    name = os.fsdecode(path)
    found = sample_problem(name, samples)
    if found:
        return nothing, _text(found)
    waveform = resample(to_mono(samples), rate_hz, front_end.sample_rate_hz)
    frames = front_end.frames(len(waveform))
    if frames < multiple:
        least = -(-front_end.samples(multiple) * rate_hz // front_end.sample_rate_hz)
        found = f"{len(samples)} samples at {rate_hz} Hz give {frames} frames where {multiple} are needed"
        return nothing, _text(
            f"{name}: is too short: {found}; use clips of {least} samples or more, or leave it out"
        )
    return waveform, b""
