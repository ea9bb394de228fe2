"""The bytes of a `.tfn` file or stream to sound, piece by piece, in memory that does not grow with it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tfnoise.audio import Resampler, SoundStream, is_silent
from tfnoise.codec.blocks import BlockSynthesis
from tfnoise.codec.entropy import PayloadCoder
from tfnoise.codec.format import (
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
from tfnoise.codec.frozen import LoadedModel
from tfnoise.layers.transforms import TOTAL_STRIDE

ON_DAMAGE = ("raise", "conceal")

HIGHEST_REFERENCE_DB = 300.0
"""No sound was coded with a higher reference, and float32 ends soon beyond."""

# No intact file has more samples for a byte: the coarsest steps leave some 20,000 samples at 192 kHz. Silence
# has empty payloads.
_MOST_SAMPLES_PER_BYTE = 65536
_MOST_SILENT_SAMPLES_PER_BYTE = 1 << 19
# So many a file may claim in any case, and so many may be lost.
_FEW_SAMPLES = 1 << 26
_FEW_LOST_SAMPLES = 1 << 24
_MOST_LOST_PER_INTACT = 16
_SILENCE_SAMPLES = 1 << 20


class DecodedBlock(NamedTuple):
    """The symbols of a block.

    Attributes:
      number: its place in the order of the file.
      frames: number of frames, without padding.
      symbols: int32 `[rows, columns, latents]`, zeros where it is lost.
      step_index: index of its quantization step.
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
      stream: a stream at the file's beginning.
      model: the model that coded it.
      payloads: the model's coder of payloads.
      on_damage: "raise", or "conceal": damaged blocks have no symbols, and are listed.

    Attributes:
      header: header of the file.
      samples: samples per channel; None where an open stream has not come to its end.
      problems: a line for each damage so far.

    Raises:
      BitstreamError: it is no .tfn file, another model's, corrupt, or with on_damage="raise" damaged: at once
        where the stream can seek, otherwise when the reading comes to it.
      ValueError: on_damage is unknown.
    """

    def __init__(
        self, stream: BinaryIO, model: LoadedModel, payloads: PayloadCoder, on_damage: str = "raise"
    ):
        if on_damage not in ON_DAMAGE:
            raise ValueError(f"on_damage must be one of {', '.join(ON_DAMAGE)}, not {on_damage!r}")
        self._stream, self._payloads, self._on_damage = stream, payloads, on_damage
        self._front_end = model.front_end
        self.problems: list[str] = []
        begin = stream.tell() if stream.seekable() else 0
        self.header = read_header(stream)
        self.samples = self.header.samples
        self._check_model(model.settings["fingerprint"])
        if stream.seekable():
            self._check_whole(begin)
        self._lost_samples = self._intact_samples = 0.0

    def __iter__(self) -> Iterator[DecodedBlock]:
        header = self.header
        for item in read_blocks(self._stream, header):
            if isinstance(item, Block):
                self._intact_samples += self._samples_of(item.frames)
                yield self._decoded(item)
            elif isinstance(item, DamagedBlock):
                self._report(item.problem)
                if item.number is not None and item.frames:
                    yield self._lost(item.number, item.frames)
            else:
                self.samples = item.samples

    def _check_model(self, fingerprint: str) -> None:
        header = self.header
        if header.fingerprint != fingerprint:
            raise BitstreamError(
                f"it was coded with the model {header.fingerprint}, and this one is {fingerprint}; "
                "name the model that it was coded with"
            )
        if header.reference_db > HIGHEST_REFERENCE_DB:
            raise BitstreamError(
                f"a reference of {header.reference_db:.0f} dB is too high for sound; the header is corrupt"
            )
        if header.front_end != pack_front_end(self._front_end):
            raise BitstreamError("its front end is not the model's; the header is corrupt")

    def _check_whole(self, begin: int) -> None:
        """Checks that all is intact, if it must be, and that the claimed length is possible."""
        here = self._stream.tell()
        size = self._stream.seek(0, os.SEEK_END) - begin
        samples = self.header.samples
        if self.header.open or self._on_damage == "raise":
            self._stream.seek(begin)
            counts = summary(self._stream)
            samples = counts.samples
            if not counts.intact and self._on_damage == "raise":
                more = f" (and {counts.lost - 1} more)" if counts.lost > 1 else ""
                self._report(counts.first_problem + more)
        self._stream.seek(here)
        check_claim(self.header, samples, size)

    def _decoded(self, block: Block) -> DecodedBlock:
        step = (self.header.step_index if block.step_index is None else block.step_index) or 0
        try:
            symbols = self._payloads.decode(block.kind, block.payload, self._shape(block.frames), step)
        except ValueError as error:
            self._report(f"block {block.number} cannot be decoded ({error})")
            return self._lost(block.number, block.frames)
        return DecodedBlock(block.number, block.frames, symbols, step, block.kind)

    def _lost(self, number: int, frames: int) -> DecodedBlock:
        self._lost_samples += self._samples_of(frames)
        if self._lost_samples > max(_FEW_LOST_SAMPLES, _MOST_LOST_PER_INTACT * self._intact_samples):
            raise BitstreamError("nearly all of it is damaged or missing; get another copy")
        absent = np.zeros(self._shape(frames), np.int32)
        # Zeros are zeros at any step, and a corrupt header's may not exist.
        return DecodedBlock(number, frames, absent, 0, None)

    def _shape(self, frames: int) -> tuple[int, int, int]:
        rows = -(-self._front_end.mels // TOTAL_STRIDE)
        return rows, self.header.padded(frames) // TOTAL_STRIDE, self._payloads.latents

    def _samples_of(self, frames: int) -> float:
        front_end = self._front_end
        return frames * front_end.hop * self.header.sample_rate_hz / front_end.sample_rate_hz

    def _report(self, problem: str) -> None:
        if self._on_damage == "raise":
            raise BitstreamError(f'{problem}; on_damage="conceal" gives the rest')
        self.problems.append(problem)


def check_claim(header: Header, samples: int | None, size_bytes: int) -> None:
    """Raises BitstreamError where `size_bytes` cannot hold as many samples per channel (None: unknown)."""
    claimed = (samples or 0) * header.channels
    silent = is_silent(header.reference_db)
    per_byte = _MOST_SILENT_SAMPLES_PER_BYTE if silent else _MOST_SAMPLES_PER_BYTE
    if claimed > max(_FEW_SAMPLES, per_byte * size_bytes):
        raise BitstreamError(
            f"{claimed} samples are inconsistent with the file's {size_bytes} bytes; the header is corrupt"
        )


class DecodedSound:
    """The sound of a `.tfn` stream, to be iterated over once: float32 `[samples, channels]` pieces.

    The pieces are at the original's rate and all together exactly of its length.

    Args:
      reader: reader of the stream, at its first block.
      model: the model that coded it.
      synthesise: the model's synthesis, in any precision.
      iterations: iterations of the phase reconstruction.

    Raises:
      BitstreamError: while iterating, as `SymbolReader`.
    """

    def __init__(
        self, reader: SymbolReader, model: LoadedModel, synthesise: Callable[..., Any], iterations: int
    ):
        self._reader, self._front_end, self._iterations = reader, model.front_end, iterations
        self._dequantize, self._synthesise = model.module.dequantize, synthesise

    @property
    def header(self) -> Header:
        """The stream's header: sample_rate_hz, channels, samples and more."""
        return self._reader.header

    @property
    def problems(self) -> list[str]:
        """A line for each damage, as far as the sound was read."""
        return self._reader.problems

    def __iter__(self) -> Iterator[np.ndarray]:
        reader, count = self._reader, 0
        for piece in self._resampled():
            if reader.samples is not None:
                piece = piece[: reader.samples - count]
            count += len(piece)
            if len(piece):
                yield piece
        while count < (reader.samples or 0):
            silence = np.zeros([min((reader.samples or 0) - count, _SILENCE_SAMPLES), self.header.channels])
            count += len(silence)
            yield silence.astype(np.float32)

    def _resampled(self) -> Iterator[np.ndarray]:
        """The sound at the original's rate, a little longer or shorter."""
        reader, header, front_end = self._reader, self.header, self._front_end
        channels = []
        for _ in range(header.channels):
            sound = SoundStream(front_end, header.reference_db, self._iterations)
            synthesis = BlockSynthesis(self._dequantize, self._synthesise)
            channels.append(_Channel(synthesis, sound, front_end.mels))
        resampler = Resampler(front_end.sample_rate_hz, header.sample_rate_hz, header.channels)
        silent = is_silent(header.reference_db)
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
        image = self._synthesis.push(block.symbols, block.step_index)
        pieces = list(self._pieces(image))
        self._latest = block
        return np.concatenate(pieces)

    def finish(self, samples: int | None) -> np.ndarray:
        """The rest of `samples` in all."""
        return np.concatenate([*self._pieces(self._synthesis.finish()), *self._sound.finish(samples)])

    def _pieces(self, image: np.ndarray | None) -> Iterator[np.ndarray]:
        yield np.zeros(0, np.float32)
        if image is not None and self._latest is not None:
            image = image[: self._mels, : self._latest.frames]
            yield from self._sound.push(np.zeros_like(image) if self._latest.kind is None else image)
