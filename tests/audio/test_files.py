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


def test_long_files_are_read_in_pieces_and_loud_ones_as_they_are(tmp_path):
    sound = RNG.uniform(-0.5, 0.5, [2**19 + 7, 3]).astype(np.float32)
    path = written(tmp_path / "a.wav", sound, subtype="FLOAT")
    np.testing.assert_array_equal(read(path)[0], sound)
    assert read(written(tmp_path / "loud.wav", np.full(1000, 30.0), subtype="FLOAT"))[0].max() == 30


def bad_files(folder) -> list[tuple[str, str]]:
    """Files and words of their problems."""
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("This is no audio.\nNot at all.")
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "fifo.wav")
    nan, infinite, huge = SOUND.copy(), SOUND.copy(), np.full(1000, -1e30)
    nan[17, 1] = np.nan
    infinite[3:5] = np.inf, -np.inf
    flac = written(folder / "bits.flac")
    size = os.path.getsize(flac)
    # Headers of a rate of 1 Hz, of 2 GB, of 2 ** 36 samples, of an unknown number of samples.
    return [
        (str(folder / "missing.wav"), "no such file"),
        (str(folder / "folder.wav"), "is a folder"),
        (str(folder / "fifo.wav"), "no regular file"),
        (str(folder / "empty.wav"), "empty file"),
        (str(folder / "text.wav"), "damaged or not audio"),
        (written(folder / "none.wav", np.zeros([0, 1])), "no samples"),
        (written(folder / "nan.wav", nan, subtype="FLOAT"), "1 of its values are not finite"),
        (written(folder / "inf.wav", infinite, subtype="FLOAT"), "4 of its values are not finite"),
        (written(folder / "huge.wav", huge, subtype="FLOAT"), r"reach 1.0e\+30 where full scale is 1"),
        (cut(written(folder / "cut.wav"), 9000), "says 4000 samples, 2239 are there"),
        (cut(written(folder / "head.wav"), 30), "damaged or not audio"),
        (cut(written(folder / "cut.flac"), size // 2), "damaged or not audio|cut short"),
        (patched(flac, size // 2, b"\x55" * 16), "damaged or not audio|cut short"),
        (patched(written(folder / "rate.wav"), 24, struct.pack("<I", 1)), "sample rate of 1 Hz"),
        (patched(written(folder / "big.wav"), 40, struct.pack("<I", 0x7FF00000)), "says 536608768"),
        (patched(written(folder / "big.flac"), 21, b"\xff" * 5), "can hold"),
        (patched(written(folder / "open.flac"), 21, b"\xf0\0\0\0\0"), "does not say how many"),
    ]


def test_bad_files(tmp_path):
    for path, words in bad_files(tmp_path):
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


def test_wav_written_to_a_pipe_or_with_other_chunks_is_read(tmp_path):
    path = patched(written(tmp_path / "pipe.wav"), 40, b"\xff" * 4)
    assert read(path)[0].shape == (4000, 2)
    # Chunks before the data are skipped.
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
