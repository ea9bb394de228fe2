"""A front end in the 20 bytes that a `.tfn` header has for it, rounded: to compare, not to compute with."""

from __future__ import annotations

import operator
import struct
from typing import Any

from tfnoise.audio.front_end import FrontEnd

FRONT_END_BYTES = 20
HIGHEST_RATE_HZ = 1_000_000

_FRONT_END = struct.Struct("<IHHHefee")
_CENTRE = 0x8000


def pack_front_end(front_end: FrontEnd) -> bytes:
    """A front end in 20 bytes, rounded: to compare with a header's, not to compute with.

    Raises:
      ValueError: a setting is beyond what the format can hold.
    """
    try:
        packed = _FRONT_END.pack(
            whole("sample_rate_hz", front_end.sample_rate_hz, 1, HIGHEST_RATE_HZ),
            front_end.n_fft,
            front_end.hop,
            whole("mels", front_end.mels, 1, _CENTRE - 1) | (_CENTRE if front_end.centre else 0),
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
    whole("sample_rate_hz", rate, 1, HIGHEST_RATE_HZ)
    f_max = None if upper == rate / 2 else upper
    return FrontEnd(
        rate, n_fft, hop, mels & ~_CENTRE, f_min, f_max, power, top_db, centre=bool(mels & _CENTRE)
    )


def whole(name: str, value: Any, least: int, most: int) -> int:
    """The value as a number of the format.

    Raises:
      ValueError: it is no whole number, or not from least to most; the message names it.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if not least <= number <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return number
