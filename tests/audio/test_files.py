"""Audio files: right samples from good ones, one line that names the file from bad ones."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import soundfile

from tfnoise.audio import probe, read
from tfnoise.errors import InputError

RNG = np.random.default_rng(0)
SOUND = RNG.uniform(-0.5, 0.5, [4000, 2]).astype(np.float32)


def written(path, samples=SOUND, rate=16000, subtype="PCM_16", **more) -> str:
    soundfile.write(path, samples, rate, subtype=subtype, **more)
    return str(path)


def patched(path: str, offset: int, content: bytes) -> str:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(content)
    return path


def cut(path: str, size: int) -> str:
    os.truncate(path, size)
    return path


@pytest.mark.parametrize(
    "name,subtype,container",
    [
        ("a.wav", "PCM_16", "WAV"),
        ("a.wav", "PCM_24", "WAV"),
        ("a.wav", "FLOAT", "WAV"),
        ("a.flac", "PCM_16", "FLAC"),
        ("a.ogg", "VORBIS", "OGG"),
        ("a.mp3", "MPEG_LAYER_III", "MP3"),
        ("a.aiff", "PCM_16", "AIFF"),
    ],
)
def test_probe_and_read(tmp_path, name, subtype, container):
    path = written(tmp_path / name, subtype=subtype)
    info = probe(tmp_path / name)
    assert (info.path, info.sample_rate_hz, info.channels, info.samples) == (path, 16000, 2, 4000)
    assert (info.container, info.subtype) == (container, subtype)
    samples, rate = read(path)
    assert samples.dtype == np.float32 and samples.shape == (4000, 2) and rate == 16000
    # The MP3 decoder's last bit depends on where in memory it works.
    close = 1e-6 if container == "MP3" else 0
    np.testing.assert_allclose(samples, soundfile.read(path, dtype="float32")[0], rtol=0, atol=close)


def test_long_files_are_read_in_pieces(tmp_path):
    sound = RNG.uniform(-0.5, 0.5, [2**19 + 7, 3]).astype(np.float32)
    path = written(tmp_path / "a.wav", sound, subtype="FLOAT")
    np.testing.assert_array_equal(read(path)[0], sound)


def bad_files(folder) -> dict[str, tuple[str, str]]:
    """By case: the file, and words of its problem."""
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("This is no audio.\nNot at all.")
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "fifo.wav")
    nan = SOUND.copy()
    nan[17, 1] = np.nan
    infinite = SOUND.copy()
    infinite[3:5] = np.inf, -np.inf
    flac = written(folder / "bits.flac")
    size = os.path.getsize(flac)
    rate = struct.pack("<I", 1)
    return {
        "missing": (str(folder / "missing.wav"), "no such file"),
        "folder": (str(folder / "folder.wav"), "is a folder"),
        "fifo": (str(folder / "fifo.wav"), "no regular file"),
        "empty file": (str(folder / "empty.wav"), "empty file"),
        "text": (str(folder / "text.wav"), "damaged or not audio"),
        "no samples": (written(folder / "none.wav", np.zeros([0, 1])), "no samples"),
        "NaN": (written(folder / "nan.wav", nan, subtype="FLOAT"), "1 of its values are not finite"),
        "infinite": (
            written(folder / "inf.wav", infinite, subtype="FLOAT"),
            "4 of its values are not finite",
        ),
        "cut WAV": (cut(written(folder / "cut.wav"), 9000), "says 4000 samples, 2239 are there"),
        "cut WAV in its header": (cut(written(folder / "head.wav"), 30), "damaged or not audio"),
        "cut FLAC": (cut(written(folder / "cut.flac"), size // 2), "damaged or not audio|cut short"),
        "flipped bits in FLAC": (patched(flac, size // 2, b"\x55" * 16), "damaged or not audio|cut short"),
        "FLAC of 2 ** 36 samples": (patched(written(folder / "big.flac"), 21, b"\xff" * 5), "can hold"),
        "FLAC of unknown length": (
            patched(written(folder / "open.flac"), 21, b"\xf0\0\0\0\0"),
            "does not say how many",
        ),
        "WAV of 2 GB": (
            patched(written(folder / "big.wav"), 40, struct.pack("<I", 0x7FF00000)),
            "says 536608768",
        ),
        "WAV of 1 Hz": (patched(written(folder / "rate.wav"), 24, rate), "sample rate of 1 Hz"),
    }


CASES = [
    "missing",
    "folder",
    "fifo",
    "empty file",
    "text",
    "no samples",
    "NaN",
    "infinite",
    "cut WAV",
    "cut WAV in its header",
    "cut FLAC",
    "flipped bits in FLAC",
    "FLAC of 2 ** 36 samples",
    "FLAC of unknown length",
    "WAV of 2 GB",
    "WAV of 1 Hz",
]


@pytest.mark.parametrize("case", CASES)
def test_bad_files(tmp_path, case):
    files = bad_files(tmp_path)
    assert set(files) == set(CASES)
    path, words = files[case]
    tracemalloc.start()
    with pytest.raises(InputError, match=words) as caught:
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    # NumPy reports its arrays to tracemalloc, so that a header which was believed would show here.
    assert peak < 20e6


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(tmp_path):
    path = written(tmp_path / "a.wav")
    os.chmod(path, 0)
    with pytest.raises(InputError, match="permissions"):
        read(path)


def test_wav_written_to_a_pipe_is_read(tmp_path):
    path = patched(written(tmp_path / "pipe.wav"), 40, b"\xff" * 4)
    assert read(path)[0].shape == (4000, 2)


def test_chunks_before_the_data_are_skipped(tmp_path):
    plain = open(written(tmp_path / "a.wav"), "rb").read()
    odd = plain[:36] + b"junk" + struct.pack("<I", 5) + b"abcde\0" + plain[36:]
    (tmp_path / "b.wav").write_bytes(odd[:4] + struct.pack("<I", len(odd) - 8) + odd[8:])
    assert probe(tmp_path / "b.wav").samples == 4000
    np.testing.assert_array_equal(read(tmp_path / "b.wav")[0], read(tmp_path / "a.wav")[0])


def test_importing_is_light():
    heavy = "tensorflow_io matplotlib soundfile soxr".split()
    code = f"import sys, tfnoise.audio, tfnoise.data; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_values_far_beyond_full_scale_are_refused(tmp_path):
    soundfile.write(tmp_path / "huge.wav", np.full(1000, -1e30), 16000, "FLOAT")
    with pytest.raises(InputError, match="huge.wav: its values reach 1.0e\\+30 where full scale is 1"):
        read(tmp_path / "huge.wav")
    soundfile.write(tmp_path / "loud.wav", np.full(1000, 30.0), 16000, "FLOAT")
    assert read(tmp_path / "loud.wav")[0].max() == 30
