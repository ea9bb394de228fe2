"""Compress audio files: any format, any sample rate, to .tfn files of a few kilobits a second.

IN is one file or more, or folders of them, whose sub-folders are mirrored. Without -o each .tfn is written
beside its input. Each file's payload is at most --bpp bits per pixel of its mel-spectrogram. Several channels
are averaged to one, unless --stereo keeps two.

Example:
    bin/compress song.flac
    bin/compress song.flac -o song.tfn --bpp=0.8 --stereo
    bin/compress album -o coded
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfnoise.cli import coding, shared_flags
from tfnoise.cli.output import say, table
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.files import replacing

POSITIONAL = "IN..."


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/compress."""
    define.string("output", None, "File to write (.tfn), or a folder. (default: beside IN)", short_name="o")
    define.string("model", None, "Model's NAME or NAME/VERSION. (default: saved_models/best)")
    define.float("bpp", None, "Most bits per pixel of each file's payload. (default: the model's own)")
    define.boolean("stereo", False, "Keep two channels, each at --bpp.")
    shared_flags.define_threads(define)
    define.boolean("force", False, "Replace existing files.")


def main(arguments: list[str], values: FlagValues) -> int:
    """Compresses, and shows the rates."""
    shared_flags.check_bpp(values.bpp)
    shared_flags.use_threads(values.threads)
    targets = coding.coding_targets(arguments, values.output, values.force)
    codec = coding.codec_to_compress(values.model, values.bpp)
    bpp, most_channels = values.bpp, 2 if values.stereo else 1

    def compress(source: str, target: Path, on_progress: Callable[[float], Any]) -> dict[str, Any]:
        from tfnoise.audio import open_sound, to_mono

        with open_sound(source) as (info, pieces):
            channels = min(most_channels, info.channels)
            sound = (piece[:, :channels] if channels > 1 else to_mono(piece) for piece in pieces)
            downmixed = info.channels > channels
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as temporary, open(temporary, "wb") as sink:
                codec.compress_to(sink, sound, info.sample_rate_hz, channels, bpp, downmixed, on_progress)
        return {"downmixed": downmixed, **coding.file_summary(target, codec)}

    rows, problems = coding.each(targets, "compressing", coding.seconds_of_sound, compress)
    if rows:
        cells = [
            [row["path"], f"{row['duration_s']:.1f}", f"{row['bpp_payload']:.3f}", f"{row['kbps']:.2f}"]
            for row in rows
        ]
        say(table(cells, ["wrote", "s", "bpp", "kbps"], "lrrr"))
    if any(row["downmixed"] and row["channels"] == 1 for row in rows):
        say("Several channels were averaged to one; --stereo keeps two.")
    if any(row["downmixed"] and row["channels"] > 1 for row in rows):
        say("Of more than two channels the first two were kept.")
    if codec.model.settings["architecture"]["bottleneck"] == "entropy":
        requested_bpp = codec.model.bpp if bpp is None else bpp
        for row in rows:
            rate = f"{row['bpp_payload']:.3f} bpp"
            if row["silent"]:
                continue
            if row["bpp_payload"] > requested_bpp:
                say(f"{row['path']}: is too short for {requested_bpp:g} bpp and has {rate}")
            elif row["finest_step"] and row["bpp_payload"] < 0.9 * requested_bpp:
                say(f"{row['path']}: the model's finest step gives {rate}, less than {requested_bpp:g}")
    return coding.finish(rows, problems)
