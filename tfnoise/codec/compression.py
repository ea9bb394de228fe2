"""Sound to the bytes of a `.tfn` file, in passes of flat memory: the peak, the rates, the symbols.

A file has one reference and one step. Between the passes the mel-spectrogram and then the latents lie in
temporary files, so that nothing is computed twice and nothing is held whole.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf

from tfnoise.audio import FrontEnd, MelStream, Resampler, is_silent, mel_to_image, reference_db
from tfnoise.audio.files import LARGEST_VALUE
from tfnoise.codec.blocks import BLOCK_FRAMES, BlockSynthesis, analyse_block, with_context
from tfnoise.codec.container import Block, Header, Kind, pack_front_end, write_block, write_header
from tfnoise.codec.disk_array import DiskArray
from tfnoise.codec.header import MOST_CHANNELS
from tfnoise.codec.loading import LoadedModel
from tfnoise.codec.loudness import Loudness
from tfnoise.codec.payload import PayloadCoder
from tfnoise.codec.rate_choice import CODER_MARGIN_BITS, choose_step_by_coding
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
    with contextlib.ExitStack() as spools:
        passes = _Passes(model, payloads, channels, spools, on_progress)
        samples = passes.read(pieces, sample_rate_hz)
        passes.analyse()
        step = passes.choose_step(bpp)
        header = Header(
            fingerprint=model.settings["fingerprint"],
            front_end=pack_front_end(model.front_end),
            reference_db=passes.reference_db + passes.loudness_correction_db(step),
            sample_rate_hz=sample_rate_hz,
            samples=samples,
            frames=passes.frames,
            frames_per_block=BLOCK_FRAMES,
            channels=channels,
            frame_multiple=TOTAL_STRIDE,
            step_index=step,
            downmixed=downmixed,
        )
        sink.write(write_header(header))
        for block in passes.encode(step):
            sink.write(write_block(block, header))
            passes.tell(block.frames, "encode")


# Synthesis takes a third of the time, and half a minute tells as much as a minute.
_ALL_JUDGED = 4


class _Passes:
    """What is done with a sound one after another; each a method, in their order.

    Attributes:
      frames: of the image, known when the sound was read.
      reference_db: the sound's peak, likewise.
    """

    # What share of the time each pass takes, roughly.
    _SHARES = {"read": 0.2, "analyse": 0.5, "loudness": 0.2, "encode": 0.1}

    def __init__(
        self,
        model: LoadedModel,
        payloads: PayloadCoder,
        channels: int,
        spools: contextlib.ExitStack,
        on_progress: Callable[[float], Any],
    ):
        self._model, self._module, self._payloads = model, model.module, payloads
        self._front_end, self._channels = model.front_end, channels
        self._spools, self._on_progress = spools, on_progress
        self._mels = [spools.enter_context(DiskArray((self._front_end.mels,))) for _ in range(channels)]
        self._latents: DiskArray | None = None
        self.frames, self.reference_db = 0, 0.0

    def read(self, pieces: Iterable[np.ndarray], sample_rate_hz: int) -> int:
        """Spools the mel-spectrograms, and gives the number of samples."""
        samples, loudest = 0, 0.0
        for count, parts in mel_streams(pieces, sample_rate_hz, self._channels, self._front_end):
            samples += count
            for spool, part in zip(self._mels, parts):
                spool.append(part.T)
                loudest = max(loudest, float(part.max(initial=0.0)))
            self._on_progress(count / sample_rate_hz * self._SHARES["read"])
        self.frames = len(self._mels[0])
        self.reference_db = float(reference_db(np.full([1, 1], loudest, np.float32), self._front_end))
        return samples

    def analyse(self) -> None:
        """Spools the latents."""
        for number, first, frames in self._blocks():
            begin, end = with_context(first, first + frames)
            image = mel_to_image(self._mel(number, begin, end), self.reference_db, self._front_end).numpy()
            latent = analyse_block(self._module, image, first - begin, frames)
            if self._latents is None:
                rows, _, depth = latent.shape
                self._latents = self._spools.enter_context(DiskArray((rows, depth)))
            self._latents.append(latent.swapaxes(0, 1))
            self.tell(frames, "analyse")

    def choose_step(self, bpp: float | None) -> int:
        """The index of the finest step at or under a rate, None for the model's own.

        Raises:
          InputError: there is none at or under the rate that was asked for.
        """
        coarsest = self._payloads.steps - 1
        if is_silent(self.reference_db):
            # It comes back as silence whatever the symbols say.
            return coarsest

        def bits_of(step: int) -> float:
            return math.fsum(self._payloads.sufficient_bits(symbols, step) for symbols in self._symbols(step))

        def payload_bits(step: int) -> int:
            return sum(8 * len(block.payload) for block in self.encode(step))

        pixels = self.frames * self._front_end.mels * self._channels
        strings = self._channels * -(-self.frames // BLOCK_FRAMES)
        rate = self._model.bpp if bpp is None else bpp
        step, fits = choose_step_by_coding(coarsest + 1, rate * pixels, strings, bits_of, payload_bits)
        if not fits and bpp is not None and coarsest:
            least = (payload_bits(coarsest) + CODER_MARGIN_BITS * strings) / pixels
            least = math.ceil(1e4 * least) / 1e4
            raise InputError(f"{bpp:g} bpp: the coarsest step gives {least:.4f}; ask for that or more")
        return step

    def loudness_correction_db(self, step: int) -> float:
        """What the file's reference has to differ from the sound's peak by; see `Loudness`."""
        if is_silent(self.reference_db):
            return 0.0
        loudness = Loudness(self._front_end, self.reference_db)
        judged_by = _judged_blocks(-(-self.frames // BLOCK_FRAMES))
        channels: dict[int, BlockSynthesis] = {}
        held: dict[int, tuple[int, int, int]] = {}

        def add(channel: int, image: np.ndarray | None) -> None:
            if image is not None:
                number, first, frames = held[channel]
                mel = self._mel(number, first, first + frames)
                loudness.add(mel, image[: self._front_end.mels, :frames])

        for block, symbols in zip(self._blocks(), self._symbols(step)):
            channel = block[0] % self._channels
            self.tell(block[2], "loudness")
            if block[0] // self._channels in judged_by:
                module = self._module
                synthesis = channels.setdefault(channel, BlockSynthesis(module.dequantize, module.synthesise))
                add(channel, synthesis.push(symbols, step))
                held[channel] = block
            elif channel in channels:
                add(channel, channels.pop(channel).finish())
        for channel, synthesis in channels.items():
            add(channel, synthesis.finish())
        return loudness.correction_db

    def encode(self, step: int) -> Iterator[Block]:
        """The blocks of the file."""
        if is_silent(self.reference_db):
            # It comes back as silence whatever the symbols are, and of no bytes they are some.
            for number, _, frames in self._blocks():
                yield Block(number, frames, Kind.RANGE_CODED, b"")
            return
        for (number, _, frames), symbols in zip(self._blocks(), self._symbols(step)):
            yield Block(number, frames, *self._payloads.encode(symbols, step))

    def tell(self, frames: int, what: str) -> None:
        """Tells of a pass's progress."""
        seconds = frames * self._front_end.hop / self._front_end.sample_rate_hz / self._channels
        self._on_progress(seconds * self._SHARES[what])

    def _blocks(self) -> Iterator[tuple[int, int, int]]:
        """Of each block its number, first frame and frames."""
        for first in range(0, self.frames, BLOCK_FRAMES):
            for channel in range(self._channels):
                number = first // BLOCK_FRAMES * self._channels + channel
                yield number, first, min(BLOCK_FRAMES, self.frames - first)

    def _mel(self, number: int, first: int, last: int) -> np.ndarray:
        return np.ascontiguousarray(self._mels[number % self._channels].read(first, last).T)

    def _symbols(self, step: int) -> Iterator[np.ndarray]:
        """Of each block, int32 `[rows, columns, latents]`."""
        place, choice = 0, tf.constant([step])
        for _, _, frames in self._blocks():
            columns = -(-frames // TOTAL_STRIDE)
            latent = self._latents.read(place, place + columns).swapaxes(0, 1)
            place += columns
            yield self._module.symbols(latent[None], choice).numpy()[0]


def _judged_blocks(count: int) -> set[int]:
    """The blocks of a channel that its loudness is judged by: all of a few, two of four of many."""
    return {block for block in range(count) if count <= _ALL_JUDGED or block % 4 < 2}


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
    loudest = float(np.max(np.abs(piece), initial=0.0))
    if loudest > LARGEST_VALUE:
        raise ValueError(f"the waveform's values reach {loudest:.1e} where full scale is 1")
    return piece.astype(np.float32, copy=False).reshape(len(piece), channels)


def check_sound(sample_rate_hz: float, channels: int) -> int:
    """Sees that sound can have this rate and number of channels, and gives the rate.

    Raises:
      ValueError: it cannot.
    """
    if not 1000 <= sample_rate_hz <= 1_000_000 or int(sample_rate_hz) != sample_rate_hz:
        raise ValueError(f"sample_rate_hz must be a whole number from 1000 to 1000000, not {sample_rate_hz}")
    if not 1 <= channels <= MOST_CHANNELS:
        raise ValueError(f"a waveform must have 1 to {MOST_CHANNELS} channels, not {channels}")
    return int(sample_rate_hz)
