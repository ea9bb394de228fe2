"""Decompress .tfn files to WAV or FLAC of the original's sample rate and length.

IN is one file or more, or folders of them, whose sub-folders are mirrored. Without -o each .wav is written
beside its input. The model is found by its fingerprint among all below saved_models. A damaged file is
refused, or with --on_damage=conceal decoded as far as it goes: then the exit code is 3, and the damage is
listed.

Example:
    bin/decompress song.tfn -o song.wav
    bin/decompress coded -o sounds --on_damage=conceal
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfnoise.cli import coding, shared_flags
from tfnoise.cli.output import say
from tfnoise.cli.sound_files import write_pieces
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from tfnoise.codec import Codec

POSITIONAL = "IN..."


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/decompress."""
    define.string(
        "output", None, "File to write (.wav or .flac), or a folder. (default: beside IN)", short_name="o"
    )
    define.string("model", None, "Model's NAME or NAME/VERSION. (default: found by its fingerprint)")
    define.enum("on_damage", "raise", ["raise", "conceal"], "What to do with a damaged file.")
    define.integer(
        "iterations", 32, "Iterations of the phase reconstruction.", lower_bound=0, upper_bound=10_000
    )
    shared_flags.define_threads(define)
    define.enum(
        "precision", "float32", ["float32", "bfloat16"], "Precision of the synthesis; never changes symbols."
    )
    define.boolean("force", False, "Replace existing files.")


def main(arguments: list[str], values: FlagValues) -> int:
    """Decompresses, and lists the damage."""
    shared_flags.use_threads(values.threads)
    targets = coding.decoding_targets(arguments, values.output, values.force)
    codecs: dict[str, Codec] = {}

    def decompress(source: str, target: Path, on_progress: Callable[[float], Any]) -> dict[str, Any]:
        from tfnoise.codec import Codec, read_header

        with open(source, "rb") as stream:
            fingerprint = read_header(stream).fingerprint
            if fingerprint not in codecs:
                path = values.model or coding.path_of_model(fingerprint)
                if path is None:
                    remedy = "no model below saved_models has it; name the model with --model"
                    raise InputError(f"it was coded with the model {fingerprint}: {remedy}")
                codecs[fingerprint] = Codec.load(path, values.precision)
            stream.seek(0)
            sound = codecs[fingerprint].decompress_from(stream, values.on_damage, values.iterations)
            rate_hz = sound.header.sample_rate_hz
            samples = 0

            def pieces() -> Iterator[np.ndarray]:
                nonlocal samples
                for piece in sound:
                    samples += len(piece)
                    yield piece
                    on_progress(len(piece) / rate_hz)

            turned_down_db = write_pieces(target, pieces(), rate_hz, sound.header.channels)
        return {
            "path": str(target),
            "sample_rate_hz": rate_hz,
            "samples": samples,
            "damage": sound.problems,
            "turned_down_db": turned_down_db,
        }

    rows, problems = coding.each(targets, "decompressing", coding.seconds_coded, decompress)
    for row in rows:
        say(f"wrote {row['path']}")
        for problem in row["damage"]:
            say(f"  {problem}")
        if row["turned_down_db"] > 0:
            say(f"  turned down by {row['turned_down_db']:.1f} dB, so that it does not clip")
    status = coding.finish(rows, problems)
    return status or (coding.DAMAGED if any(row["damage"] for row in rows) else 0)
