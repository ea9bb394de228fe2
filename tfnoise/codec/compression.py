"""Sound to the bytes of a `.tfn` file, in passes of flat memory: the peak, the rates, the symbols.

A file has one reference and one step. Between the passes the mel-spectrogram and then the latents lie in
temporary files, so that nothing is computed twice and nothing is held whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf

from tfnoise.audio import FrontEnd, MelStream, Resampler, is_silent, mel_to_image, reference_db
from tfnoise.codec.blocks import BLOCK_FRAMES, analyse_block, with_context
from tfnoise.codec.container import Block, Header, pack_front_end, write_block, write_header
from tfnoise.codec.header import MOST_CHANNELS
from tfnoise.codec.loading import LoadedModel
from tfnoise.codec.payload import PayloadCoder
from tfnoise.codec.rate_choice import choose_step_by_coding
from tfnoise.codec.spool import Spool
from tfnoise.errors import InputError
from tfnoise.layers.transforms import TOTAL_STRIDE


def write_compressed(
    sink: BinaryIO,
    pieces: Iterable[np.ndarray],
    sample_rate_hz: int,
    channels: int,
    model: LoadedModel,
    payloads: PayloadCoder,
    bpp: float | None,
    downmixed: bool = False,
    on_progress: Callable[[float], Any] = lambda seconds: None,
) -> None:
    """Writes a whole `.tfn` file; see `Codec.compress_to`."""
    front_end = model.front_end
    with contextlib.ExitStack() as stack:
        mels = [stack.enter_context(Spool((front_end.mels,))) for _ in range(channels)]
        samples, loudest = _read(mels, pieces, sample_rate_hz, front_end, on_progress)
        frames, pixels = len(mels[0]), len(mels[0]) * front_end.mels * channels
        reference = float(reference_db(np.full([1, 1], loudest, np.float32), front_end))
        blocks = channels * -(-frames // BLOCK_FRAMES)

        def latents() -> Iterator[np.ndarray]:
            for number in range(blocks):
                first = number // channels * BLOCK_FRAMES
                last = min(first + BLOCK_FRAMES, frames)
                begin, end = with_context(first, last)
                mel = np.ascontiguousarray(mels[number % channels].read(begin, end).T)
                image = mel_to_image(mel, reference, front_end).numpy()
                yield analyse_block(model.module, image, first - begin, last - first)
                on_progress((last - first) * front_end.hop / front_end.sample_rate_hz / channels / 3)

        columns: Spool | None = None
        bits = 0.0
        for latent in latents():
            if columns is None:
                rows, _, depth = latent.shape
                columns = stack.enter_context(Spool((rows, depth)))
            columns.append(latent.swapaxes(0, 1))
            bits = bits + model.module.bits_by_step(latent[None]).numpy()[0].astype(np.float64)

        def encoded(step: int) -> Iterator[Block]:
            place = 0
            for number in range(blocks):
                count = min(BLOCK_FRAMES, frames - number // channels * BLOCK_FRAMES)
                width = -(-count // TOTAL_STRIDE)
                latent = columns.read(place, place + width).swapaxes(0, 1)
                place += width
                symbols = model.module.symbols(latent[None], tf.constant([step])).numpy()[0]
                yield Block(number, count, *payloads.encode(symbols, step))

        def payload_bits(step: int) -> int:
            return sum(8 * len(block.payload) for block in encoded(step))

        rate, fits = model.bpp if bpp is None else bpp, True
        if is_silent(reference):
            # It comes back as silence whatever the symbols say.
            step = len(bits) - 1
        else:
            step, fits = choose_step_by_coding(bits, rate * pixels, blocks, payload_bits)
        if not fits and bpp is not None and len(bits) > 1:
            least = payload_bits(step) / pixels
            raise InputError(f"{bpp:g} bpp: the coarsest step gives {least:.4f}; ask for that or more")
        header = Header(
            fingerprint=model.settings["fingerprint"],
            front_end=pack_front_end(front_end),
            reference_db=reference,
            sample_rate_hz=sample_rate_hz,
            samples=samples,
            frames=frames,
            frames_per_block=BLOCK_FRAMES,
            channels=channels,
            frame_multiple=TOTAL_STRIDE,
            step_index=step,
            downmixed=downmixed,
        )
        sink.write(write_header(header))
        for block in encoded(step):
            sink.write(write_block(block, header))
            on_progress(block.frames * front_end.hop / front_end.sample_rate_hz / channels / 3)


def mel_streams(
    pieces: Iterable[np.ndarray], sample_rate_hz: int, channels: int, front_end: FrontEnd, **options: Any
) -> Iterator[tuple[int, list[np.ndarray]]]:
    """The mel-spectrograms of all channels of a sound that comes in pieces.

    Args:
      pieces: floats `[samples]` or `[samples, channels]`.
      sample_rate_hz: of them.
      channels: of them.
      front_end: the settings.
      **options: of `MelStream`.

    Yields:
      How many samples were taken, and for each channel `[mels, frames]`, maybe without frames; at the end the
      last frames, with 0 samples.

    Raises:
      ValueError: a piece has another form, or holds values that are not finite, or there are no samples.
    """
    resampler = Resampler(sample_rate_hz, front_end.sample_rate_hz, channels)
    streams = [MelStream(front_end, **options) for _ in range(channels)]
    samples = resampled = 0

    def pushed(sound: np.ndarray) -> list[np.ndarray]:
        nothing = np.zeros([front_end.mels, 0], np.float32)
        return [
            np.concatenate([nothing, *stream.push(sound[:, channel])], 1)
            for channel, stream in enumerate(streams)
        ]

    for piece in pieces:
        piece = checked_piece(piece, channels)
        samples += len(piece)
        sound = resampler.push(piece)
        resampled += len(sound)
        yield len(piece), pushed(sound)
    if not samples:
        raise ValueError("a waveform must have one sample or more")
    sound = resampler.finish()
    missing = max(0, front_end.samples(1) - resampled - len(sound))
    last = pushed(np.pad(sound, [(0, missing), (0, 0)]))
    yield 0, [np.concatenate([part, *stream.finish()], 1) for part, stream in zip(last, streams)]


def checked_piece(piece: np.ndarray, channels: int) -> np.ndarray:
    """A piece of a waveform as float32 `[samples, channels]`.

    Raises:
      ValueError: it has another form, or holds values that are not finite.
    """
    piece = np.asarray(piece)
    fits = piece.ndim in (1, 2) and np.issubdtype(piece.dtype, np.floating)
    if not fits or (1 if piece.ndim == 1 else piece.shape[1]) != channels:
        raise ValueError(
            f"a waveform of {channels} channels must be floats [samples, {channels}]"
            f"{' or [samples]' if channels == 1 else ''}, not {piece.dtype.name} {list(piece.shape)}"
        )
    if not np.all(np.isfinite(piece)):
        raise ValueError("the waveform holds values that are not finite numbers (NaN or infinity)")
    return piece.astype(np.float32, copy=False).reshape(len(piece), channels)


def check_sound(sample_rate_hz: int, channels: int) -> None:
    """Sees that sound can have this rate and number of channels.

    Raises:
      ValueError: it cannot.
    """
    if not 1000 <= sample_rate_hz <= 1_000_000 or int(sample_rate_hz) != sample_rate_hz:
        raise ValueError(f"sample_rate_hz must be a whole number from 1000 to 1000000, not {sample_rate_hz}")
    if not 1 <= channels <= MOST_CHANNELS:
        raise ValueError(f"a waveform must have 1 to {MOST_CHANNELS} channels, not {channels}")


def _read(
    mels: list[Spool],
    pieces: Iterable[np.ndarray],
    sample_rate_hz: int,
    front_end: FrontEnd,
    on_progress: Callable[[float], Any],
) -> tuple[int, float]:
    """Spools the mel-spectrogram of each channel: the number of samples, and the largest value."""
    samples, loudest = 0, 0.0
    for count, parts in mel_streams(pieces, sample_rate_hz, len(mels), front_end):
        samples += count
        for spool, part in zip(mels, parts):
            spool.append(part.T)
            loudest = max(loudest, float(part.max(initial=0.0)))
        on_progress(count / sample_rate_hz / 3)
    return samples, loudest
