"""The work of bin/decompress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from tfnoise.cli import coding, shared_flags
from tfnoise.cli.output import say
from tfnoise.cli.sound_files import write_pieces
from tfnoise.codec import Codec
from tfnoise.codec.container import read_header
from tfnoise.errors import InputError

FLAGS = flags.FLAGS


def decompress_from_flags(arguments: Sequence[str]) -> int:
    """Decompresses as the arguments and flags of bin/decompress say; returns the exit status."""
    shared_flags.use_threads(FLAGS.threads)
    chosen = coding.decoding_targets(arguments, FLAGS.output, FLAGS.force)
    codecs: dict[str, Codec] = {}
    rows, problems = coding.each(
        chosen,
        "decompressing",
        coding.seconds_coded,
        lambda source, target, tell: _decompress(codecs, source, target, tell),
    )
    for row in rows:
        say(f"wrote {row['path']}")
        for problem in row["damage"]:
            say(f"  {problem}")
        if row["turned_down_db"] > 0:
            say(f"  turned down by {row['turned_down_db']:.1f} dB, so that it does not clip")
    status = coding.finish(rows, problems)
    return status or (coding.DAMAGED if any(row["damage"] for row in rows) else 0)


def _decompress(
    codecs: dict[str, Codec], source: str, target: Path, tell: Callable[[float], None]
) -> dict[str, Any]:
    begin_s = time.monotonic()
    with open(source, "rb") as stream:
        fingerprint = read_header(stream).fingerprint
        if fingerprint not in codecs:
            codecs[fingerprint] = Codec.load(_model_of(fingerprint), FLAGS.precision)
        stream.seek(0)
        sound = codecs[fingerprint].decompress_from(stream, FLAGS.on_damage, FLAGS.iterations)
        rate_hz = sound.header.sample_rate_hz
        samples = 0

        def pieces() -> Iterator[np.ndarray]:
            nonlocal samples
            for piece in sound:
                samples += len(piece)
                yield piece
                tell(len(piece) / rate_hz)

        turned_down_db = write_pieces(target, pieces(), rate_hz, sound.header.channels)
    return {
        "source": source,
        "path": str(target),
        "sample_rate_hz": rate_hz,
        "samples": samples,
        "damage": sound.problems,
        "turned_down_db": turned_down_db,
        "seconds": time.monotonic() - begin_s,
    }


def _model_of(fingerprint: str) -> str:
    """The model of a file: the one that was named, or the one with the fingerprint wherever it lies."""
    found = FLAGS.model or coding.path_of_model(fingerprint)
    if found is None:
        remedy = "no model below saved_models has it; name the model with --model"
        raise InputError(f"it was coded with the model {fingerprint}: {remedy}")
    return found
