"""Codecs that a learned one is compared with, at a rate: JPEG, JPEG 2000 and WebP.

    coded = code_at_most("webp", image, 0.5)
    np.mean((coded.reconstruction - image) ** 2), coded.bpp

Each codec gets the best that its encoder has. Of its files only the entropy-coded data count, unless the
whole file is limited: on a small image the headers alone would decide.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

CODECS = ("jpeg", "jpeg2000", "webp")
"""The names of the codecs."""

COUNTS = ("payload", "file")
"""What a target can limit: the entropy-coded data, or the whole file."""

LARGEST_SIDE = 16383
"""Pixels a side that all of the codecs take; WebP takes the fewest."""

_FORMATS = {"jpeg": "JPEG", "jpeg2000": "JPEG2000", "webp": "WEBP"}

# The usual 64 x 64, and smaller ones, which cost more but are cut at other places.
_CODE_BLOCKS = ((64, 64), (64, 32), (32, 64))

_DB_STEPS = 256
_LARGEST_DB = 100

# WebP's sizes go up and down with its quality. Of spectrograms no file is smaller than one of a quality 2 or
# more below it; of tiny or constant images it can be so by far, but there all qualities are quickly tried.
_WEBP_STEPS = 4
_WEBP_REACH = 5 * _WEBP_STEPS
_SMALL_FILE_BYTES = 4096

_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)


class CodedImage(NamedTuple):
    """An image coded by a codec.

    Attributes:
      reconstruction: float32 `[mels, frames, 1]` in [0, 1], decoded from `data`.
      bpp: rate of the payload, bits per pixel.
      file_bpp: rate of the whole file, bits per pixel.
      quality: the encoder's setting: of "jpeg" 1 to 100, of "webp" 0 to 100, of "jpeg2000" a PSNR in dB.
      data: the file.
    """

    reconstruction: np.ndarray
    bpp: float
    file_bpp: float
    quality: float
    data: bytes


def code_at_most(codec: str, image: np.ndarray, bpp: float, count: str = "payload") -> CodedImage:
    """Codes an image, in 8 bits of one channel, with the highest quality of a codec that a rate allows.

    JPEG: baseline with optimised Huffman tables, qualities 1, 2, ... 100.

    JPEG 2000: the irreversible wavelet, a bare codestream of one layer, qualities in steps of 1/256 dB. A
    code block is cut only between its coding passes, so sizes come in steps of some per cent. They are others
    with other code blocks: of several sizes of these, the one with the least squared error is taken.

    WebP: lossy, method 6, qualities 0, 0.25, ... 100. It stores colour, which is flat
    here and costs next to nothing. Decoding gives three channels that differ by a level at most,
    here averaged.

    Args:
      codec: one of `CODECS`.
      image: float32 `[mels, frames, 1]` in [0, 1], up to 16383 pixels a side.
      bpp: the highest rate, bits per pixel.
      count: "payload": the rate is that of the entropy-coded data alone; "file": of the whole file.

    Returns:
      The image, its rates and its file.

    Raises:
      ValueError: no quality is low enough (the message names the least rate), or an argument is none of the
        above.

    >>> coded = code_at_most("webp", np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32, 1), 2.0)
    >>> coded.bpp <= 2.0 and coded.reconstruction.shape
    (32, 32, 1)
    """
    _check_codec(codec)
    if count not in COUNTS:
        raise ValueError(f"count must be one of {', '.join(COUNTS)}, not {count!r}")
    if not bpp > 0:
        raise ValueError(f"the rate must be above 0 bits per pixel, not {bpp}")
    pixels = _eight_bits(image)

    def rate(data: bytes, count: str = count) -> float:
        return 8 * (len(data) if count == "file" else payload_bytes(codec, data)) / pixels.size

    candidates, least = [], float("inf")
    for encode, qualities, reach in _encoders(codec, pixels):
        files: dict[int, bytes] = {}

        def fits(index: int, files: Any = files, encode: Any = encode, qualities: Any = qualities) -> bool:
            if index not in files:
                files[index] = encode(qualities[index])
            return rate(files[index]) <= bpp

        index = _highest(fits, len(qualities), reach)
        least = min(least, *map(rate, files.values()))
        if index is not None:
            data = files[index]
            rates = rate(data, "payload"), rate(data, "file")
            candidates.append(CodedImage(decode(codec, data), *rates, float(qualities[index]), data))
    if not candidates:
        raise ValueError(f"{codec} needs {least:.4g} bits per pixel ({count}) or more here, not {bpp:.4g}")
    return min(candidates, key=lambda coded: (np.mean((coded.reconstruction - image) ** 2), len(coded.data)))


def decode(codec: str, data: bytes) -> np.ndarray:
    """Decodes a file of `code_at_most`.

    Args:
      codec: one of `CODECS`.
      data: the file.

    Returns:
      float32 `[mels, frames, 1]` in [0, 1].

    Raises:
      ValueError: it is no such file.

    >>> decode("jpeg", code_at_most("jpeg", np.zeros([8, 8, 1], np.float32), 99.0).data).shape
    (8, 8, 1)
    """
    from PIL import Image

    _check_codec(codec)
    try:
        with Image.open(io.BytesIO(data), formats=[_FORMATS[codec]]) as image:
            pixels = np.asarray(image, np.float32)
    except (OSError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"no {codec} file that can be decoded: {error}") from None
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return pixels.mean(-1, keepdims=True) / np.float32(255)


def _eight_bits(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] != 1 or not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"an image must be floats [mels, frames, 1], not {image.dtype} {list(image.shape)}")
    if min(image.shape) < 1 or max(image.shape) > LARGEST_SIDE:
        raise ValueError(f"an image must have 1 to {LARGEST_SIDE} pixels a side, not {list(image.shape)}")
    if not (image.min() >= 0 and image.max() <= 1):
        raise ValueError("an image must have values from 0 to 1")
    return np.round(image[..., 0] * 255).astype(np.uint8)


def _encoders(codec: str, pixels: np.ndarray) -> Iterator[tuple[Callable[[float], bytes], np.ndarray, int]]:
    """The ways of a codec to encode: a function of quality, the qualities, and the reach for `_highest`."""
    from PIL import Image

    image = Image.fromarray(pixels)

    def save(**options: Any) -> bytes:
        file = io.BytesIO()
        image.save(file, format=_FORMATS[codec], **options)
        return file.getvalue()

    def jpeg(quality: float) -> bytes:
        return save(quality=int(quality), optimize=True)

    def jpeg2000(blocks: tuple[int, int], quality: float) -> bytes:
        # Without a comment of one's own the encoder writes a longer one.
        options = {"irreversible": True, "no_jp2": True, "codeblock_size": blocks, "comment": "-"}
        return save(quality_mode="dB", quality_layers=[float(quality)], **options)

    def webp(quality: float) -> bytes:
        return save(quality=float(quality), method=6)

    if codec == "jpeg":
        yield jpeg, np.arange(1, 101), 100
    elif codec == "webp":
        qualities = np.arange(100 * _WEBP_STEPS + 1) / _WEBP_STEPS
        small = len(webp(100)) <= _SMALL_FILE_BYTES
        yield webp, qualities, len(qualities) if small else _WEBP_REACH
    else:
        qualities = np.arange(1, _LARGEST_DB * _DB_STEPS + 1) / _DB_STEPS
        for blocks in _CODE_BLOCKS:
            # More dB never take fewer bytes: both follow from one threshold.
            yield functools.partial(jpeg2000, blocks), qualities, 0


def _highest(fits: Callable[[int], bool], count: int, reach: int) -> int | None:
    """The highest index below count that fits, where none does that is more than `reach` above one that not.

    Returns:
      The index; None if none fits.
    """
    low, high = -1, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    for index in range(min(count - 1, low + reach), low, -1):
        if fits(index):
            return index
    return low if low >= 0 else None


def payload_bytes(codec: str, data: bytes) -> int:
    """The number of bytes of entropy-coded data in a file, all but its headers.

    JPEG: the scans, between the header of each and the next marker, with their byte stuffing. JPEG 2000: the
    data of the tile-parts, which are packets with their headers, of a bare codestream or one in a JP2 file.
    WebP: the data of the VP8 chunk.

    Args:
      codec: one of `CODECS`.
      data: the file; it must be whole, with nothing after its end.

    Raises:
      ValueError: it is no such file, cut short or damaged.

    Source: ITU-T T.81, annex B; ITU-T T.800, annexes A and I; RFC 9649, section 2, and RFC 6386.

    >>> payload_bytes("webp", b"RIFF" + bytes([16, 0, 0, 0]) + b"WEBPVP8 " + bytes([4, 0, 0, 0, 1, 2, 3, 4]))
    4
    """
    _check_codec(codec)
    return {"jpeg": _jpeg_payload, "jpeg2000": _jpeg2000_payload, "webp": _webp_payload}[codec](data)


def _check_codec(codec: str) -> None:
    if codec not in CODECS:
        raise ValueError(f"the codec must be one of {', '.join(CODECS)}, not {codec!r}")


def _part(data: bytes, start: int, size: int) -> bytes:
    if start + size > len(data):
        raise ValueError(f"the file is cut short: {len(data)} bytes, not {start + size} or more")
    return data[start : start + size]


def _number(data: bytes, start: int, size: int, order: Literal["big", "little"] = "big") -> int:
    return int.from_bytes(_part(data, start, size), order)


def _jpeg_payload(data: bytes) -> int:
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG file: it does not begin with a start of image")
    position, payload = 2, 0
    while (marker := _part(data, position, 2)) != b"\xff\xd9":
        # Any number of 0xff may stand before a marker; those without a length have no place out of a scan.
        if marker == b"\xff\xff":
            position += 1
            continue
        if marker[0] != 0xFF or marker[1] < 0xC0 or 0xD0 <= marker[1] <= 0xD8:
            raise ValueError(f"a damaged JPEG file: no segment at byte {position}")
        position = _segment_end(data, position, "JPEG")
        if marker[1] == 0xDA:
            # The first marker that is neither a stuffed 0xff nor a restart.
            end = _SCAN_END.search(data, position)
            if not end:
                raise ValueError("the file is cut short: its last scan has no end")
            payload, position = payload + end.start() - position, end.start()
    return _checked_payload(payload, position + 2, data, "JPEG")


def _segment_end(data: bytes, position: int, name: str) -> int:
    length = _number(data, position + 2, 2)
    if length < 2:
        raise ValueError(f"a damaged {name} file: a segment of {length} bytes at byte {position}")
    _part(data, position + 2, length)
    return position + 2 + length


def _checked_payload(payload: int, end: int, data: bytes, name: str) -> int:
    if not payload:
        raise ValueError(f"a damaged {name} file: it holds no image data")
    if end != len(data):
        raise ValueError(f"a damaged {name} file: {len(data) - end} bytes after its end")
    return payload


def _jpeg2000_payload(data: bytes) -> int:
    if data[:4] == b"\xff\x4f\xff\x51":
        return _codestream_payload(data)
    if data[:12] != b"\0\0\0\x0cjP  \r\n\x87\n":
        raise ValueError("no JPEG 2000 file: it begins neither as a codestream nor as a JP2 file")
    position = 0
    streams = []
    while position < len(data):
        length, header = _number(data, position, 4), 8
        if length == 1:
            length, header = _number(data, position + 8, 8), 16
        elif length == 0:
            length = len(data) - position
        if length < header:
            raise ValueError(f"a damaged JPEG 2000 file: a box of {length} bytes at byte {position}")
        box = _part(data, position, length)
        if box[4:8] == b"jp2c":
            streams.append(box[header:])
        position += length
    if len(streams) != 1:
        raise ValueError(f"a JPEG 2000 file must have one codestream, not {len(streams)}")
    return _codestream_payload(streams[0])


def _codestream_payload(data: bytes) -> int:
    if data[:4] != b"\xff\x4f\xff\x51":
        raise ValueError("a damaged JPEG 2000 file: its codestream begins with no image size")
    position, payload = _header_end(data, 2, b"\xff\x90"), 0
    while (marker := _part(data, position, 2)) == b"\xff\x90":
        length = _number(data, position + 6, 4)
        # A length of 0 says: to the end of image.
        tile_end = position + length if length else len(data) - 2
        if tile_end > len(data) - 2:
            raise ValueError(f"the file is cut short: {len(data)} bytes, not {tile_end + 2} or more")
        start = _header_end(data, _segment_end(data, position, "JPEG 2000"), b"\xff\x93") + 2
        if tile_end < start:
            raise ValueError(f"a damaged JPEG 2000 file: a tile-part ends before byte {start}")
        payload, position = payload + tile_end - start, tile_end
    if marker != b"\xff\xd9":
        raise ValueError(f"a damaged JPEG 2000 file: no tile-part at byte {position}")
    return _checked_payload(payload, position + 2, data, "JPEG 2000")


def _header_end(data: bytes, position: int, end: bytes) -> int:
    """The position of the marker `end` behind a header's segments."""
    while (marker := _part(data, position, 2)) != end:
        # The others have no length, or have no place in a header.
        if marker[0] != 0xFF or marker[1] < 0x50 or marker[1] in (0x90, 0x91, 0x92, 0x93, 0xD9):
            raise ValueError(f"a damaged JPEG 2000 file: no segment of a header at byte {position}")
        position = _segment_end(data, position, "JPEG 2000")
    return position


def _webp_payload(data: bytes) -> int:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("no WebP file: it does not begin with RIFF and WEBP")
    end = 8 + _number(data, 4, 4, "little")
    position, payloads = 12, []
    while position < end:
        length = _number(data, position + 4, 4, "little")
        if _part(data, position, 4) == b"VP8 ":
            payloads.append(length)
        position += 8 + length + length % 2
    if position != end:
        raise ValueError("a damaged WebP file: its chunks do not end where it does")
    _part(data, 0, end)
    if len(payloads) != 1:
        raise ValueError(f"a lossy WebP file of one image must have one VP8 chunk, not {len(payloads)}")
    return _checked_payload(payloads[0], end, data, "WebP")
