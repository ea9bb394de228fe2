"""The flags of the front end, the same for every script that makes images of audio."""

from __future__ import annotations

import dataclasses

from absl import flags

from tfnoise.cli.verb import FlagDefiner
from tfnoise.errors import UsageError


def define_flags(define: FlagDefiner, subject: str = "Front end") -> None:
    """Defines the flags; `subject` begins the first one's help."""
    define.integer("sample_rate_hz", 16000, f"{subject}: sample rate of the audio, Hz.")
    define.integer("n_fft", 1024, "Front end: samples of a frame.")
    define.integer("hop", 256, "Front end: samples from frame to frame.")
    define.integer("mels", 128, "Front end: mel bands, the height of an image; a multiple of 16.")
    define.float("f_min_hz", 0.0, "Front end: lowest frequency, Hz.")
    define.float("f_max_hz", None, "Front end: highest frequency, Hz. (default: half the sample rate)")
    define.float("power", 2.0, "Front end: exponent of the magnitudes, 1 or 2.")
    define.float("top_db", 80.0, "Front end: decibels below the clip's peak that an image spans.")
    define.boolean("centre", True, "Front end: frames centred on their time, the ends padded with zeros.")


def front_end_from_flags(values: flags.FlagValues):
    """The `FrontEnd` that the flags say.

    Raises:
      UsageError: a setting is out of range; the message names it.
    """
    from tfnoise.audio import FrontEnd

    try:
        return FrontEnd(**{field.name: values[field.name].value for field in dataclasses.fields(FrontEnd)})
    except ValueError as error:
        raise UsageError(f"front end: {error}") from None
