"""Sound to bytes and back by one model."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfnoise.audio import FrontEnd, is_silent
from tfnoise.audio.phase import ITERATIONS
from tfnoise.codec.blocks import BLOCK_FRAMES
from tfnoise.codec.decoder import DecodedSound, SymbolReader
from tfnoise.codec.encoder import STREAM_BLOCK_FRAMES, CompressionJob, compressed_stream, write_compressed
from tfnoise.codec.entropy import PayloadCoder
from tfnoise.codec.format import (
    BitstreamError,
    Block,
    Header,
    Kind,
    bitstring,
    pack_front_end,
    write_block,
    write_header,
)
from tfnoise.codec.frozen import LoadedModel, load, synthesis_in
from tfnoise.layers.transforms import TOTAL_STRIDE


class Codec:
    """Codes waveforms with a model.

        codec = Codec.load("saved_models/best")                 # exported by bin/train
        data = codec.compress(waveform, sample_rate_hz)         # a whole .tfn file
        waveform, sample_rate_hz = codec.decompress(data)       # the original's rate and length

    Long sound goes in pieces (`compress_to`, `decompress_from`), sound without an end through
    `compress_stream`. docs/format.md describes the bytes of a file.

    Args:
      model: a loaded model.
      precision: precision of the synthesis, "float32" or "bfloat16"; it changes the sound a little, never the
        symbols.

    Attributes:
      model: the model.

    Raises:
      ValueError: the precision is unknown.
    """

    def __init__(self, model: LoadedModel, precision: str = "float32"):
        self.model = model
        self._payloads = PayloadCoder(model.module, model.settings["architecture"])
        self._synthesise = synthesis_in(precision, model)

    @classmethod
    def load(cls, path: str | Path, precision: str = "float32") -> Codec:
        """The codec of an exported model, `EXPORT_DIR/NAME` (highest version) or `EXPORT_DIR/NAME/VERSION`.

        Raises:
          InputError: there is no such model.
        """
        return cls(load(path), precision)

    @property
    def front_end(self) -> FrontEnd:
        """The front end of the model."""
        return self.model.front_end

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the model, 32 hexadecimal digits."""
        return self.model.settings["fingerprint"]

    def compress(
        self, waveform: np.ndarray, sample_rate_hz: int, bpp: float | None = None, downmixed: bool = False
    ) -> bytes:
        """Compresses a waveform; every channel is coded by itself, all at one level and step.

        Args:
          waveform: floats `[samples]` or `[samples, channels]`, full scale -1..1, one sample or more.
          sample_rate_hz: sample rate of the waveform, a whole number from 1,000 to 1,000,000.
          bpp: the most bits per pixel of the mel-spectrograms that the payload may have. A rate beyond the
            finest step's gets that step. None: the rate that the model was trained for, which only a
            clip of a few frames can exceed.
          downmixed: noted in the file: the original had more channels.

        Returns:
          A whole .tfn file.

        Raises:
          ValueError: the waveform is empty, not finite, or has an impossible form or rate.
          InputError: not even the coarsest step is under the requested rate, or the model has a fixed one.
        """
        waveform = np.asarray(waveform)
        if waveform.ndim not in (1, 2) or waveform.size == 0:
            raise ValueError(
                f"a waveform must be floats [samples] or [samples, channels], one sample or more, not "
                f"{waveform.dtype.name} {list(waveform.shape)}"
            )
        sink = io.BytesIO()
        channels = waveform.shape[1] if waveform.ndim == 2 else 1
        self.compress_to(sink, [waveform], sample_rate_hz, channels, bpp, downmixed)
        return sink.getvalue()

    def compress_to(
        self,
        sink: BinaryIO,
        pieces: Iterable[np.ndarray],
        sample_rate_hz: int,
        channels: int = 1,
        bpp: float | None = None,
        downmixed: bool = False,
        on_progress: Callable[[float], Any] = lambda seconds: None,
    ) -> None:
        """`compress` for sound that comes in pieces: the same bytes, in memory that does not grow with it.

        Temporary files take some 170 MB for an hour of a channel.

        Args:
          sink: binary file for the bytes; nothing is written before all pieces were read.
          pieces: floats `[samples]` or `[samples, channels]`, full scale -1..1, of any lengths.
          sample_rate_hz, bpp, downmixed: as of `compress`.
          channels: number of channels of every piece.
          on_progress: called with the seconds of sound done since its last call.

        """
        job = CompressionJob(self.model, self._payloads, sample_rate_hz, channels, bpp, downmixed)
        write_compressed(sink, pieces, job, on_progress)

    def compress_stream(
        self,
        pieces: Iterable[np.ndarray],
        sample_rate_hz: int,
        channels: int = 1,
        bpp: float | None = None,
        reference_db: float | None = None,
        block_frames: int = STREAM_BLOCK_FRAMES,
    ) -> Iterator[bytes]:
        """Compresses sound without an end, block by block as it comes.

        Every block has its own step and is at or under the rate by itself; one of a few frames, as the last
        may be, can exceed it. What is louder than the reference is cut down to it.

        Args:
          pieces, sample_rate_hz, channels: as of `compress_to`.
          bpp: the most bits per pixel of a block; None: the rate that the model was trained for.
          reference_db: level that 1 in the image stands for, dB; None: a sine of full scale.
          block_frames: frames of a block, a multiple of 16: the latency.

        Yields:
          The bytes of an open .tfn stream: its header, its blocks when they are complete, its end.
        """
        job = CompressionJob(self.model, self._payloads, sample_rate_hz, channels, bpp)
        return compressed_stream(pieces, job, reference_db, block_frames)

    def decompress(
        self, data: bytes, on_damage: str = "raise", iterations: int = ITERATIONS
    ) -> tuple[np.ndarray, int]:
        """Decompresses a .tfn file.

        Args:
          data: the file's bytes.
          on_damage: "raise", or "conceal": damaged blocks become silence, and a warning lists them.
          iterations: iterations of the phase reconstruction; they change the sound, never the symbols.

        Returns:
          The waveform, float32 `[samples]` or `[samples, channels]`, and its sample rate in Hz: the
          original's rate, and exactly its length.

        Raises:
          BitstreamError: the bytes are no .tfn file, another model's, damaged or corrupt.
          ValueError: on_damage is unknown.
        """
        sound = self.decompress_from(io.BytesIO(data), on_damage, iterations)
        header = sound.header
        if header.samples is None:
            waveform = np.concatenate([np.zeros([0, header.channels], np.float32), *sound])
        else:
            waveform, place = np.empty([header.samples, header.channels], np.float32), 0
            for piece in sound:
                waveform[place : place + len(piece)] = piece
                place += len(piece)
        if sound.problems:
            warnings.warn("damaged: " + "; ".join(sound.problems), stacklevel=2)
        return waveform[:, 0] if header.channels == 1 else waveform, header.sample_rate_hz

    def decompress_from(
        self, stream: BinaryIO, on_damage: str = "raise", iterations: int = ITERATIONS
    ) -> DecodedSound:
        """`decompress` for files of any length and for open streams: sound in pieces, as it can be read.

        Args:
          stream: binary stream at the beginning of the header; it need not seek.
          on_damage, iterations: as of `decompress`.

        Raises:
          BitstreamError: as `decompress`; of a stream that cannot seek when the reading comes to it.
        """
        if int(iterations) != iterations or iterations < 0:
            raise ValueError(f"iterations must be a whole number of 0 or more, not {iterations}")
        reader = self.symbols_of(stream, on_damage)
        return DecodedSound(reader, self.model, self._synthesise, iterations)

    def file_from_bitstring(
        self,
        data: bytes,
        sample_rate_hz: int | None = None,
        samples: int | None = None,
        downmixed: bool = False,
    ) -> bytes:
        """The `.tfn` file of a bitstring from a server's `compress_audio` or `compress`, without loss.

        Args:
          data: a bitstring of this model.
          sample_rate_hz: sample rate of the original, at which the file is decompressed; None: the model's.
          samples: samples of the original; None: those of the bitstring, at the model's rate.
          downmixed: noted in the file: the original had more channels.

        Raises:
          BitstreamError: it is no bitstring of this model, damaged, or has another length.
        """
        front_end, payloads, mels = self.front_end, self._payloads, self.front_end.mels
        prefix, packed = bitstring.split_one(data)
        if prefix.model != bitstring.model_number(self.fingerprint):
            raise BitstreamError(
                f"it is of another model than {self.model.path}, whose fingerprint is {self.fingerprint}"
            )
        if prefix.height not in (0, mels):
            raise BitstreamError(
                f"its image is {prefix.height} pixels high, and sound has {mels}; see decompress"
            )
        frames = prefix.extent if prefix.height else front_end.frames(prefix.extent)
        if frames < 1:
            raise BitstreamError("it claims to have no frames; it is damaged")
        shape = -(-mels // TOTAL_STRIDE), -(-frames // TOTAL_STRIDE), payloads.latents
        if len(packed) != payloads.packed_bytes(math.prod(shape)):
            raise BitstreamError(f"{len(packed)} bytes of symbols for {frames} frames; was it cut?")
        try:
            symbols = payloads.decode(Kind.PACKED, packed, shape, prefix.step_index)
        except ValueError as error:
            raise BitstreamError(f"damaged ({error})") from None
        if payloads.packed(symbols) != packed:
            raise BitstreamError("it has symbols beyond the model's tables; it is damaged")
        own = front_end.samples(frames) if prefix.height else prefix.extent
        try:
            header = Header(
                fingerprint=self.fingerprint,
                front_end=pack_front_end(front_end),
                reference_db=prefix.reference_db,
                sample_rate_hz=front_end.sample_rate_hz if sample_rate_hz is None else sample_rate_hz,
                samples=own if samples is None else samples,
                frames=frames,
                frames_per_block=BLOCK_FRAMES,
                frame_multiple=TOTAL_STRIDE,
                step_index=prefix.step_index,
                downmixed=downmixed,
            )
        except ValueError as error:
            raise BitstreamError(f"it cannot be so long or so loud ({error})") from None
        blocks = [write_header(header)]
        for number in range(header.blocks_of(frames)):
            first = header.first_frame(number) // TOTAL_STRIDE
            of_block = symbols[:, first : first + BLOCK_FRAMES // TOTAL_STRIDE]
            kind, payload = Kind.RANGE_CODED, b""
            if not is_silent(header.reference_db):
                kind, payload = payloads.encode(of_block, prefix.step_index)
            blocks.append(write_block(Block(number, header.frames_in(number), kind, payload), header))
        return b"".join(blocks)

    def bitstrings_from_file(self, data: bytes) -> list[bytes]:
        """A bitstring for each channel of a `.tfn` file, as a server's `decompress_audio` takes.

        Raises:
          BitstreamError: the bytes are no intact `.tfn` file of this model, or an open stream.
        """
        front_end, reader = self.front_end, self.symbols_of(io.BytesIO(data))
        header = reader.header
        if header.samples is None or header.frames is None or header.step_index is None:
            raise BitstreamError(
                "an open stream has a step for each block, and a server takes one; decode it here"
            )
        channels: list[list[np.ndarray]] = [[] for _ in range(header.channels)]
        for block in reader:
            channels[header.channel(block.number)].append(block.symbols)
        # So many at the model's rate as make the file's frames.
        samples = math.ceil(header.samples * front_end.sample_rate_hz / header.sample_rate_hz)
        least, most = front_end.samples(header.frames), front_end.samples(header.frames + 1) - 1
        prefix = bitstring.Prefix(
            bitstring.VERSION,
            header.step_index,
            0,
            bitstring.model_number(header.fingerprint),
            header.reference_db,
            min(max(samples, least), most),
        )
        joined = [np.concatenate(blocks, 1) for blocks in channels]
        return [bitstring.join_one(prefix, self._payloads.packed(symbols)) for symbols in joined]

    def symbols_of(self, stream: BinaryIO, on_damage: str = "raise") -> SymbolReader:
        """The symbols of a file, block by block, without its sound; arguments as of `decompress_from`."""
        return SymbolReader(stream, self.model, self._payloads, on_damage)

    def estimated_bits(self, stream: BinaryIO) -> float:
        """The information of a file's intact symbols by the integers that they are coded with, in bits."""
        blocks = self.symbols_of(stream, "conceal")
        if is_silent(blocks.header.reference_db):
            return 0.0
        return math.fsum(
            self._payloads.estimated_bits(block.kind, block.symbols, block.step_index)
            for block in blocks
            if block.kind is not None
        )
