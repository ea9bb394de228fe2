"""What a learned image codec has to beat: JPEG, JPEG 2000 and WebP, at a rate.

    coded = code_at_most("webp", image, 0.5)
    np.mean((coded.reconstruction - image) ** 2), coded.bpp

Each codec gets the best that its encoder has. Of its files only the entropy-coded data count, unless asked
otherwise: on a small image the headers alone would decide.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tfnoise.evaluation.image_payloads import OPPONENTS, check_codec, payload_bytes

__all__ = ["COUNTS", "LARGEST_SIDE", "OPPONENTS", "OpponentImage", "code_at_most", "decode", "payload_bytes"]

COUNTS = ("payload", "file")
"""What a target can limit: the entropy-coded data, or the whole file."""

LARGEST_SIDE = 16383
"""Pixels a side that all of the codecs take; WebP takes the fewest."""


class OpponentImage(NamedTuple):
    """An image as a codec made it.

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


def code_at_most(codec: str, image: np.ndarray, bpp: float, count: str = "payload") -> OpponentImage:
    """Codes an image, as 8-bit grey, with the highest quality of a codec that a rate allows.

    JPEG: baseline with optimised Huffman tables, qualities 1, 2, ... 100.

    JPEG 2000: the irreversible wavelet, a bare codestream of one layer, qualities in steps of 1/256 dB. A
    code block is cut only between its coding passes, so sizes come in steps of some per cent. They are others
    with other code blocks: of several sizes of these the one with the least squared error is taken.

    WebP: lossy, method 6, qualities 0, 0.25, ... 100. It stores colour; that of a grey image is flat and
    costs next to nothing. Decoding gives three channels that differ by a level at most, here averaged.

    Args:
      codec: one of `OPPONENTS`.
      image: float32 `[mels, frames, 1]` in [0, 1], up to 16383 pixels a side.
      bpp: the highest rate, bits per pixel.
      count: "payload": the rate is that of the entropy-coded data alone; "file": of the whole file.

    Returns:
      The image, its rates and its file.

    Raises:
      ValueError: no quality is low enough (the least rate is told), or an argument is none of the above.
    """
    check_codec(codec)
    if count not in COUNTS:
        raise ValueError(f"count must be one of {', '.join(COUNTS)}, not {count!r}")
    if not bpp > 0:
        raise ValueError(f"the rate must be above 0 bits per pixel, not {bpp}")
    pixels = _eight_bits(image)

    def rate(data: bytes) -> float:
        return 8 * (len(data) if count == "file" else payload_bytes(codec, data)) / pixels.size

    found, least = [], float("inf")
    for encode, qualities, reach in _encoders(codec, pixels):
        files = _Files(encode, qualities)
        index = _highest(lambda index, files=files: rate(files[index]) <= bpp, len(qualities), reach)
        least = min(least, *map(rate, files.values()))
        if index is not None:
            data = files[index]
            reconstruction = decode(codec, data)
            rates = 8 * payload_bytes(codec, data) / pixels.size, 8 * len(data) / pixels.size
            found.append(OpponentImage(reconstruction, *rates, float(qualities[index]), data))
    if not found:
        raise ValueError(f"{codec} needs {least:.4g} bits per pixel ({count}) or more here, not {bpp:.4g}")
    return min(found, key=lambda coded: (np.mean((coded.reconstruction - image) ** 2), len(coded.data)))


def decode(codec: str, data: bytes) -> np.ndarray:
    """Decodes a file of `code_at_most`.

    Args:
      codec: one of `OPPONENTS`.
      data: the file.

    Returns:
      float32 `[mels, frames, 1]` in [0, 1].

    Raises:
      ValueError: it is no such file.
    """
    from PIL import Image

    check_codec(codec)
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


class _Files(dict[int, bytes]):
    """Files by the index of their quality, encoded when asked for."""

    def __init__(self, encode: Callable[[float], bytes], qualities: np.ndarray):
        super().__init__()
        self._encode, self._qualities = encode, qualities

    def __missing__(self, index: int) -> bytes:
        self[index] = self._encode(self._qualities[index])
        return self[index]


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
