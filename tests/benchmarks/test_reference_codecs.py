"""Reference codecs: the best that fits a rate, counted exactly, and really decoded."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from benchmarks.reference_codecs import CODECS, code_at_most, decode, payload_bytes

FORMATS = {"jpeg": "JPEG", "jpeg2000": "JPEG2000", "webp": "WEBP"}


def spectrogram(mels: int = 128, frames: int = 256, seed: int = 0) -> np.ndarray:
    """Decaying partials over noise, somewhat like a mel-spectrogram."""
    random = np.random.default_rng(seed)
    row, column = np.arange(mels)[:, None], np.arange(frames)[None]
    image = 0.25 + 0.06 * random.standard_normal([mels, frames]) - 0.1 * row / mels
    for onset in range(0, frames, 60):
        decay = np.where(column >= onset, np.exp(-(column - onset) / 40), 0)
        for partial in range(1, 9):
            height = random.uniform(6, 20) * partial
            image += 0.6 * decay * np.exp(-(((row - height) / 1.5) ** 2))
    return np.clip(image, 0, 1).astype(np.float32)[..., None]


@pytest.fixture(scope="module")
def natural_images(natural_folder) -> list[np.ndarray]:
    from tfnoise.audio import FrontEnd
    from tfnoise.data import list_clips
    from tfnoise.evaluation.scores import clip_images

    clips = list_clips(natural_folder)[8::17]
    return [clip.image[:, :256] for clip in clip_images(clips, FrontEnd()) if not clip.problem]


def error(image: np.ndarray, coded) -> float:
    return float(np.mean(np.square(coded.reconstruction.astype(np.float64) - image)))


def saved(codec: str, image: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.round(image[..., 0] * 255).astype(np.uint8)).save(file, FORMATS[codec], **options)
    return file.getvalue()


def encoded(codec: str, image: np.ndarray, quality: float, like: bytes) -> bytes:
    """The file of a quality by Pillow itself; of JPEG 2000 with the code blocks of another file."""
    if codec == "jpeg":
        return saved(codec, image, quality=int(quality), optimize=True)
    if codec == "webp":
        return saved(codec, image, quality=quality, method=6)
    style = like.index(b"\xff\x52")
    blocks = tuple(4 << exponent for exponent in like[style + 10 : style + 12])
    options = {"irreversible": True, "codeblock_size": blocks, "no_jp2": True, "comment": "-"}
    return saved(codec, image, quality_mode="dB", quality_layers=[quality], **options)


STEPS = {"jpeg": 1, "jpeg2000": 1 / 256, "webp": 0.25}


def counted(codec: str, data: bytes) -> int:
    """The payload of a simple file by another way than the module's."""
    if codec == "webp":
        return len(data) - 20
    if codec == "jpeg2000":
        part = data.index(b"\xff\x90\x00\x0a")
        (length,) = struct.unpack(">I", data[part + 6 : part + 10])
        return length - (data.index(b"\xff\x93", part) + 2 - part)
    scan = data[data.rindex(b"\xff\xda\x00\x08\x01") + 10 :]
    others = [i for i in range(len(scan) - 1) if scan[i] == 0xFF and scan[i + 1] != 0]
    assert others == [len(scan) - 2] and scan.endswith(b"\xff\xd9")
    return others[0]


def check(codec: str, image: np.ndarray, bpp: float, count: str = "payload"):
    """Codes, and checks all that must be so of any image."""
    coded = code_at_most(codec, image, bpp, count)
    pixels = image.size
    payload = counted(codec, coded.data)
    assert payload_bytes(codec, coded.data) == payload
    assert coded.bpp == 8 * payload / pixels and coded.file_bpp == 8 * len(coded.data) / pixels
    assert (coded.bpp if count == "payload" else coded.file_bpp) <= bpp
    assert coded.data == encoded(codec, image, coded.quality, coded.data)
    with Image.open(io.BytesIO(coded.data)) as opened:
        assert opened.format == FORMATS[codec]
        levels = np.asarray(opened, np.float64)
    if codec == "webp":
        assert np.ptp(levels, -1).max() <= 1
        levels = levels.mean(-1)
    assert coded.reconstruction.dtype == np.float32 and coded.reconstruction.shape == image.shape
    np.testing.assert_allclose(coded.reconstruction[..., 0], levels / 255, atol=1e-6)
    np.testing.assert_array_equal(coded.reconstruction, decode(codec, coded.data))
    assert coded.reconstruction.min() >= 0 and coded.reconstruction.max() <= 1
    if coded.quality < 100:
        following = encoded(codec, image, coded.quality + STEPS[codec], coded.data)
        size = len(following) if count == "file" else counted(codec, following)
        assert 8 * size / pixels > bpp
    return coded


@pytest.mark.parametrize("count", ["payload", "file"])
@pytest.mark.parametrize("codec", CODECS)
def test_close_below_the_rate(codec, count):
    image = spectrogram()
    errors = []
    for bpp in (0.3, 0.5, 1.5):
        coded = check(codec, image, bpp, count)
        used = coded.bpp if count == "payload" else coded.file_bpp
        assert used >= (0.9 if codec == "jpeg" else 0.95) * bpp
        errors.append(error(image, coded))
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.6 * errors[0]


@pytest.mark.parametrize("codec", CODECS)
def test_natural_clips(codec, natural_images):
    coded = [check(codec, image, 0.5) for image in natural_images]
    assert min(item.bpp for item in coded) > (0.9 if codec == "jpeg" else 0.94) * 0.5
    assert np.mean([item.bpp for item in coded]) > (0.95 if codec == "jpeg" else 0.97) * 0.5
    mean = np.mean([error(image, item) for image, item in zip(natural_images, coded)])
    expected = {"jpeg": 0.0014, "jpeg2000": 0.0012, "webp": 0.0012}[codec]
    assert mean == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("codec", ["jpeg", "webp"])
def test_no_higher_quality_fits(codec):
    image = spectrogram(64, 128)
    for bpp in (0.5, 2.0):
        coded = code_at_most(codec, image, bpp)
        for quality in np.arange(coded.quality + STEPS[codec], min(100, coded.quality + 25), STEPS[codec]):
            assert 8 * counted(codec, encoded(codec, image, quality, coded.data)) / image.size > bpp


def test_sizes_of_jpeg_2000_never_fall():
    image = spectrogram(64, 96)
    like = code_at_most("jpeg2000", image, 0.5).data
    files = (encoded("jpeg2000", image, quality, like) for quality in np.arange(1, 100, 0.25))
    sizes = [counted("jpeg2000", data) for data in files]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (5, 3), (33, 129), (127, 65)])
def test_odd_and_tiny_and_constant_images(codec, shape):
    noise = np.random.default_rng(0).random([*shape, 1], np.float32)
    for image, bound in ((noise, 3e-4), (np.zeros_like(noise), 0), (np.full_like(noise, 0.3), 2e-5)):
        coded = check(codec, image, 400)
        assert coded.quality == 100 and error(image, coded) <= bound
    for image in (noise, np.zeros_like(noise)):
        with pytest.raises(ValueError, match=rf"{codec} needs [\d.e+-]+ bits per pixel \(payload\)"):
            code_at_most(codec, image, 1e-9)


@pytest.mark.parametrize("count", ["payload", "file"])
@pytest.mark.parametrize("codec", CODECS)
def test_the_least_rate_is_named_and_is_enough(codec, count):
    for image in (spectrogram(24, 40), np.full([127, 63, 1], 0.5, np.float32)):
        with pytest.raises(ValueError, match=rf"\({count}\) or more here, not 0.0001") as raised:
            code_at_most(codec, image, 1e-4, count)
        least = float(str(raised.value).split()[2])
        check(codec, image, 1.001 * least, count)
        with pytest.raises(ValueError, match="needs"):
            code_at_most(codec, image, 0.999 * least, count)


@pytest.mark.parametrize("codec", CODECS)
def test_a_rate_that_was_reached_can_be_reached_again_and_arguments_are_refused(codec):
    image = spectrogram(32, 33)
    coded = code_at_most(codec, image, 0.7)
    assert code_at_most(codec, image, coded.bpp).data == coded.data
    for bpp in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="the rate must be above 0"):
            code_at_most(codec, image, bpp)
    with pytest.raises(ValueError, match="count must be one of"):
        code_at_most(codec, image, 1, "scan")
    for wrong in (image[..., 0], image[None], np.zeros([8, 8, 3], np.float32), np.zeros([8, 8, 1], np.uint8)):
        with pytest.raises(ValueError, match=r"floats \[mels, frames, 1\]"):
            code_at_most(codec, wrong, 1)
    for shape in ([0, 8, 1], [8, 0, 1], [1, 16384, 1]):
        with pytest.raises(ValueError, match="1 to 16383 pixels a side"):
            code_at_most(codec, np.zeros(shape, np.float32), 1)
    for value in (-0.01, 1.01, np.nan):
        with pytest.raises(ValueError, match="values from 0 to 1"):
            code_at_most(codec, np.full([8, 8, 1], value, np.float32), 1)


def test_refuses_other_codecs():
    for call, data in ((code_at_most, (spectrogram(8, 8), 1)), (decode, (b"",)), (payload_bytes, (b"",))):
        with pytest.raises(ValueError, match="the codec must be one of"):
            call("png", *data)


def test_other_files_of_the_formats():
    image = spectrogram(64, 64)
    # All scans of a progressive file; between them stand tables, which do not count.
    data = saved("jpeg", image, progressive=True)
    assert data.count(b"\xff\xda") > 1 and 0.5 * len(data) < payload_bytes("jpeg", data) < len(data) - 300
    plain, restarts = (saved("jpeg", image, quality=50, restart_marker_rows=rows) for rows in (0, 1))
    assert payload_bytes("jpeg", plain) == counted("jpeg", plain)
    assert payload_bytes("jpeg", restarts) == len(restarts) - restarts.index(b"\xff\xda") - 12
    # Fill bytes before a marker.
    assert payload_bytes("jpeg", plain[:-2] + b"\xff\xff" + plain[-2:]) == counted("jpeg", plain)

    bare = saved("jpeg2000", image, irreversible=True, no_jp2=True)
    boxed = saved("jpeg2000", image, irreversible=True)
    assert boxed[:4] == b"\0\0\0\x0c" and payload_bytes("jpeg2000", boxed) == counted("jpeg2000", bare)
    box = boxed.index(b"jp2c")
    open_end = boxed[: box - 4] + b"\0\0\0\0" + boxed[box:]
    long = boxed[: box - 4] + b"\0\0\0\1jp2c" + struct.pack(">Q", len(bare) + 16) + bare
    part = bare.index(b"\xff\x90\x00\x0a") + 6
    no_length = bare[:part] + b"\0\0\0\0" + bare[part + 4 :]
    for other in (open_end, long, no_length):
        assert payload_bytes("jpeg2000", other) == counted("jpeg2000", bare)
    tiles = saved("jpeg2000", image, irreversible=True, tile_size=(32, 32), no_jp2=True)
    starts = [i for i in range(len(tiles)) if tiles[i : i + 4] == b"\xff\x90\x00\x0a"]
    lengths = [struct.unpack(">I", tiles[i + 6 : i + 10])[0] for i in starts]
    assert len(starts) == 4 and payload_bytes("jpeg2000", tiles) == sum(lengths) - 4 * 14

    extended = saved("webp", image, quality=50, exif=b"Exif\0\0" + bytes(31))
    assert b"VP8X" in extended
    assert payload_bytes("webp", extended) == counted("webp", saved("webp", image, quality=50))
    with pytest.raises(ValueError, match="one VP8 chunk, not 0"):
        payload_bytes("webp", saved("webp", image, lossless=True))


@pytest.mark.parametrize("codec", CODECS)
def test_files_that_are_damaged(codec):
    data = code_at_most(codec, spectrogram(48, 40), 2).data
    others = [saved(other, spectrogram(8, 8)) for other in CODECS if other != codec]
    for wrong in (b"", data[:1], b"\0" * 50, b"RIFF", b"\xff\xd8\xff", *others):
        with pytest.raises(ValueError):
            payload_bytes(codec, wrong)
        with pytest.raises(ValueError, match="no .* file that can be decoded"):
            decode(codec, wrong)
    for end in range(len(data)):
        with pytest.raises(ValueError):
            payload_bytes(codec, data[:end])
    with pytest.raises(ValueError, match="bytes after its end"):
        payload_bytes(codec, data + b"\0\0")
    random = np.random.default_rng(1)
    for _ in range(2000):
        changed = bytearray(data)
        for _ in range(random.integers(1, 4)):
            changed[random.integers(min(len(data), random.choice([100, 10000])))] = random.integers(256)
        try:
            assert 0 < payload_bytes(codec, bytes(changed)) <= len(data)
        except ValueError as problem:
            assert str(problem)
