"""The work of bin/compress."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tfnoise.audio import open_sound, to_mono
from tfnoise.cli import coding, shared_flags
from tfnoise.cli.info import described
from tfnoise.cli.models import check_bpp
from tfnoise.cli.output import say, table
from tfnoise.codec import Codec
from tfnoise.files import replacing

FLAGS = flags.FLAGS
_STEREO = 2


def compress_from_flags(arguments: Sequence[str]) -> int:
    """Compresses as the arguments and flags of bin/compress say; returns the exit status."""
    check_bpp(FLAGS.bpp)
    shared_flags.use_threads(FLAGS.threads)
    chosen = coding.coding_targets(arguments, FLAGS.output, FLAGS.force)
    codec = coding.codec_to_compress(FLAGS.model, FLAGS.bpp)
    rows, problems = coding.each(
        chosen,
        "compressing",
        coding.seconds_of_sound,
        lambda source, target, tell: _compress(codec, source, target, tell),
    )
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
        _say_missed_rates(rows, codec.model.bpp if FLAGS.bpp is None else FLAGS.bpp)
    return coding.finish(rows, problems)


def _say_missed_rates(rows: Sequence[dict[str, Any]], asked: float) -> None:
    for row in rows:
        if row["silent"]:
            continue
        rate = f"{row['bpp_payload']:.3f} bpp"
        if row["bpp_payload"] > asked:
            say(f"{row['path']}: is too short for {asked:g} bpp and has {rate}")
        elif row["finest_step"] and row["bpp_payload"] < 0.9 * asked:
            say(f"{row['path']}: the model's finest step gives {rate}, less than {asked:g}")


def _compress(codec: Codec, source: str, target: Path, tell: Callable[[float], None]) -> dict[str, Any]:
    begin_s = time.monotonic()
    with open_sound(source) as (info, pieces):
        channels = _STEREO if FLAGS.stereo and info.channels > 1 else 1
        kept = (piece[:, :_STEREO] if channels > 1 else to_mono(piece) for piece in pieces)
        downmixed = info.channels > channels
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary, open(temporary, "wb") as sink:
            codec.compress_to(sink, kept, info.sample_rate_hz, channels, FLAGS.bpp, downmixed, tell)
    row = described(target, codec)
    seconds = time.monotonic() - begin_s
    return {"source": source, "downmixed": downmixed, "seconds": seconds, **row}
