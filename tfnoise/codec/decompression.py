"""The bytes of a `.tfn` file or stream to sound, piece by piece, in memory that does not grow with it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tfnoise.audio import FrontEnd, Resampler, SoundStream, is_silent
from tfnoise.codec.blocks import BlockSynthesis
from tfnoise.codec.container import (
    BitstreamError,
    Block,
    DamagedBlock,
    Header,
    Kind,
    pack_front_end,
    read_blocks,
    read_header,
    summary,
)
from tfnoise.codec.payload import PayloadCoder
from tfnoise.layers.transforms import TOTAL_STRIDE

ON_DAMAGE = ("raise", "conceal")

HIGHEST_REFERENCE_DB = 300.0
"""Beyond it no sound was coded, and float32 ends soon."""

# More sound than this for a byte is no sound but a forgery: the coarsest steps leave some 20,000 samples at
# 192 kHz. Silence has empty payloads.
_MOST_SAMPLES_PER_BYTE = 65536
_MOST_SILENT_SAMPLES_PER_BYTE = 1 << 19
# That many a file may claim in any case, and that many may be lost.
_FEW_SAMPLES = 1 << 26
_FEW_LOST_SAMPLES = 1 << 24
_MOST_LOST_PER_INTACT = 16
_SILENCE_SAMPLES = 1 << 20


class DecodedBlock(NamedTuple):
    """The symbols of a block.

    Attributes:
      number: its place in the order of the file.
      frames: without padding.
      symbols: int32 `[rows, columns, latents]`, zeros where it is lost.
      step_index: of its quantization.
      kind: how its payload is coded; None where it is lost.
    """

    number: int
    frames: int
    symbols: np.ndarray
    step_index: int
    kind: Kind | None


class SymbolReader:
    """The blocks of a file with their symbols: a header, and an iterator.

    Args:
      stream: at its beginning.
      payloads: of the model that coded it.
      fingerprint: of that model.
      front_end: of that model.
      on_damage: "raise", or "conceal": what is damaged has no symbols, and is listed.

    Attributes:
      header: of the file.
      samples: per channel; None where an open stream has not come to its end.
      problems: a line for each damage so far.

    Raises:
      BitstreamError: it is no .tfn file, another model's, forged, or with on_damage="raise" damaged: at once
        where the stream can seek, otherwise when the reading comes to it.
      ValueError: on_damage is unknown.
    """

    def __init__(
        self,
        stream: BinaryIO,
        payloads: PayloadCoder,
        fingerprint: str,
        front_end: FrontEnd,
        on_damage: str = "raise",
    ):
        if on_damage not in ON_DAMAGE:
            raise ValueError(f"on_damage must be one of {', '.join(ON_DAMAGE)}, not {on_damage!r}")
        self._stream, self._payloads, self._on_damage = stream, payloads, on_damage
        self._front_end = front_end
        self.problems: list[str] = []
        self._begin = stream.tell() if stream.seekable() else 0
        self.header = read_header(stream)
        self.samples = self.header.samples
        self._check_model(fingerprint, front_end)
        if stream.seekable():
            self._check_whole()
        self._lost_samples = self._intact_samples = 0.0

    def __iter__(self) -> Iterator[DecodedBlock]:
        header = self.header
        for item in read_blocks(self._stream, header):
            if isinstance(item, Block):
                self._intact_samples += self._samples_of(item.frames)
                yield self._decoded(item)
            elif isinstance(item, DamagedBlock):
                self._tell(item.problem)
                if item.number is not None and item.frames:
                    yield self._lost(item.number, item.frames)
            else:
                self.samples = item.samples

    def _check_model(self, fingerprint: str, front_end: FrontEnd) -> None:
        header = self.header
        if header.fingerprint != fingerprint:
            raise BitstreamError(
                f"it was coded with the model {header.fingerprint}, and this one is {fingerprint}; "
                "name the model that it was coded with"
            )
        if header.reference_db > HIGHEST_REFERENCE_DB:
            raise BitstreamError(
                f"a level of {header.reference_db:.0f} dB is no sound's; the header is forged"
            )
        if header.front_end != pack_front_end(front_end):
            raise BitstreamError("its front end is not the model's; the header is forged or damaged")

    def _check_whole(self) -> None:
        """Sees that all is intact, if it must be, and that the claims are possible."""
        here = self._stream.seek(0, os.SEEK_CUR)
        size = self._stream.seek(0, os.SEEK_END) - self._begin
        samples = self.header.samples
        if self.header.open or self._on_damage == "raise":
            self._stream.seek(self._begin)
            found = summary(self._stream)
            samples = found.samples
            if self._on_damage == "raise" and not found.intact:
                more = f" (and {found.lost - 1} more)" if found.lost > 1 else ""
                raise BitstreamError(self._refusal(found.first_problem + more))
        self._stream.seek(here)
        check_claim(self.header, samples, size)

    def _decoded(self, block: Block) -> DecodedBlock:
        header = self.header
        step = header.step_index if block.step_index is None else block.step_index
        try:
            symbols = self._payloads.decode(block.kind, block.payload, self._shape(block.frames), step or 0)
        except ValueError as error:
            self._tell(f"block {block.number} cannot be decoded ({error})")
            return self._lost(block.number, block.frames)
        return DecodedBlock(block.number, block.frames, symbols, step or 0, block.kind)

    def _lost(self, number: int, frames: int) -> DecodedBlock:
        self._lost_samples += self._samples_of(frames)
        if self._lost_samples > max(_FEW_LOST_SAMPLES, _MOST_LOST_PER_INTACT * self._intact_samples):
            raise BitstreamError("nearly all of it is damaged or missing; get another copy")
        absent = np.zeros(self._shape(frames), np.int32)
        # Zeros are zeros at any step, and a forged header's may not exist.
        return DecodedBlock(number, frames, absent, 0, None)

    def _shape(self, frames: int) -> tuple[int, int, int]:
        rows = -(-self._front_end.mels // TOTAL_STRIDE)
        return rows, self.header.padded(frames) // TOTAL_STRIDE, self._payloads.latents

    def _samples_of(self, frames: int) -> float:
        front_end = self._front_end
        return frames * front_end.hop * self.header.sample_rate_hz / front_end.sample_rate_hz

    def _tell(self, problem: str) -> None:
        if self._on_damage == "raise":
            raise BitstreamError(self._refusal(problem))
        self.problems.append(problem)

    @staticmethod
    def _refusal(problem: str) -> str:
        return f'{problem}; on_damage="conceal" gives the rest'


def is_silent_header(header: Header) -> bool:
    """Whether a file is silence, whatever its payloads say."""
    return bool(is_silent(header.reference_db))


def check_claim(header: Header, samples: int | None, size_bytes: int) -> None:
    """Sees that a file's bytes may hold as much sound as it claims.

    Args:
      header: of the file.
      samples: per channel; None: not known.
      size_bytes: of the file.

    Raises:
      BitstreamError: they cannot.
    """
    claimed = (samples or 0) * header.channels
    per_byte = _MOST_SILENT_SAMPLES_PER_BYTE if is_silent_header(header) else _MOST_SAMPLES_PER_BYTE
    if claimed <= max(_FEW_SAMPLES, per_byte * size_bytes):
        return
    raise BitstreamError(f"it claims {claimed} samples in {size_bytes} bytes, which cannot be; it is forged")


def sound_pieces(
    reader: SymbolReader,
    dequantize: Callable[..., Any],
    synthesise: Callable[..., Any],
    front_end: FrontEnd,
    iterations: int,
) -> Iterator[np.ndarray]:
    """The sound of a file.

    Args:
      reader: at its first block.
      dequantize: of the model.
      synthesise: of the model.
      front_end: of the model.
      iterations: of the phase reconstruction.

    Yields:
      float32 `[samples, channels]`, at the original's rate and all together exactly of its length.

    Raises:
      BitstreamError: as `SymbolReader`.
    """
    header = reader.header
    given = 0
    for piece in _resampled(reader, dequantize, synthesise, front_end, iterations):
        if reader.samples is not None:
            piece = piece[: reader.samples - given]
        given += len(piece)
        if len(piece):
            yield piece
    while given < (reader.samples or 0):
        count = min(reader.samples - given, _SILENCE_SAMPLES)
        given += count
        yield np.zeros([count, header.channels], np.float32)


def _resampled(
    reader: SymbolReader,
    dequantize: Callable[..., Any],
    synthesise: Callable[..., Any],
    front_end: FrontEnd,
    iterations: int,
) -> Iterator[np.ndarray]:
    """The sound at the original's rate, a little longer or shorter."""
    header = reader.header
    silent = is_silent_header(header)
    channels = []
    for _ in range(header.channels):
        synthesis = BlockSynthesis(dequantize, synthesise)
        sound = SoundStream(front_end, header.reference_db, iterations)
        channels.append(_Channel(synthesis, sound, front_end.mels))
    resampler = Resampler(front_end.sample_rate_hz, header.sample_rate_hz, header.channels)
    sounds: list[np.ndarray] = []
    block = None
    for block in reader:
        if silent:
            continue
        sounds.append(channels[header.channel(block.number)].push(block))
        if len(sounds) == header.channels:
            yield resampler.push(np.stack(sounds, 1))
            sounds = []
    if silent or block is None:
        return
    # An open stream may have been cut short between two channels.
    for number in range(len(sounds), header.channels) if sounds else ():
        sounds.append(channels[number].push(block._replace(kind=None)))
    if sounds:
        yield resampler.push(np.stack(sounds, 1))
    samples = None
    if reader.samples is not None:
        samples = max(1, math.ceil(reader.samples * front_end.sample_rate_hz / header.sample_rate_hz))
    yield resampler.push(np.stack([channel.finish(samples) for channel in channels], 1))
    yield resampler.finish()


class _Channel:
    """Blocks of one channel to its waveform; a lost block is silence."""

    def __init__(self, synthesis: BlockSynthesis, sound: SoundStream, mels: int):
        self._synthesis, self._sound, self._mels = synthesis, sound, mels
        self._latest: DecodedBlock | None = None

    def push(self, block: DecodedBlock) -> np.ndarray:
        """Takes the next block: float32 `[samples]` of those before it."""
        before, self._latest = self._latest, block
        image = self._synthesis.push(block.symbols, block.step_index)
        return (
            np.zeros(0, np.float32) if before is None else np.concatenate(list(self._pieces(image, before)))
        )

    def finish(self, samples: int | None) -> np.ndarray:
        """The rest of `samples` in all."""
        last = self._pieces(self._synthesis.finish(), self._latest)
        return np.concatenate([*last, *self._sound.finish(samples)])

    def _pieces(self, image: np.ndarray, block: DecodedBlock) -> Iterator[np.ndarray]:
        image = image[: self._mels, : block.frames]
        yield np.zeros(0, np.float32)
        yield from self._sound.push(np.zeros_like(image) if block.kind is None else image)
