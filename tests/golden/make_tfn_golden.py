"""Writes the golden files in tfn/: tiny models, files coded with them, and what these decode to.

    python tests/golden/make_tfn_golden.py

They hold what the format was when they were written: code that decodes them differently breaks files that
people have. Files may be added with a version of the format, and those of old versions stay as they are: the
script writes none that is there already.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent / "tfn"
sys.path.insert(0, str(HERE.parents[2]))

from tests.tiny_models import tiny_autoencoder  # noqa: E402
from tfnoise.audio import FrontEnd  # noqa: E402
from tfnoise.codec import Codec, encoder  # noqa: E402
from tfnoise.codec.format import Block, read_blocks, read_header, write_block, write_header  # noqa: E402
from tfnoise.codec.format.bitstring import pack  # noqa: E402
from tfnoise.data import synthetic_clips  # noqa: E402
from tfnoise.serving import export_model  # noqa: E402

FRONT_END = FrontEnd(sample_rate_hz=8000, n_fft=256, hop=128, mels=32)
BLOCK_FRAMES = 64


def main() -> None:
    """Writes what is missing."""
    encoder.BLOCK_FRAMES = BLOCK_FRAMES
    clips = synthetic_clips(8000, duration_s=0.8, seed=7)
    mono = np.concatenate([np.asarray(clip[2], np.float32) for clip in clips[:3]])
    stereo = np.stack([mono, 0.5 * mono[::-1]], 1)
    entropy, levels = (Codec.load(model_folder(name)) for name in ("entropy", "levels"))
    write(entropy, "mono", entropy.compress(mono, 8000, 0.3))
    write(entropy, "stereo", entropy.compress(stereo, 11025, 0.5, downmixed=True))
    stream = entropy.compress_stream([mono], 8000, 1, 0.3, block_frames=BLOCK_FRAMES)
    write(entropy, "stream", b"".join(stream))
    coded = levels.compress(mono, 8000)
    write(levels, "levels", coded)
    write(levels, "levels_packed", with_packed_blocks(levels, coded))


def model_folder(name: str) -> Path:
    """The model's folder below a temporary one, from its archive, which is made where it is missing."""
    archive = HERE / f"{name}.zip"
    folder = Path(tempfile.mkdtemp(prefix="tfnoise-golden-")) / "saved_models"
    if not archive.exists():
        gain = 100 if name == "entropy" else 1
        model = tiny_autoencoder(name, 32, gain, 3, bpp=0.0625, filters=4, levels=4)
        version = export_model(model, FRONT_END, folder / name, {})
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for path in sorted(version.rglob("*")):
                if path.is_file():
                    packed.write(path, path.relative_to(folder))
        print(f"wrote {archive}: {archive.stat().st_size} bytes")
        return folder / name
    zipfile.ZipFile(archive).extractall(folder)
    return folder / name


def with_packed_blocks(codec: Codec, data: bytes) -> bytes:
    """The same file with every payload packed."""
    header = read_header(data)
    parts = [write_header(header)]
    for block, old in zip(codec.symbols_of(io.BytesIO(data)), read_blocks(data, header)):
        payload = bytes(pack(tf.constant(block.symbols.reshape(1, -1)), 2).numpy()[0])
        parts.append(write_block(Block(old.number, old.frames, 0, payload), header))
    return b"".join(parts)


def write(codec: Codec, name: str, data: bytes) -> None:
    """Writes a coded file, its symbols and its sound without iterations of the phase."""
    path = HERE / f"{name}.tfn"
    if path.exists():
        return
    path.write_bytes(data)
    blocks = list(codec.symbols_of(io.BytesIO(data)))
    waveform, _ = codec.decompress(data, iterations=0)
    symbols = {f"block_{block.number}": block.symbols.astype(np.int16) for block in blocks}
    np.savez_compressed(HERE / f"{name}.npz", waveform=waveform.astype(np.float16), **symbols)
    kinds = ", ".join(sorted({block.kind.name for block in blocks}))
    print(f"wrote {path}: {len(data)} bytes, {len(blocks)} blocks, {kinds}")


if __name__ == "__main__":
    main()
