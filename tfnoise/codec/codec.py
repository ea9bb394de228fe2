"""Sound to bytes and back by one model.

    codec = Codec.load("saved_models/best")
    data = codec.compress(waveform, sample_rate_hz)          # a whole .tfn file
    waveform, sample_rate_hz = codec.decompress(data)

The bytes of a file are described in docs/format.md.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tensorflow as tf

from tfnoise.audio import (
    FrontEnd,
    image_to_recording,
    is_silent,
    mel_to_image,
    recording_to_mel,
    reference_db,
    resample,
)
from tfnoise.audio.phase import ITERATIONS
from tfnoise.audio.resample import fitted
from tfnoise.codec.blocks import BLOCK_FRAMES, analyse_blocks, choose_step, synthesise_blocks
from tfnoise.codec.container import (
    BitstreamError,
    Block,
    Header,
    pack_front_end,
    read_blocks,
    read_header,
    write_block,
    write_header,
)
from tfnoise.codec.frozen import CODER_MARGIN_BITS
from tfnoise.codec.loading import LoadedModel, load
from tfnoise.codec.payload import PayloadCoder
from tfnoise.errors import InputError
from tfnoise.layers.transforms import TOTAL_STRIDE

ON_DAMAGE = ("raise", "conceal")


class Codec:
    """Codes waveforms with a model; see the module's docstring.

    Args:
      model: a loaded one.
    """

    def __init__(self, model: LoadedModel):
        self._model = model
        self._payloads = PayloadCoder(model.module, model.settings["architecture"])

    @classmethod
    def load(cls, path: str | Path) -> Codec:
        """The codec of an exported model, `EXPORT_DIR/NAME` (highest version) or `EXPORT_DIR/NAME/VERSION`.

        Raises:
          InputError: there is no such model.
        """
        return cls(load(path))

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
        waveform = _checked_waveform(waveform, sample_rate_hz)
        rate = self._checked_rate(bpp)
        front_end = self.front_end
        mels = []
        for channel in waveform.T:
            sound = resample(channel, sample_rate_hz, front_end.sample_rate_hz)
            sound = np.pad(sound, (0, max(0, front_end.samples(1) - len(sound))))
            mels.append(recording_to_mel(sound, front_end))
        reference = max(float(reference_db(mel, front_end)) for mel in mels)
        latents = []
        for mel in mels:
            image = mel_to_image(mel, reference, front_end).numpy()
            latents.append(list(analyse_blocks(self._model.module, image, BLOCK_FRAMES)))
        bits, strings = self._bits(latents), sum(map(len, latents))
        pixels = mels[0].size * len(mels)
        step, fits = choose_step(bits, rate * pixels, strings)
        if is_silent(reference):
            # It comes back as silence whatever the symbols say.
            step, fits = len(bits) - 1, True
        if not fits and bpp is not None:
            least = (bits[-1] + CODER_MARGIN_BITS * strings) / pixels
            raise InputError(f"{bpp:g} bpp: the coarsest step gives {least:.4f}; ask for that or more")
        header = Header(
            fingerprint=self.fingerprint,
            front_end=pack_front_end(front_end),
            reference_db=reference,
            sample_rate_hz=sample_rate_hz,
            samples=len(waveform),
            frames=mels[0].shape[1],
            frames_per_block=BLOCK_FRAMES,
            channels=len(mels),
            frame_multiple=TOTAL_STRIDE,
            step_index=step,
            downmixed=downmixed,
        )
        parts = [write_header(header)]
        for number in range(header.blocks):
            latent = latents[header.channel(number)][number // header.channels]
            symbols = self._model.module.symbols(latent[None], tf.constant([step])).numpy()[0]
            kind, payload = self._payloads.encode(symbols, step)
            parts.append(write_block(Block(number, header.frames_in(number), kind, payload), header))
        return b"".join(parts)

    def decompress(
        self, data: bytes, on_damage: str = "raise", iterations: int = ITERATIONS
    ) -> tuple[np.ndarray, int]:
        """Decompresses a .tfn file.

        Args:
          data: the file's bytes.
          on_damage: "raise", or "conceal": what is damaged becomes what the model makes of zeros, and a
            warning lists it.
          iterations: of the phase reconstruction; they change the sound, never the symbols.

        Returns:
          The waveform, float32 `[samples]` or `[samples, channels]`, and its sample rate in Hz: the
          original's rate, and exactly its length.

        Raises:
          BitstreamError: the bytes are no .tfn file, another model's, or damaged.
          ValueError: on_damage is unknown.
        """
        waveform, sample_rate_hz, problems = self.decompress_with_damage(data, on_damage, iterations)
        if problems:
            warnings.warn("damaged: " + "; ".join(problems), stacklevel=2)
        return waveform, sample_rate_hz

    def decompress_with_damage(
        self, data: bytes, on_damage: str = "raise", iterations: int = ITERATIONS
    ) -> tuple[np.ndarray, int, list[str]]:
        """As `decompress`, with the list of what is damaged rather than a warning."""
        if on_damage not in ON_DAMAGE:
            raise ValueError(f"on_damage must be one of {', '.join(ON_DAMAGE)}, not {on_damage!r}")
        stream = io.BytesIO(data)
        header = read_header(stream)
        symbols, problems = self.read_symbols(stream, header)
        if problems and on_damage == "raise":
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise BitstreamError(f'{problems[0]}{more}; on_damage="conceal" gives the rest')
        channels = [self._sound(blocks, header, iterations) for blocks in symbols]
        waveform = np.stack(channels, 1)
        waveform = waveform[:, 0] if header.channels == 1 else waveform
        return waveform, header.sample_rate_hz, problems

    def read_symbols(self, stream: BinaryIO, header: Header) -> tuple[list[list[np.ndarray]], list[str]]:
        """The symbols of a file, by channel and block, and what is wrong with it.

        Args:
          stream: stands after the header.
          header: of the file.

        Returns:
          int32 `[rows, columns, latents]` for each channel and block, zeros where one is damaged; and a line
          for each damage.

        Raises:
          BitstreamError: the file is another model's, or an open stream.
        """
        self._check_model(header)
        rows = -(-self.front_end.mels // TOTAL_STRIDE)
        latents = self._payloads.latents
        found: dict[int, np.ndarray] = {}
        problems = []
        for item in read_blocks(stream, header):
            if not isinstance(item, Block):
                problems.append(item.problem)
                continue
            shape = (rows, header.padded(item.frames) // TOTAL_STRIDE, latents)
            try:
                step = header.step_index or 0
                found[item.number] = self._payloads.decode(item.kind, item.payload, shape, step)
            except ValueError as error:
                problems.append(f"block {item.number} cannot be decoded ({error})")
        symbols: list[list[np.ndarray]] = [[] for _ in range(header.channels)]
        for number in range(header.blocks):
            columns = header.padded(header.frames_in(number)) // TOTAL_STRIDE
            # One zero for all: a forged header may claim more blocks than there is memory for.
            absent = np.broadcast_to(np.int32(0), [rows, columns, latents])
            symbols[header.channel(number)].append(found.get(number, absent))
        return symbols, problems

    def _check_model(self, header: Header) -> None:
        if header.fingerprint != self.fingerprint:
            raise BitstreamError(
                f"it was coded with the model {header.fingerprint}, and this one is {self.fingerprint}; "
                "name the model that it was coded with"
            )
        if header.front_end != pack_front_end(self.front_end):
            raise BitstreamError("its front end is not the model's; the header is forged or damaged")
        if header.open or header.step_index is None:
            raise BitstreamError("it is an endless stream, which this tfnoise does not read")

    def _checked_rate(self, bpp: float | None) -> float:
        own = self._model.bpp
        if bpp is None:
            return own
        if not (math.isfinite(bpp) and bpp > 0):
            raise ValueError(f"bpp must be above 0, not {bpp}")
        if self._model.settings["architecture"]["bottleneck"] == "levels":
            path = self._model.path
            raise InputError(f"{path}: codes with fixed levels, always at {own:g} bpp; leave bpp out")
        return float(bpp)

    def _bits(self, latents: list[list[np.ndarray]]) -> np.ndarray:
        """The information of all symbols by step, float64."""
        blocks = [block for channel in latents for block in channel]
        by_step = [self._model.module.bits_by_step(block[None]).numpy()[0] for block in blocks]
        return np.sum(by_step, 0, dtype=np.float64)

    def _sound(self, blocks: list[np.ndarray], header: Header, iterations: int) -> np.ndarray:
        """The waveform of one channel, as long and at the rate that the header says."""
        front_end = self.front_end
        parts: Iterator[np.ndarray] = synthesise_blocks(self._model.module, blocks, header.step_index or 0)
        image = np.concatenate(list(parts), 1)[: front_end.mels, : header.frames]
        length = math.ceil(header.samples * front_end.sample_rate_hz / header.sample_rate_hz)
        sound = image_to_recording(image, header.reference_db, front_end, iterations, max(length, 1))
        return fitted(resample(sound, front_end.sample_rate_hz, header.sample_rate_hz), header.samples)


def _checked_waveform(waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The waveform as float32 `[samples, channels]`."""
    waveform = np.asarray(waveform)
    if waveform.ndim not in (1, 2) or waveform.size == 0 or not np.issubdtype(waveform.dtype, np.floating):
        raise ValueError(
            f"a waveform must be floats [samples] or [samples, channels], one sample or more, not "
            f"{waveform.dtype.name} {list(waveform.shape)}"
        )
    if not np.all(np.isfinite(waveform)):
        raise ValueError("the waveform holds values that are not finite numbers (NaN or infinity)")
    if not 1000 <= sample_rate_hz <= 1_000_000 or int(sample_rate_hz) != sample_rate_hz:
        raise ValueError(f"sample_rate_hz must be a whole number from 1000 to 1000000, not {sample_rate_hz}")
    return waveform.astype(np.float32).reshape(len(waveform), -1)
