"""A model behind a server as a codec: sound to `.tfn` files and back."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np

from tfnoise.audio import FrontEnd, resample
from tfnoise.audio.resample import fitted
from tfnoise.codec import Codec
from tfnoise.codec.format import read_header
from tfnoise.errors import InputError
from tfnoise.serving.checks import MOST_PIXELS
from tfnoise.serving.connections import Connection, ServerError, Values


class ServedCodec:
    """A model behind a server, as a codec of mono sound.

        served = ServedCodec(RestConnection("localhost:8501"), "best")
        data = served.compress(waveform, sample_rate_hz, codec)      # as Codec.compress, on the server
        waveform, sample_rate_hz = served.decompress(data, codec)

    Args:
      connection: connection to the server.
      name: name of the model on the server.
      version: version of the model; None: the server's choice.

    Attributes:
      name: name of the model on the server.
      settings: what the exporter recorded in the model.
      front_end: the model's front end.

    Raises:
      ServerError: the server cannot be reached, or has no such model exported by tfnoise.
    """

    def __init__(self, connection: Connection, name: str, version: int | None = None):
        self.name, self._connection, self._version = name, connection, version
        text = self._output("metadata", {"ask": [b""]})
        try:
            self.settings: dict[str, Any] = json.loads(text[0])
            self.front_end = FrontEnd.from_dict(self.settings["front_end"])
        except (ValueError, KeyError, TypeError, IndexError):
            raise ServerError(f"{connection.address}: {name} is no model that tfnoise exported") from None

    @property
    def fingerprint(self) -> str:
        """The model's fingerprint, 32 hexadecimal digits."""
        return str(self.settings["fingerprint"])

    def compress(
        self,
        waveform: np.ndarray,
        sample_rate_hz: int,
        codec: Codec,
        bpp: float | None = None,
        downmixed: bool = False,
    ) -> bytes:
        """Compresses sound on the server.

        Args:
          waveform: floats `[samples]`, full scale -1..1.
          sample_rate_hz: sample rate of the waveform in Hz.
          codec: codec of the same model, for its tables.
          bpp: the most bits per pixel of the payload; None: the model's own rate.
          downmixed: whether to note in the file that channels were averaged.

        Returns:
          A whole `.tfn` file.

        Raises:
          ServerError: the server cannot be reached, or refuses.
          InputError: the codec is of another model, or the rate is below the coarsest step's.
        """
        self._check_same_model(codec)
        sound = resample(np.asarray(waveform, np.float32), sample_rate_hz, self.front_end.sample_rate_hz)
        sound = fitted(sound, max(len(sound), self.front_end.samples(1)))
        inputs = {"waveform": sound[np.newaxis], "bpp": np.array([bpp or 0.0], np.float32)}
        outputs = self._connection.call(self.name, "compress_audio", inputs, self._version)
        if bpp is not None and float(outputs["bpp"][0]) > bpp:
            least = f"{float(outputs['bpp'][0]):.4f}"
            raise InputError(f"{bpp:g} bpp: the coarsest step gives {least}; ask for more")
        bitstring = outputs["bitstring_bytes"][0]
        return codec.file_from_bitstring(bitstring, sample_rate_hz, len(waveform), downmixed)

    def decompress(self, data: bytes, codec: Codec) -> tuple[np.ndarray, int]:
        """Decompresses a `.tfn` file on the server.

        Args:
          data: the file's bytes.
          codec: codec of the same model, for its tables.

        Returns:
          The waveform, float32 `[samples, channels]`, and its sample rate in Hz, both as of the original.

        Raises:
          BitstreamError: the file is damaged or another model's.
          ServerError: the server cannot be reached, or refuses.
          InputError: the codec is of another model.
        """
        self._check_same_model(codec)
        header = read_header(io.BytesIO(data))
        strings = codec.bitstrings_from_file(data)
        sound = np.asarray(self._output("decompress_audio", {"bitstring_bytes": strings}), np.float32).T
        sound = resample(sound, self.front_end.sample_rate_hz, header.sample_rate_hz)
        assert header.samples is not None  # bitstrings_from_file refuses open streams
        return fitted(sound, header.samples), header.sample_rate_hz

    def longest_s(self) -> float:
        """The longest sound of one channel that the server takes in a request, in seconds."""
        return math.floor(self.front_end.duration_s(MOST_PIXELS // self.front_end.mels))

    def _check_same_model(self, codec: Codec) -> None:
        if codec.fingerprint != self.fingerprint:
            raise InputError(
                f"{codec.model.path}: has the fingerprint {codec.fingerprint}, the server's model "
                f"{self.fingerprint}; use the same model here"
            )

    def _output(self, signature: str, inputs: Values) -> Any:
        """The only output of a signature, which has no name over REST."""
        outputs = self._connection.call(self.name, signature, inputs, self._version)
        return next(iter(outputs.values()))
