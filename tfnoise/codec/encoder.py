"""Sound to the bytes of a `.tfn` file or stream, in memory that does not grow with it.

A file has one reference and one step, found in passes: the peak, the rates, the symbols. Between the passes
the mel-spectrogram and then the latents lie in temporary files, so that nothing is computed twice and nothing
is held whole. A stream has a fixed reference, and a step for each block.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf

from tfnoise.audio import (
    FrontEnd,
    MelStream,
    Resampler,
    image_to_mel,
    is_silent,
    mel_to_image,
    reference_db,
)
from tfnoise.audio.files import LARGEST_VALUE
from tfnoise.codec.blocks import (
    BLOCK_FRAMES,
    CONTEXT_FRAMES,
    BlockSynthesis,
    analyse_block,
    check_block_frames,
    with_context,
)
from tfnoise.codec.disk_array import DiskArray
from tfnoise.codec.entropy import PayloadCoder
from tfnoise.codec.format import (
    Block,
    End,
    Header,
    Kind,
    pack_front_end,
    write_block,
    write_end,
    write_header,
)
from tfnoise.codec.format.header import MOST_CHANNELS
from tfnoise.codec.frozen import LoadedModel
from tfnoise.codec.level_correction import correction_db, energy, full_scale_db
from tfnoise.codec.step_choice import CODER_MARGIN_BITS, search_step
from tfnoise.errors import InputError
from tfnoise.layers.transforms import TOTAL_STRIDE

STREAM_BLOCK_FRAMES = 256
"""Frames of a block of an open stream: 4 s with the default front end."""

# Of more blocks in a channel two of four: synthesis takes a third of the time, and half of the sound has the
# same level.
_ALL_BLOCKS_MEASURED = 4


@dataclass(frozen=True)
class CompressionJob:
    """How a sound is compressed; valid once it exists.

    Attributes:
      model: the model that codes.
      payloads: the model's coder of payloads.
      sample_rate_hz: sample rate of the sound, 1,000 to 1,000,000.
      channels: channels of the sound, 1 to 255.
      bpp: the most bits per pixel that are requested; None: the rate that the model was trained for.
      downmixed: whether the original had more channels.

    Raises:
      ValueError: the rate, the channels or bpp are out of range.
      InputError: bpp is requested of a model with a fixed rate.
    """

    model: LoadedModel
    payloads: PayloadCoder
    sample_rate_hz: int
    channels: int = 1
    bpp: float | None = None
    downmixed: bool = False

    def __post_init__(self) -> None:
        rate_hz, bpp = self.sample_rate_hz, self.bpp
        if not 1000 <= rate_hz <= 1_000_000 or int(rate_hz) != rate_hz:
            raise ValueError(f"sample_rate_hz must be a whole number from 1000 to 1000000, not {rate_hz}")
        object.__setattr__(self, "sample_rate_hz", int(rate_hz))
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise ValueError(f"a waveform must have 1 to {MOST_CHANNELS} channels, not {self.channels}")
        if bpp is not None and not (math.isfinite(bpp) and bpp > 0):
            raise ValueError(f"bpp must be above 0, not {bpp}")
        if bpp is not None and self.model.settings["architecture"]["bottleneck"] == "levels":
            rate = f"always at {self.model.bpp:g} bpp"
            raise InputError(f"{self.model.path}: codes with fixed levels, {rate}; leave bpp out")

    @property
    def front_end(self) -> FrontEnd:
        """The model's front end."""
        return self.model.front_end

    @property
    def target_bpp(self) -> float:
        """The most bits per pixel."""
        return self.model.bpp if self.bpp is None else self.bpp

    def header(self, **fields: Any) -> Header:
        """A header with the job's fields and others."""
        return Header(
            fingerprint=self.model.settings["fingerprint"],
            front_end=pack_front_end(self.front_end),
            sample_rate_hz=self.sample_rate_hz,
            channels=self.channels,
            downmixed=self.downmixed,
            frame_multiple=TOTAL_STRIDE,
            **fields,
        )


def write_compressed(
    sink: BinaryIO, pieces: Iterable[np.ndarray], job: CompressionJob, on_progress: Callable[[float], Any]
) -> None:
    """Writes a whole `.tfn` file; see `Codec.compress_to`."""
    with contextlib.ExitStack() as arrays:
        passes = _Passes(job, arrays, on_progress)
        samples = passes.read(pieces)
        passes.analyse()
        step = passes.choose_step()
        header = job.header(
            reference_db=passes.reference_db + passes.level_correction_db(step),
            samples=samples,
            frames=passes.frames,
            frames_per_block=BLOCK_FRAMES,
            step_index=step,
        )
        sink.write(write_header(header))
        for block in passes.encode(step):
            sink.write(write_block(block, header))
            passes.report(block.frames, "encode")


class _Passes:
    """The passes over a sound, methods in their order.

    Attributes:
      frames: frames of the image, known when the sound was read.
      reference_db: the sound's peak, likewise.
    """

    # The share of the time that each pass takes, roughly.
    _SHARES = {"read": 0.2, "analyse": 0.5, "level": 0.2, "encode": 0.1}

    def __init__(
        self, job: CompressionJob, arrays: contextlib.ExitStack, on_progress: Callable[[float], Any]
    ):
        self._job, self._arrays, self._on_progress = job, arrays, on_progress
        self._module, self._front_end, self._channels = job.model.module, job.front_end, job.channels
        self._mels = [arrays.enter_context(DiskArray((self._front_end.mels,))) for _ in range(job.channels)]
        # Known at the first latent.
        self._latents: DiskArray
        self.frames, self.reference_db = 0, 0.0

    def read(self, pieces: Iterable[np.ndarray]) -> int:
        """Stores the mel-spectrograms, and gives the number of samples."""
        samples, loudest = 0, 0.0
        for count, parts in _mel_streams(pieces, self._job):
            samples += count
            for array, part in zip(self._mels, parts):
                array.append(part.T)
                loudest = max(loudest, float(part.max(initial=0.0)))
            self._on_progress(count / self._job.sample_rate_hz * self._SHARES["read"])
        self.frames = len(self._mels[0])
        self.reference_db = float(reference_db(np.full([1, 1], loudest, np.float32), self._front_end))
        return samples

    def analyse(self) -> None:
        """Stores the latents."""
        for number, first, frames in self._blocks():
            begin, end = with_context(first, first + frames)
            image = mel_to_image(
                self._mel(number % self._channels, begin, end), self.reference_db, self._front_end
            ).numpy()
            latent = analyse_block(self._module, image, first - begin, frames)
            if number == 0:
                rows, _, depth = latent.shape
                self._latents = self._arrays.enter_context(DiskArray((rows, depth)))
            self._latents.append(latent.swapaxes(0, 1))
            self.report(frames, "analyse")

    def choose_step(self) -> int:
        """The index of the finest step at or under the job's rate; InputError if a requested one has none."""
        bpp, payloads = self._job.bpp, self._job.payloads
        coarsest = payloads.steps - 1
        if is_silent(self.reference_db):
            # It is decoded to silence whatever the symbols are.
            return coarsest

        def bits(step: int) -> float:
            return math.fsum(payloads.sufficient_bits(symbols, step) for symbols in self._symbols(step))

        def payload_bits(step: int) -> int:
            return sum(8 * len(block.payload) for block in self.encode(step))

        pixels = self.frames * self._front_end.mels * self._channels
        strings = self._channels * -(-self.frames // BLOCK_FRAMES)
        step, fits = search_step(coarsest + 1, self._job.target_bpp * pixels, strings, bits, payload_bits)
        if not fits and bpp is not None and coarsest:
            least = (payload_bits(coarsest) + CODER_MARGIN_BITS * strings) / pixels
            least = math.ceil(1e4 * least) / 1e4
            raise InputError(f"{bpp:g} bpp: the coarsest step gives {least:.4f}; ask for that or more")
        return step

    def level_correction_db(self, step: int) -> float:
        """The difference of the file's reference from the sound's peak; see `correction_db`."""
        if is_silent(self.reference_db):
            return 0.0
        front_end, energies = self._front_end, [0.0, 0.0]
        all_measured = self.frames <= _ALL_BLOCKS_MEASURED * BLOCK_FRAMES
        # By channel, while its blocks follow one another: the synthesis and the frames of its latest block.
        syntheses: dict[int, BlockSynthesis] = {}
        latest: dict[int, tuple[int, int]] = {}

        def add(channel: int, image: np.ndarray | None) -> None:
            if image is not None:
                first, frames = latest[channel]
                mel = tf.constant(self._mel(channel, first, first + frames))
                decoded = image_to_mel(image[: front_end.mels, :frames], self.reference_db, front_end)
                for index, spectrogram in enumerate((mel, decoded)):
                    energies[index] += float(energy(spectrogram, front_end))

        for (number, first, frames), symbols in zip(self._blocks(), self._symbols(step)):
            block, channel = divmod(number, self._channels)
            self.report(frames, "level")
            if all_measured or block % 4 < 2:
                synthesis = BlockSynthesis(self._module.dequantize, self._module.synthesise)
                add(channel, syntheses.setdefault(channel, synthesis).push(symbols, step))
                latest[channel] = first, frames
            elif channel in syntheses:
                add(channel, syntheses.pop(channel).finish())
        for channel, synthesis in syntheses.items():
            add(channel, synthesis.finish())
        return float(correction_db(*energies))

    def encode(self, step: int) -> Iterator[Block]:
        """The blocks of the file."""
        if is_silent(self.reference_db):
            # It is decoded to silence whatever the symbols are, and no bytes decode to some.
            for number, _, frames in self._blocks():
                yield Block(number, frames, Kind.RANGE_CODED, b"")
            return
        for (number, _, frames), symbols in zip(self._blocks(), self._symbols(step)):
            yield Block(number, frames, *self._job.payloads.encode(symbols, step))

    def report(self, frames: int, what: str) -> None:
        """Reports a pass's progress."""
        seconds = frames * self._front_end.hop / self._front_end.sample_rate_hz / self._channels
        self._on_progress(seconds * self._SHARES[what])

    def _blocks(self) -> Iterator[tuple[int, int, int]]:
        """The number, first frame and frames of each block."""
        for first in range(0, self.frames, BLOCK_FRAMES):
            for channel in range(self._channels):
                number = first // BLOCK_FRAMES * self._channels + channel
                yield number, first, min(BLOCK_FRAMES, self.frames - first)

    def _mel(self, channel: int, first: int, last: int) -> np.ndarray:
        return np.ascontiguousarray(self._mels[channel].read(first, last).T)

    def _symbols(self, step: int) -> Iterator[np.ndarray]:
        """The symbols of each block, int32 `[rows, columns, latents]`."""
        place, choice = 0, tf.constant([step])
        for _, _, frames in self._blocks():
            columns = -(-frames // TOTAL_STRIDE)
            latent = self._latents.read(place, place + columns).swapaxes(0, 1)
            place += columns
            yield self._module.symbols(latent[None], choice).numpy()[0]


def compressed_stream(
    pieces: Iterable[np.ndarray], job: CompressionJob, reference_db: float | None, block_frames: int
) -> Iterator[bytes]:
    """The bytes of an open stream; see `Codec.compress_stream`."""
    check_block_frames(block_frames)
    front_end, channels, module = job.front_end, job.channels, job.model.module
    header = job.header(
        reference_db=full_scale_db(front_end) if reference_db is None else reference_db,
        samples=None,
        frames=None,
        frames_per_block=block_frames,
        fixed_reference=True,
    )
    yield write_header(header)
    # By channel, from the context before the next block on.
    images = [np.zeros([front_end.mels, 0, 1], np.float32) for _ in range(channels)]
    samples = frames = before = number = 0

    def blocks(ended: bool) -> Iterator[bytes]:
        nonlocal images, frames, before, number
        context = 0 if ended else CONTEXT_FRAMES
        while (remaining := images[0].shape[1] - before) and (ended or remaining >= block_frames + context):
            count = min(remaining, block_frames)
            for image in images:
                part = image[:, : before + count + CONTEXT_FRAMES]
                latent = analyse_block(module, part, before, count)
                coded = job.payloads.encode_latent(latent, job.target_bpp * front_end.mels * count)
                yield write_block(Block(number, count, *coded), header)
                number += 1
            frames += count
            kept = max(0, before + count - CONTEXT_FRAMES)
            images = [image[:, kept:] for image in images]
            before = before + count - kept

    for count, parts in _mel_streams(pieces, job, frames_at_once=block_frames):
        samples += count
        more = [mel_to_image(part, header.reference_db, front_end).numpy() for part in parts]
        images = [np.concatenate(pair, 1) for pair in zip(images, more)]
        yield from blocks(ended=False)
    yield from blocks(ended=True)
    yield write_end(End(samples, frames), header)


def _mel_streams(
    pieces: Iterable[np.ndarray], job: CompressionJob, **options: Any
) -> Iterator[tuple[int, list[np.ndarray]]]:
    """The number of samples of each piece, and each channel's `[mels, frames]` that are complete by then.

    The last frames come with 0 samples at the end. Options are those of `MelStream`.

    Raises:
      ValueError: a piece has another form, or holds values that are not finite, or there are no samples.
    """
    front_end, channels = job.front_end, job.channels
    resampler = Resampler(job.sample_rate_hz, front_end.sample_rate_hz, channels)
    streams = [MelStream(front_end, **options) for _ in range(channels)]
    samples = resampled = 0

    def pushed(sound: np.ndarray) -> list[np.ndarray]:
        nothing = np.zeros([front_end.mels, 0], np.float32)
        return [
            np.concatenate([nothing, *stream.push(sound[:, channel])], 1)
            for channel, stream in enumerate(streams)
        ]

    for piece in pieces:
        piece = _checked_piece(piece, channels)
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


def _checked_piece(piece: np.ndarray, channels: int) -> np.ndarray:
    """A piece of a waveform as float32 `[samples, channels]`; ValueError if it cannot be."""
    piece = np.asarray(piece)
    fits = piece.ndim in (1, 2) and np.issubdtype(piece.dtype, np.floating)
    if not fits or (1 if piece.ndim == 1 else piece.shape[1]) != channels:
        raise ValueError(
            f"a waveform of {channels} channels must be floats [samples, {channels}]"
            f"{' or [samples]' if channels == 1 else ''}, not {piece.dtype.name} {list(piece.shape)}"
        )
    if not np.all(np.isfinite(piece)):
        raise ValueError("the waveform holds values that are not finite numbers (NaN or infinity)")
    loudest = float(np.max(np.abs(piece), initial=0.0))
    if loudest > LARGEST_VALUE:
        raise ValueError(f"the waveform's values reach {loudest:.1e} where full scale is 1")
    return piece.astype(np.float32, copy=False).reshape(len(piece), channels)
