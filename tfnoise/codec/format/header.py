"""The header of a `.tfn` file: what all its blocks share. docs/format.md has every byte."""

from __future__ import annotations

import dataclasses
import functools
import io
import math
import operator
import os
import struct
import zlib
from typing import Any, BinaryIO

from tfnoise.audio.front_end import FrontEnd
from tfnoise.errors import InputError

MAGIC = b"\x89tfn"
VERSION = 1
HEADER_BYTES = 69
FLAGS_OFFSET = 5

FRONT_END_BYTES = 20

HIGHEST_RATE_HZ = 1_000_000
MOST_CHANNELS = 255
MOST_SAMPLES = 2**48 - 1
MOST_FRAMES = 2**32 - 1
MOST_BLOCKS = 2**32 - 1
MOST_FRAMES_IN_A_BLOCK = 16384
MOST_PAYLOAD_BYTES = 2**22 - 1
LARGEST_REFERENCE_DB = 1000.0
"""The reference is within this magnitude; sound of any use is within 200 dB of full scale."""

# The number of samples, of 48 bits, is 32 and 16 here.
_FIELDS = struct.Struct("<4sBB16s20sfIBIHIHBB")
_CRC = struct.Struct("<I")
_FRONT_END = struct.Struct("<IHHHefee")
_CENTRE = 0x8000
_DOWNMIXED, _STEP_IN_BLOCKS, _FIXED_REFERENCE, _OPEN = 1, 2, 4, 8
_KNOWN_FLAGS = _DOWNMIXED | _STEP_IN_BLOCKS | _FIXED_REFERENCE | _OPEN
# The check and the CRC around a payload.
_SEAL_BYTES = 2 + 4
_MOST_BYTES_A_PIXEL = 4


class BitstreamError(InputError):
    """A `.tfn` file cannot be used; the message is one line that names what is wrong and the remedy."""


@dataclasses.dataclass(frozen=True)
class Header:
    """The fields before a file's blocks; immutable, hashable and always valid.

    >>> from tfnoise.audio import FrontEnd
    >>> length = dict(samples=16000, frames=FrontEnd().frames(16000), frames_per_block=1024)
    >>> header = Header("0" * 32, pack_front_end(FrontEnd()), 30.0, 16000, **length, step_index=20)
    >>> len(write_header(header)), header.blocks, read_header(write_header(header) + bytes(999)) == header
    (69, 1, True)

    Blocks are numbered from 0 in the order of the file: all channels of the first stretch of time, then all
    of the next. A block's number gives its channel and its first frame.

    Attributes:
      fingerprint: the model's fingerprint, 32 hexadecimal digits.
      front_end: the model's front end as `pack_front_end` gives it.
      reference_db: level that 1 in the image stands for, in dB; rounded to float32.
      sample_rate_hz: sample rate of the original, 1 to 1,000,000.
      samples: samples per channel of the original, at its own rate; None: not known before the end (an open
        stream).
      frames: frames per channel of the image, without padding; None where samples is.
      frames_per_block: frames in every block, but for the last of a channel, which may have fewer.
      channels: number of channels coded, each by itself, 1 to 255.
      frame_multiple: a block's frames are padded at the end to a multiple of this, 1 to 255; it divides
        frames_per_block.
      step_index: index of the quantization step, 0 to 255; None: each block has its own.
      downmixed: whether the original had more channels than were coded.
      fixed_reference: whether the reference was set beforehand rather than measured as the clip's peak.

    Raises:
      ValueError: a number is out of range, or they do not fit together; the message names it.
    """

    fingerprint: str
    front_end: bytes
    reference_db: float
    sample_rate_hz: int
    samples: int | None
    frames: int | None
    frames_per_block: int
    channels: int = 1
    frame_multiple: int = 1
    step_index: int | None = None
    downmixed: bool = False
    fixed_reference: bool = False
    _settings: FrontEnd = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._set("fingerprint", str(self.fingerprint).lower())
        if len(self.fingerprint) != 32 or set(self.fingerprint) - set("0123456789abcdef"):
            raise ValueError(f"the fingerprint must be 32 hexadecimal digits, not {self.fingerprint!r}")
        self._set("front_end", bytes(self.front_end))
        self._set("_settings", unpack_front_end(self.front_end))
        reference_db, most_db = float(self.reference_db), LARGEST_REFERENCE_DB
        if not (math.isfinite(reference_db) and abs(reference_db) <= most_db):
            raise ValueError(
                f"reference_db must be from {-most_db:g} to {most_db:g} dB, not {reference_db:g}"
            )
        self._set("reference_db", struct.unpack("<f", struct.pack("<f", reference_db))[0])
        for name, least, most in (
            ("sample_rate_hz", 1, HIGHEST_RATE_HZ),
            ("channels", 1, MOST_CHANNELS),
            ("frames_per_block", 1, MOST_FRAMES_IN_A_BLOCK),
            ("frame_multiple", 1, 255),
        ):
            self._set(name, _integer(name, getattr(self, name), least, most))
        if self.frames_per_block % self.frame_multiple:
            raise ValueError(
                f"frames_per_block must be a multiple of frame_multiple = {self.frame_multiple}, "
                f"not {self.frames_per_block}"
            )
        if self.step_index is not None:
            self._set("step_index", _integer("step_index", self.step_index, 0, 255))
        for name in ("downmixed", "fixed_reference"):
            self._set(name, bool(getattr(self, name)))
        if (self.samples is None) != (self.frames is None):
            raise ValueError("samples and frames must both be known, or neither")
        if self.samples is not None and self.frames is not None:
            samples, frames = self.checked_length(self.samples, self.frames)
            self._set("samples", samples)
            self._set("frames", frames)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def checked_length(self, samples: int, frames: int) -> tuple[int, int]:
        """Samples (at the original's rate) and frames (without padding) per channel, checked to fit together.

        Raises:
          ValueError: either is out of range, or so many samples do not make so many frames.
        """
        samples = _integer("samples", samples, 0, MOST_SAMPLES)
        frames = _integer("frames", frames, 0, MOST_FRAMES)
        front_end = self._settings
        resampled = -(-samples * front_end.sample_rate_hz // self.sample_rate_hz)
        expected = front_end.frames(resampled)
        # How a resampler rounds and whether the ends are padded is the coder's affair.
        slack = front_end.n_fft // front_end.hop + 2
        if abs(frames - expected) > slack or (frames and not samples):
            raise ValueError(f"{samples} samples make about {expected} frames, not {frames}")
        if self.blocks_of(frames) > MOST_BLOCKS:
            raise ValueError(f"{frames} frames make more than {MOST_BLOCKS} blocks")
        return samples, frames

    @property
    def open(self) -> bool:
        """Whether the length is not known before the end."""
        return self.samples is None

    @property
    def blocks(self) -> int | None:
        """The number of blocks; None in an open stream."""
        return None if self.frames is None else self.blocks_of(self.frames)

    @property
    def flags(self) -> int:
        """The byte of flags."""
        return (
            _DOWNMIXED * self.downmixed
            | _STEP_IN_BLOCKS * (self.step_index is None)
            | _FIXED_REFERENCE * self.fixed_reference
            | _OPEN * self.open
        )

    @property
    def framing_bytes(self) -> int:
        """The bytes of a block without its payload."""
        return fields_bytes(self.flags) + _SEAL_BYTES

    @functools.cached_property
    def crc(self) -> int:
        """The header's CRC-32, which the CRCs of its blocks continue."""
        return zlib.crc32(_packed(self))

    def blocks_of(self, frames: int) -> int:
        """The number of blocks of `frames` frames in every channel."""
        return self.channels * -(-frames // self.frames_per_block)

    def channel(self, number: int) -> int:
        """The channel of a block, from 0."""
        return number % self.channels

    def first_frame(self, number: int) -> int:
        """The frame of its channel that a block begins with."""
        return number // self.channels * self.frames_per_block

    def frames_in(self, number: int, frames: int | None = None) -> int:
        """The frames of block `number` without padding, of an image of `frames`; below 1 beyond the end.

        None stands for the header's frames, which an open stream does not have.
        """
        frames = self.frames if frames is None else frames
        assert frames is not None
        return min(self.frames_per_block, frames - self.first_frame(number))

    def padded(self, frames: int) -> int:
        """The frames of a block with padding: the next multiple of frame_multiple."""
        return -(-frames // self.frame_multiple) * self.frame_multiple

    def longest_payload(self, frames: int) -> int:
        """The most bytes that a block of `frames` frames may have: four a pixel, and at most 4 MiB."""
        return min(MOST_PAYLOAD_BYTES, 64 + _MOST_BYTES_A_PIXEL * self._settings.mels * self.padded(frames))


def write_header(header: Header) -> bytes:
    """The 69 bytes of a header."""
    return _packed(header) + _CRC.pack(header.crc)


def read_header(source: bytes | BinaryIO) -> Header:
    """Reads a header, and checks that the file can hold the blocks that it claims.

    Args:
      source: the bytes of a file, or a stream at its beginning, which stands after the header then.

    Raises:
      BitstreamError: the header is damaged, invalid or of another version, or claims more blocks than there
        is room for; the room is not checked in a stream that cannot seek.
    """
    stream = as_stream(source)
    data = b""
    while piece := stream.read(HEADER_BYTES - len(data)):
        data += piece
    header = _unpacked(data)
    if header.blocks and stream.seekable():
        here = stream.tell()
        room = stream.seek(0, os.SEEK_END) - here
        stream.seek(here)
        check_room(header, room)
    return header


def as_stream(source: bytes | BinaryIO) -> BinaryIO:
    """A stream of bytes, or the stream itself."""
    return io.BytesIO(source) if isinstance(source, (bytes, bytearray, memoryview)) else source


def fields_bytes(flags: int) -> int:
    """The bytes of a block's length, kind, number, and what else the header's flags ask for."""
    return 3 + 4 + bool(flags & _STEP_IN_BLOCKS) + 2 * bool(flags & _OPEN)


def check_room(header: Header, room: int) -> None:
    """Checks that `room` bytes after the header can hold its blocks, were they all empty.

    Raises:
      BitstreamError: they cannot.
    """
    if header.blocks and header.blocks * header.framing_bytes > room:
        raise BitstreamError(
            f"the file is cut short: its header claims {header.blocks} blocks, for which the {room} bytes "
            "after it have no room; copy it again"
        )


def _packed(header: Header) -> bytes:
    samples = header.samples or 0
    return _FIELDS.pack(
        MAGIC,
        VERSION,
        header.flags,
        bytes.fromhex(header.fingerprint),
        header.front_end,
        header.reference_db,
        header.sample_rate_hz,
        header.channels,
        samples & 0xFFFFFFFF,
        samples >> 32,
        header.frames or 0,
        header.frames_per_block,
        header.frame_multiple,
        header.step_index or 0,
    )


def _unpacked(data: bytes) -> Header:
    if not data:
        raise BitstreamError("the file is empty; copy or encode it again")
    if data[:4] != MAGIC[: len(data)]:
        raise BitstreamError(f"this is no .tfn file (it begins with {data[:4]!r}); give one that is")
    if len(data) > 4 and data[4] != VERSION:
        raise BitstreamError(
            f"the file has version {data[4]} of the format, and this tfnoise reads version {VERSION}; "
            "use the tfnoise that wrote it, or a newer one"
        )
    if len(data) < HEADER_BYTES:
        raise BitstreamError(
            f"the file is cut short: its header has {len(data)} of {HEADER_BYTES} bytes; copy it again"
        )
    fields, crc = data[: _FIELDS.size], _CRC.unpack_from(data, _FIELDS.size)[0]
    if zlib.crc32(fields) != crc:
        raise BitstreamError("the header is damaged (its CRC-32 is wrong); copy the file again")
    flags, fingerprint, front_end, reference, rate, channels, low, high, *lengths = _FIELDS.unpack(fields)[2:]
    frames, frames_per_block, frame_multiple, step = lengths
    samples = low | high << 32
    try:
        if flags & ~_KNOWN_FLAGS:
            raise ValueError(f"flags {flags:#04x} are not all known")
        if flags & _OPEN and (samples or frames):
            raise ValueError("an open stream has a length")
        if flags & _STEP_IN_BLOCKS and step:
            raise ValueError("each block has its own step, and the file has one too")
        return Header(
            fingerprint=fingerprint.hex(),
            front_end=front_end,
            reference_db=reference,
            sample_rate_hz=rate,
            samples=None if flags & _OPEN else samples,
            frames=None if flags & _OPEN else frames,
            frames_per_block=frames_per_block,
            channels=channels,
            frame_multiple=frame_multiple,
            step_index=None if flags & _STEP_IN_BLOCKS else step,
            downmixed=bool(flags & _DOWNMIXED),
            fixed_reference=bool(flags & _FIXED_REFERENCE),
        )
    except ValueError as error:
        raise BitstreamError(f"invalid header: {error}; encode the sound again") from error


def pack_front_end(front_end: FrontEnd) -> bytes:
    """A front end in 20 bytes, rounded: to compare with a header's, not to compute with.

    >>> from tfnoise.audio import FrontEnd
    >>> len(pack_front_end(FrontEnd())), unpack_front_end(pack_front_end(FrontEnd(mels=64))).mels
    (20, 64)

    Raises:
      ValueError: a setting is beyond what the format can hold.
    """
    try:
        packed = _FRONT_END.pack(
            _integer("sample_rate_hz", front_end.sample_rate_hz, 1, HIGHEST_RATE_HZ),
            front_end.n_fft,
            front_end.hop,
            _integer("mels", front_end.mels, 1, _CENTRE - 1) | (_CENTRE if front_end.centre else 0),
            front_end.f_min_hz + 0.0,  # -0.0 would have other bytes than 0.0
            front_end.upper_hz,
            front_end.power,
            front_end.top_db,
        )
        unpack_front_end(packed)
    except (struct.error, OverflowError, ValueError) as error:
        raise ValueError(f"the format cannot hold this front end: {error}") from error
    return packed


def unpack_front_end(packed: bytes) -> FrontEnd:
    """The front end of 20 bytes; its f_min_hz, power and top_db have 11 bits of precision, f_max_hz has 24.

    Raises:
      ValueError: the bytes are no front end.
    """
    if len(packed) != FRONT_END_BYTES:
        raise ValueError(f"a packed front end has {FRONT_END_BYTES} bytes, not {len(packed)}")
    rate, n_fft, hop, mels, f_min, upper, power, top_db = _FRONT_END.unpack(packed)
    _integer("sample_rate_hz", rate, 1, HIGHEST_RATE_HZ)
    f_max = None if upper == rate / 2 else upper
    centre = bool(mels & _CENTRE)
    return FrontEnd(rate, n_fft, hop, mels & ~_CENTRE, f_min, f_max, power, top_db, centre=centre)


def _integer(name: str, value: Any, least: int, most: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if not least <= number <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return number
