"""Sound to bytes and back by one model.

    codec = Codec.load("saved_models/best")
    data = codec.compress(waveform, sample_rate_hz)          # a whole .tfn file
    waveform, sample_rate_hz = codec.decompress(data)

Long sound goes in pieces (`compress_to`, `decompress_from`), sound without an end through `compress_stream`.
The bytes of a file are described in docs/format.md.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfnoise.audio import FrontEnd
from tfnoise.audio.phase import ITERATIONS
from tfnoise.codec.compression import check_sound, write_compressed
from tfnoise.codec.container import Header
from tfnoise.codec.decompression import SymbolReader, is_silent_header, sound_pieces
from tfnoise.codec.endless import STREAM_BLOCK_FRAMES, compressed_stream
from tfnoise.codec.loading import LoadedModel, load
from tfnoise.codec.payload import PayloadCoder
from tfnoise.codec.precision import synthesis_in
from tfnoise.codec.transport import bitstrings_from_file, file_from_bitstring
from tfnoise.errors import InputError


class Codec:
    """Codes waveforms with a model; see the module's docstring.

    Args:
      model: a loaded one.
      precision: of the synthesis, "float32" or "bfloat16"; it changes the sound a little, never the symbols.

    Raises:
      ValueError: the precision is unknown.
    """

    def __init__(self, model: LoadedModel, precision: str = "float32"):
        self._model = model
        self._payloads = PayloadCoder(model.module, model.settings["architecture"])
        self._synthesise = synthesis_in(precision, model)

    @classmethod
    def load(cls, path: str | Path, precision: str = "float32") -> Codec:
        """The codec of an exported model, `EXPORT_DIR/NAME` (highest version) or `EXPORT_DIR/NAME/VERSION`.

        Args:
          path: of the model.
          precision: of the synthesis, "float32" or "bfloat16".

        Raises:
          InputError: there is no such model.
        """
        return cls(load(path), precision)

    @property
    def model(self) -> LoadedModel:
        """The model."""
        return self._model

    @property
    def front_end(self) -> FrontEnd:
        """The front end of the model."""
        return self._model.front_end

    @property
    def fingerprint(self) -> str:
        """The model's, 32 hexadecimal digits."""
        return self._model.settings["fingerprint"]

    def compress(
        self, waveform: np.ndarray, sample_rate_hz: int, bpp: float | None = None, downmixed: bool = False
    ) -> bytes:
        """Compresses a waveform; every channel is coded by itself, all at one level and step.

        Args:
          waveform: floats `[samples]` or `[samples, channels]`, full scale -1..1, one sample or more.
          sample_rate_hz: of the waveform.
          bpp: the most bits per pixel of the mel-spectrograms that the payload may have. A rate beyond the
            finest step's gets that step. None: the rate that the model was trained for, which only a
            clip of a few frames can exceed.
          downmixed: to be noted in the file: the original had more channels.

        Returns:
          A whole .tfn file.

        Raises:
          ValueError: the waveform is empty, not finite, or has an impossible form or rate.
          InputError: not even the coarsest step is under the rate asked for, or the model has a fixed one.
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

        What lies between the passes goes to temporary files, some 170 MB for an hour of a channel.

        Args:
          sink: where the bytes go; nothing is written before all pieces were read.
          pieces: floats `[samples]` or `[samples, channels]`, full scale -1..1, of any lengths.
          sample_rate_hz, bpp, downmixed: as of `compress`.
          channels: of every piece.
          on_progress: called now and then with how many seconds of sound are done, which sum up to all.

        Raises:
          ValueError, InputError: as `compress`.
        """
        sample_rate_hz = check_sound(sample_rate_hz, channels)
        self._check_rate(bpp)
        write_compressed(
            sink, pieces, sample_rate_hz, channels, self._model, self._payloads, bpp, downmixed, on_progress
        )

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
          pieces: floats `[samples]` or `[samples, channels]`, full scale -1..1, of any lengths.
          sample_rate_hz: of the sound.
          channels: of every piece.
          bpp: the most bits per pixel of a block; None: the rate that the model was trained for.
          reference_db: what 1 in the image stands for; None: a sine of full scale.
          block_frames: frames of a block, a multiple of 16: what is sent at once.

        Yields:
          The bytes of an open .tfn stream: its header, its blocks when they are complete, its end.

        Raises:
          ValueError, InputError: as `compress`.
        """
        sample_rate_hz = check_sound(sample_rate_hz, channels)
        self._check_rate(bpp)
        return compressed_stream(
            pieces, sample_rate_hz, channels, self._model, self._payloads, bpp, reference_db, block_frames
        )

    def decompress(
        self, data: bytes, on_damage: str = "raise", iterations: int = ITERATIONS
    ) -> tuple[np.ndarray, int]:
        """Decompresses a .tfn file.

        Args:
          data: the file's bytes.
          on_damage: "raise", or "conceal": what is damaged becomes silence, and a warning lists it.
          iterations: of the phase reconstruction; they change the sound, never the symbols.

        Returns:
          The waveform, float32 `[samples]` or `[samples, channels]`, and its sample rate in Hz: the
          original's rate, and exactly its length.

        Raises:
          BitstreamError: the bytes are no .tfn file, another model's, damaged or forged.
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
          stream: of bytes, at the beginning of the header; it need not seek.
          on_damage, iterations: as of `decompress`.

        Returns:
          An iterable of the sound; see `DecodedSound`.

        Raises:
          BitstreamError: as `decompress`; of a stream that cannot seek when the reading comes to it.
          ValueError: on_damage is unknown.
        """
        if int(iterations) != iterations or iterations < 0:
            raise ValueError(f"iterations must be a whole number of 0 or more, not {iterations}")
        reader = self.symbols_of(stream, on_damage)
        pieces = sound_pieces(
            reader, self._model.module.dequantize, self._synthesise, self.front_end, iterations
        )
        return DecodedSound(reader, pieces)

    def file_from_bitstring(
        self,
        data: bytes,
        sample_rate_hz: int | None = None,
        samples: int | None = None,
        downmixed: bool = False,
    ) -> bytes:
        """A `.tfn` file of what a server's signature `compress_audio` or `compress` gave, without loss.

        Args:
          data: a bitstring of this model.
          sample_rate_hz: of the original, at which the file will be decompressed; None: the model's.
          samples: of the original; None: of the bitstring, at the model's rate.
          downmixed: to be noted in the file: the original had more channels.

        Returns:
          The file's bytes, of one channel.

        Raises:
          BitstreamError: it is no bitstring of this model, damaged, or has another length.
        """
        return file_from_bitstring(data, self._model, self._payloads, sample_rate_hz, samples, downmixed)

    def bitstrings_from_file(self, data: bytes) -> list[bytes]:
        """What the server's signature `decompress_audio` takes, of a `.tfn` file: a bitstring a channel.

        The server's sound has the model's sample rate.

        Args:
          data: the file's bytes.

        Raises:
          BitstreamError: they are no intact `.tfn` file of this model, or an open stream.
        """
        return bitstrings_from_file(data, self._model, self._payloads)

    def symbols_of(self, stream: BinaryIO, on_damage: str = "raise") -> SymbolReader:
        """The symbols of a file, block by block, without its sound; arguments as of `decompress_from`."""
        return SymbolReader(stream, self._payloads, self.fingerprint, self.front_end, on_damage)

    def estimated_bits(self, stream: BinaryIO) -> float:
        """The information of a file's intact symbols by the integers that they are coded with, in bits.

        Args:
          stream: as of `decompress_from`.

        Raises:
          BitstreamError: it is no .tfn file or another model's.
        """
        blocks = self.symbols_of(stream, "conceal")
        if is_silent_header(blocks.header):
            return 0.0
        return math.fsum(
            self._payloads.estimated_bits(block.kind, block.symbols, block.step_index)
            for block in blocks
            if block.kind is not None
        )

    def _check_rate(self, bpp: float | None) -> None:
        if bpp is None:
            return
        if not (math.isfinite(bpp) and bpp > 0):
            raise ValueError(f"bpp must be above 0, not {bpp}")
        if self._model.settings["architecture"]["bottleneck"] == "levels":
            path, own = self._model.path, self._model.bpp
            raise InputError(f"{path}: codes with fixed levels, always at {own:g} bpp; leave bpp out")


class DecodedSound:
    """The sound of a `.tfn` stream, to be iterated over once: float32 `[samples, channels]` pieces.

    Args:
      reader: of the stream.
      pieces: of the sound.
    """

    def __init__(self, reader: SymbolReader, pieces: Iterator[np.ndarray]):
        self._reader, self._pieces = reader, pieces

    def __iter__(self) -> Iterator[np.ndarray]:
        return self._pieces

    @property
    def header(self) -> Header:
        """The stream's header: sample_rate_hz, channels, samples and more."""
        return self._reader.header

    @property
    def problems(self) -> list[str]:
        """A line for each damage, as far as the sound was read."""
        return self._reader.problems
