"""Audio files: what a header says, and the samples. Anything wrong with one is an `InputError`.

No number in a header is trusted with memory: a header that claims more than its file can hold is refused, and
samples are read in pieces, so that memory follows what is there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from tfnoise.errors import InputError

#: The file name suffixes, in lower case, that mark audio files.
AUDIO_SUFFIXES = tuple(".wav .flac .mp3 .ogg .oga .opus .aif .aiff .aifc .au .caf .rf64 .w64".split())

# No codec holds more: silence costs FLAC some 12 bytes for 65,535 samples, Opus about a byte for 2,880.
_MOST_SAMPLES_PER_BYTE = 8192
# Sizes from here on are what programs write that cannot know the size, as when they write to a pipe.
_UNKNOWN_WAV_BYTES = 0x7FFF0000
_UNKNOWN_SAMPLES = 2**62
_VALUES_A_PIECE = 1 << 20
# 120 dB above full scale; spectra of much more do not fit in float32.
LARGEST_VALUE = 1e6
_HEADER_BYTES = 1 << 16
# Containers whose number of samples in the header is exact; the others' may be an estimate.
_EXACT_CONTAINERS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "AU", "CAF")


@dataclasses.dataclass(frozen=True)
class AudioInfo:
    """What a file's header says.

    Attributes:
      path: the file.
      sample_rate_hz: samples per second and channel.
      channels: 1 or more.
      samples: samples per channel, 0 or more.
      container: libsndfile's name of the format: "WAV", "FLAC", "OGG", "MP3", …
      subtype: libsndfile's name of the coding in it: "PCM_16", "PCM_24", "FLOAT", "VORBIS", …
    """

    path: str
    sample_rate_hz: int
    channels: int
    samples: int
    container: str
    subtype: str


def is_remote(path: str) -> bool:
    """Whether a path is a URL (`http://`, `gs://`, …) rather than a name on this machine."""
    return "://" in str(path)


def probe(path: str | os.PathLike[str]) -> AudioInfo:
    """What the header of an audio file says; only the header is read.

    >>> import soundfile, tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".wav") as file:
    ...     soundfile.write(file.name, np.zeros([800, 2]), 8000)
    ...     info = probe(file.name)
    >>> info.samples, info.channels, info.sample_rate_hz, info.subtype
    (800, 2, 8000, 'PCM_16')

    Args:
      path: a file on this machine, or a URL, of which the first 64 KiB are fetched.

    Returns:
      Its AudioInfo; of a file cut short the samples that the header claims, where it says so exactly.

    Raises:
      InputError: when the file is missing, not audio, or its header is absurd.
    """
    path = os.fspath(path)
    head_only = is_remote(path)
    with _opened(path, _HEADER_BYTES if head_only else -1) as source:
        info, sound = _probe(path, source, size_known=not head_only)
        sound.close()
    return info


def read(
    path: str | os.PathLike[str], first_sample: int = 0, sample_count: int | None = None
) -> tuple[np.ndarray, int]:
    """The samples of an audio file, or of a part of it.

    >>> import soundfile, tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".wav") as file:
    ...     soundfile.write(file.name, np.full([800, 2], 0.5), 8000)
    ...     samples, rate_hz = read(file.name, first_sample=100, sample_count=200)
    >>> samples.shape, float(samples[0, 0]), rate_hz
    ((200, 2), 0.5, 8000)

    Args:
      path: a file on this machine, or a URL, which is fetched whole.
      first_sample: where to begin.
      sample_count: how many samples per channel to read; None: to the end.

    Returns:
      float32 `[samples, channels]`, full scale -1..1 (files of floats may exceed it), and the sample rate
      in Hz.

    Raises:
      InputError: when the file is missing, not audio, damaged, cut short, empty, or holds values that are no
        finite numbers.
    """
    path = os.fspath(path)
    with _opened(path) as source:
        info, sound = _probe(path, source)
        with sound:
            pieces = list(_pieces(info, sound, first_sample, sample_count))
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces), info.sample_rate_hz


@contextlib.contextmanager
def open_sound(path: str | os.PathLike[str]) -> Iterator[tuple[AudioInfo, Iterator[np.ndarray]]]:
    """Opens an audio file to be read in pieces, in a with statement that gives (info, pieces).

    >>> import soundfile, tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".wav") as file:
    ...     soundfile.write(file.name, np.zeros(800), 8000)
    ...     with open_sound(file.name) as (info, pieces):
    ...         [piece.shape for piece in pieces]
    [(800, 1)]

    Args:
      path: a file on this machine, or a URL, which is fetched whole.

    Yields:
      Its AudioInfo, and an iterator of its samples, float32 `[samples, channels]` each.

    Raises:
      InputError: as `read`; damage is found when the reading comes to it, or at the end.
    """
    path = os.fspath(path)
    with _opened(path) as source:
        info, sound = _probe(path, source)
        with sound:
            yield info, _pieces(info, sound)


def _pieces(
    info: AudioInfo, sound: Any, first_sample: int = 0, sample_count: int | None = None
) -> Iterator[np.ndarray]:
    """The samples of an open file, or of a part of it, at least one piece; an InputError for bad ones."""
    step = max(1, _VALUES_A_PIECE // info.channels)
    end = _UNKNOWN_SAMPLES if sample_count is None else sample_count
    samples = 0
    with _sound_errors(info.path):
        if first_sample:
            sound.seek(first_sample)
    while True:
        length = min(step, end - samples)
        with _sound_errors(info.path):
            piece = sound.read(length, dtype="float32", always_2d=True)
        # The last piece may be empty, and that of an empty file is.
        if len(piece) or not samples:
            check_samples(info.path, piece)
        samples += len(piece)
        yield piece
        if len(piece) < length or samples == end:
            break
    if sample_count is None and info.container in _EXACT_CONTAINERS:
        sample_count = info.samples - first_sample
    if sample_count is not None and samples < sample_count:
        raise InputError(_cut_short(info.path, first_sample + sample_count, first_sample + samples))


def check_samples(path: str, samples: np.ndarray) -> None:
    """Raises an InputError unless a file's samples `[samples, channels]` can be used."""
    if len(samples) == 0:
        raise InputError(f"{path}: holds no samples; leave it out")
    # Any NaN or infinity survives in a sum, which needs no array as large as the samples.
    with np.errstate(invalid="ignore"):
        total = np.sum(samples, dtype=np.float64)
    if not np.isfinite(total):
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise InputError(
            f"{path}: {bad} of its values are not finite numbers (NaN or infinity); export it again"
        )
    loudest = max(float(samples.max()), -float(samples.min()))
    if loudest > LARGEST_VALUE:
        raise InputError(f"{path}: its values reach {loudest:.1e} where full scale is 1; export it again")


@contextlib.contextmanager
def _opened(path: str, limit: int = -1) -> Iterator[BinaryIO]:
    """The file, open to be read; of a URL its bytes, or the first `limit` of them."""
    if is_remote(path):
        yield io.BytesIO(fetch(path, limit))
        return
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; check the name")
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder where an audio file is expected; name a file in it")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is no regular file; name an audio file")
    try:
        source = open(path, "rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    with source:
        yield source


def fetch(path: str, limit: int = -1, remedy: str = "check the address") -> bytes:
    """The content of a URL, or its first `limit` bytes; an InputError with the remedy where that fails."""
    import tensorflow as tf
    import tensorflow_io  # noqa: F401  (registers the file systems of URLs)

    try:
        with tf.io.gfile.GFile(path, "rb") as source:
            return source.read(limit)
    except tf.errors.OpError as error:
        raise InputError(f"{path}: cannot be fetched ({_one_line(error.message)}); {remedy}") from error


@contextlib.contextmanager
def _sound_errors(path: str) -> Iterator[None]:
    import soundfile

    try:
        yield
    # TypeError: soundfile asks for more arguments where a name ends in .raw.
    except (soundfile.SoundFileError, RuntimeError, OSError, TypeError, MemoryError) as error:
        reason = _one_line(getattr(error, "error_string", "") or str(error))
        raise InputError(f"{path}: is damaged or not audio ({reason}); replace it or leave it out") from error


def _one_line(text: Any) -> str:
    return " ".join(str(text).split()).rstrip(".")


def _cut_short(path: str, claimed: int, actual: int) -> str:
    return (
        f"{path}: is cut short or damaged: its header says {claimed} samples, {actual} are there; replace it"
    )


def _probe(path: str, source: BinaryIO, size_known: bool = True) -> tuple[AudioInfo, Any]:
    """What the header says, and the open `soundfile.SoundFile`."""
    import soundfile

    size = source.seek(0, os.SEEK_END)
    if size == 0:
        raise InputError(f"{path}: is an empty file; replace it or leave it out")
    claimed = _wav_samples(source)
    source.seek(0)
    with _sound_errors(path):
        # By its name a local file is read without Python, so that several threads can read at once.
        sound = soundfile.SoundFile(source if is_remote(path) else path)
        samples = max(0, sound.frames)
        info = AudioInfo(path, sound.samplerate, sound.channels, samples, sound.format, sound.subtype)
    # Beyond these a header is wrong, and resampling from it would make gigabytes out of a small file.
    if not 1000 <= info.sample_rate_hz <= 1_000_000:
        rate = f"a sample rate of {info.sample_rate_hz} Hz, not within 1000 to 1000000 Hz"
        raise InputError(f"{path}: has {rate}; export it again")
    if claimed is not None:
        if size_known and claimed > info.samples:
            raise InputError(_cut_short(path, claimed, info.samples))
        info = dataclasses.replace(info, samples=claimed)
    if size_known and info.samples > size * _MOST_SAMPLES_PER_BYTE:
        # libsndfile's largest number stands for a header that leaves the length open.
        claim = "does not say how many samples it holds"
        if info.samples < _UNKNOWN_SAMPLES:
            claim = f"says {info.samples} samples, more than its {size} bytes can hold"
        raise InputError(f"{path}: its header {claim}; encode it again")
    return info, sound


def _wav_samples(source: BinaryIO) -> int | None:
    """The samples per channel that a WAV header claims; None for other files, and where it does not know.

    libsndfile gives the samples that the file has room for, which hides that it was cut short.
    """
    source.seek(0)
    if source.read(4) != b"RIFF" or source.seek(8) != 8 or source.read(4) != b"WAVE":
        return None
    block_align = 0
    while True:
        head = source.read(8)
        if len(head) < 8:
            return None
        name, length = struct.unpack("<4sI", head)
        if name == b"data":
            return length // block_align if block_align and length < _UNKNOWN_WAV_BYTES else None
        if name == b"fmt ":
            body = source.read(min(length, 16))
            block_align = struct.unpack("<H", body[12:14])[0] if len(body) == 16 else 0
            length -= len(body)
        source.seek(length + length % 2, os.SEEK_CUR)
