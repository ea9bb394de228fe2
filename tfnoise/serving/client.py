"""Models behind a server, whatever is spoken: sound to `.tfn` files and back.

served = ServedCodec(RestConnection("localhost:8501"), "best")
data = served.compress(waveform, sample_rate_hz, codec)      # as Codec.compress, but for the server's work
waveform, sample_rate_hz = served.decompress(data, codec)
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from tfnoise.audio import FrontEnd, resample
from tfnoise.audio.resample import fitted
from tfnoise.codec import Codec
from tfnoise.codec.container import read_header
from tfnoise.errors import InputError
from tfnoise.serving.checks import MOST_PIXELS

Values = Mapping[str, Any]
"""Inputs or outputs of a signature by name: arrays, or lists of bytes."""

AVAILABLE = "AVAILABLE"


class ServerError(InputError):
    """A server cannot be reached, or refuses a request; the message is one line that says why."""


class VersionStatus(NamedTuple):
    """What a server says of a version of a model.

    Attributes:
      version: its number.
      state: "AVAILABLE", or "START", "LOADING", "UNLOADING", "END".
      error: why it is not there; "" for no error.
    """

    version: int
    state: str
    error: str


class Connection(Protocol):
    """What speaks with a server: `RestConnection`, `GrpcConnection`."""

    address: str

    def call(self, model: str, signature: str, inputs: Values, version: int | None = None) -> dict[str, Any]:
        """The outputs of a signature.

        Raises:
          ServerError: the server cannot be reached, or refuses.
        """
        ...

    def status(self, model: str) -> list[VersionStatus]:
        """The versions of a model that the server knows, the highest first.

        Raises:
          ServerError: the server cannot be reached, or has no such model.
        """
        ...


class ServedCodec:
    """A model behind a server, as a codec of mono sound.

    Args:
      connection: with the server.
      name: of the model there.
      version: of the model; None: the server's choice.

    Attributes:
      settings: what the exporter recorded in the model.

    Raises:
      ServerError: the server cannot be reached, or has no such model of tfnoise's.
    """

    def __init__(self, connection: Connection, name: str, version: int | None = None):
        self._connection, self._name, self._version = connection, name, version
        text = _only(self._call("metadata", {"ask": [b""]}))
        try:
            self.settings: dict[str, Any] = json.loads(text[0])
            self.front_end = FrontEnd.from_dict(self.settings["front_end"])
        except (ValueError, KeyError, TypeError, IndexError):
            raise ServerError(f"{connection.address}: {name} is no model that tfnoise exported") from None

    @property
    def fingerprint(self) -> str:
        """The model's, 32 hexadecimal digits."""
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
          sample_rate_hz: of it.
          codec: of the same model, for its tables.
          bpp: the most bits per pixel of the payload; None: the model's own rate.
          downmixed: to be noted in the file.

        Returns:
          A whole `.tfn` file.

        Raises:
          ServerError: the server cannot be reached, or refuses.
          InputError: the codec is of another model, or the rate is below the coarsest step's.
        """
        self._check(codec)
        sound = resample(np.asarray(waveform, np.float32), sample_rate_hz, self.front_end.sample_rate_hz)
        sound = fitted(sound, max(len(sound), self.front_end.samples(1)))
        rate = np.array([bpp or 0.0], np.float32)
        found = self._call("compress_audio", {"waveform": sound[np.newaxis], "bpp": rate})
        if bpp is not None and float(found["bpp"][0]) > bpp:
            raise InputError(
                f"{bpp:g} bpp: the coarsest step gives {float(found['bpp'][0]):.4f}; ask for more"
            )
        bitstring = found["bitstring_bytes"][0]
        return codec.file_from_bitstring(bitstring, sample_rate_hz, len(waveform), downmixed)

    def decompress(self, data: bytes, codec: Codec) -> tuple[np.ndarray, int]:
        """Decompresses a `.tfn` file on the server.

        Args:
          data: the file's bytes.
          codec: as of `compress`.

        Returns:
          The waveform, float32 `[samples, channels]`, and its rate in Hz: the original's length and rate.

        Raises:
          BitstreamError: the file is damaged or another model's.
          ServerError: the server cannot be reached, or refuses.
        """
        self._check(codec)
        header = read_header(io.BytesIO(data))
        strings = codec.bitstrings_from_file(data)
        sound = np.asarray(_only(self._call("decompress_audio", {"bitstring_bytes": strings})), np.float32).T
        sound = resample(sound, self.front_end.sample_rate_hz, header.sample_rate_hz)
        return fitted(sound, header.samples), header.sample_rate_hz

    def longest_s(self) -> float:
        """How many seconds of a channel the server takes at once."""
        return math.floor(self.front_end.duration_s(MOST_PIXELS // self.front_end.mels))

    def _check(self, codec: Codec) -> None:
        if codec.fingerprint != self.fingerprint:
            raise InputError(
                f"{codec.model.path}: has the fingerprint {codec.fingerprint}, the server's model "
                f"{self.fingerprint}; name the same model with --model"
            )

    def _call(self, signature: str, inputs: Values) -> dict[str, Any]:
        return self._connection.call(self._name, signature, inputs, self._version)


def _only(outputs: Values) -> Any:
    """The value of a signature with one output, which over REST has no name."""
    return next(iter(outputs.values()))


def first_line(message: str) -> str:
    """A server's message without the names of the graph's operations."""
    line = message.split("\n\t [[")[0].split(" [[{{")[0].strip()
    line = line.removeprefix("assertion failed: ").replace("\\'", "'")
    return " ".join(line.replace("[", "").replace("]", "").split()) if line else "no reason given"
