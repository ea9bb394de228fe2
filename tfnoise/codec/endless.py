"""Sound without an end to the bytes of an open `.tfn` stream, block by block as it comes.

The reference is fixed beforehand, and every block has its own step: the finest at or under the rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tfnoise.audio import FrontEnd, mel_spectrogram, mel_to_image, reference_db
from tfnoise.codec.blocks import CONTEXT_FRAMES, analyse_block, check_block_frames
from tfnoise.codec.compression import mel_streams
from tfnoise.codec.container import (
    Block,
    End,
    Header,
    pack_front_end,
    write_block,
    write_end,
    write_header,
)
from tfnoise.codec.loading import LoadedModel
from tfnoise.codec.one_block import code_block
from tfnoise.codec.payload import PayloadCoder
from tfnoise.layers.transforms import TOTAL_STRIDE

STREAM_BLOCK_FRAMES = 256
"""Frames of a block of an open stream: 4 s with the default front end."""


def full_scale_db(front_end: FrontEnd) -> float:
    """The reference of a sine at full scale, in the middle of the front end's lower half of frequencies."""
    frequency = front_end.sample_rate_hz / 8
    times = np.arange(4 * front_end.n_fft) / front_end.sample_rate_hz
    return float(reference_db(mel_spectrogram(np.sin(2 * np.pi * frequency * times), front_end), front_end))


def compressed_stream(
    pieces: Iterable[np.ndarray],
    sample_rate_hz: int,
    channels: int,
    model: LoadedModel,
    payloads: PayloadCoder,
    bpp: float | None,
    reference_db: float | None,
    block_frames: int,
) -> Iterator[bytes]:
    """The bytes of an open stream; see `Codec.compress_stream`."""
    check_block_frames(block_frames)
    front_end = model.front_end
    header = Header(
        fingerprint=model.settings["fingerprint"],
        front_end=pack_front_end(front_end),
        reference_db=full_scale_db(front_end) if reference_db is None else reference_db,
        sample_rate_hz=sample_rate_hz,
        samples=None,
        frames=None,
        frames_per_block=block_frames,
        channels=channels,
        frame_multiple=TOTAL_STRIDE,
        fixed_reference=True,
    )
    yield write_header(header)
    rate = model.bpp if bpp is None else bpp
    held = [np.zeros([front_end.mels, 0, 1], np.float32) for _ in range(channels)]
    samples = frames = before = number = 0

    def blocks(ended: bool) -> Iterator[bytes]:
        nonlocal held, frames, before, number
        context = 0 if ended else CONTEXT_FRAMES
        while (left := held[0].shape[1] - before) and (ended or left >= block_frames + context):
            count = min(left, block_frames)
            for image in held:
                part = image[:, : before + count + CONTEXT_FRAMES]
                latent = analyse_block(model.module, part, before, count)
                coded = code_block(model.module, payloads, latent, rate * front_end.mels * count)
                yield write_block(Block(number, count, *coded), header)
                number += 1
            frames += count
            kept = max(0, before + count - CONTEXT_FRAMES)
            held = [image[:, kept:] for image in held]
            before = before + count - kept

    for count, parts in mel_streams(pieces, sample_rate_hz, channels, front_end, frames_at_once=block_frames):
        samples += count
        images = [mel_to_image(part, header.reference_db, front_end).numpy() for part in parts]
        held = [np.concatenate(pair, 1) for pair in zip(held, images)]
        yield from blocks(ended=False)
    yield from blocks(ended=True)
    yield write_end(End(samples, frames), header)
