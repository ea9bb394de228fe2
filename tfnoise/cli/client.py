"""The work of bin/client: files through a server, and what the server says of its models."""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tfnoise.audio import read, to_mono
from tfnoise.cli import coding
from tfnoise.cli.models import check_bpp
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.sound_files import write_sound
from tfnoise.codec import BitstreamError, Codec
from tfnoise.errors import InputError, UsageError
from tfnoise.files import replacing
from tfnoise.serving.client import AVAILABLE, Connection, ServedCodec

FLAGS = flags.FLAGS
# What plays a file and ends, where it is installed.
_PLAYERS = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("pw-play",),
    ("paplay",),
    ("aplay", "-q"),
    ("play", "-q"),
    ("afplay",),
)


def client_from_flags(arguments: Sequence[str]) -> int:
    """Does what the arguments and flags of bin/client say; returns the exit status."""
    kinds = {"compress": _compress, "decompress": _decompress, "status": _status, "metadata": _metadata}
    what, inputs = arguments[0], list(arguments[1:])
    if what not in kinds:
        raise UsageError(f"{what}: name one of: {', '.join(kinds)}")
    takes_files = what in ("compress", "decompress")
    if takes_files != bool(inputs):
        raise UsageError(f"{what}: {'name a file' if takes_files else 'takes no files'}")
    check_bpp(FLAGS.bpp)
    if not (math.isfinite(FLAGS.timeout_s) and FLAGS.timeout_s > 0):
        raise UsageError(f"--timeout_s={FLAGS.timeout_s:g}: must be above 0")
    if FLAGS.play and what != "decompress":
        raise UsageError("--play is for decompress")
    return kinds[what](inputs)


def _connection() -> Connection:
    if FLAGS.grpc:
        from tfnoise.serving.grpc_connection import DEFAULT_ADDRESS, GrpcConnection

        return GrpcConnection(FLAGS.server or DEFAULT_ADDRESS, FLAGS.timeout_s)
    from tfnoise.serving.rest import DEFAULT_ADDRESS, RestConnection

    return RestConnection(FLAGS.server or DEFAULT_ADDRESS, FLAGS.timeout_s)


def _status(inputs: list[str]) -> int:
    connection = _connection()
    versions = connection.status(FLAGS.name)
    rows = [[version.version, version.state, version.error or None] for version in versions]
    say(f"{FLAGS.name} at {connection.address}:\n")
    say(table(rows, ["version", "state", "error"]))
    if json_requested():
        print_json(
            {"server": connection.address, "name": FLAGS.name, "versions": [v._asdict() for v in versions]}
        )
    wanted = [v for v in versions if FLAGS.version in (None, v.version)]
    return 0 if any(version.state == AVAILABLE for version in wanted) else 1


def _metadata(inputs: list[str]) -> int:
    settings = ServedCodec(_connection(), FLAGS.name, FLAGS.version).settings
    rows = [["fingerprint", settings["fingerprint"]]]
    for part in ("architecture", "front_end", "training", "serving", "exported"):
        values = settings.get(part) or {}
        rows += [[f"{part} {name}", str(value)] for name, value in values.items()]
    say(table(rows))
    if json_requested():
        print_json(settings)
    return 0


def _compress(inputs: list[str]) -> int:
    chosen = coding.coding_targets(inputs, FLAGS.output, FLAGS.force)
    served, codec = _served()

    def work(source: str, target: Path, tell: Callable[[float], None]) -> dict[str, Any]:
        begin_s = time.monotonic()
        seconds = coding.seconds_of_sound(source)
        if seconds > served.longest_s():
            raise InputError(
                f"{seconds:.0f} s, and a server takes {served.longest_s():.0f}; use bin/compress"
            )
        waveform, sample_rate_hz = read(source)
        downmixed = waveform.shape[1] > 1
        data = served.compress(to_mono(waveform), sample_rate_hz, codec, FLAGS.bpp, downmixed)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            temporary.write_bytes(data)
        tell(seconds)
        seconds = time.monotonic() - begin_s
        summary = coding.file_summary(target, codec)
        return {"source": source, "downmixed": downmixed, "seconds": seconds, **summary}

    rows, problems = coding.each(chosen, "compressing", coding.seconds_of_sound, work)
    if rows:
        cells = [[row["path"], f"{row['duration_s']:.1f}", f"{row['bpp_payload']:.3f}"] for row in rows]
        say(table(cells, ["wrote", "s", "bpp"], "lrr"))
    if any(row["downmixed"] for row in rows):
        say("Several channels were averaged to one; bin/compress --stereo keeps two.")
    return coding.finish(rows, problems)


def _decompress(inputs: list[str]) -> int:
    player = _player() if FLAGS.play else None
    chosen = coding.decoding_targets(inputs, FLAGS.output, FLAGS.force)
    served, codec = _served()

    def work(source: str, target: Path, tell: Callable[[float], None]) -> dict[str, Any]:
        begin_s = time.monotonic()
        try:
            waveform, sample_rate_hz = served.decompress(Path(source).read_bytes(), codec)
        except BitstreamError as error:
            # A server decodes what is whole.
            remedy = "bin/decompress --on_damage=conceal"
            raise InputError(str(error).replace('on_damage="conceal"', remedy)) from None
        turned_down_db = write_sound(target, waveform, sample_rate_hz)
        tell(len(waveform) / sample_rate_hz)
        return {
            "source": source,
            "path": str(target),
            "sample_rate_hz": sample_rate_hz,
            "samples": len(waveform),
            "turned_down_db": turned_down_db,
            "seconds": time.monotonic() - begin_s,
        }

    rows, problems = coding.each(chosen, "decompressing", coding.seconds_coded, work)
    for row in rows:
        say(f"wrote {row['path']}")
        if row["turned_down_db"] > 0:
            say(f"  turned down by {row['turned_down_db']:.1f} dB, so that it does not clip")
        if player:
            subprocess.run([*player, row["path"]], check=False)
    return coding.finish(rows, problems)


def _served() -> tuple[ServedCodec, Codec]:
    """The model on the server, and the same here.

    Raises:
      ServerError: the server cannot be reached, or has no such model.
      InputError: the model is not here.
    """
    served = ServedCodec(_connection(), FLAGS.name, FLAGS.version)
    path = FLAGS.model or coding.path_of_model(served.fingerprint)
    if path is None:
        raise InputError(
            f"{FLAGS.name}: its tables are needed here, and no model below saved_models has the fingerprint "
            f"{served.fingerprint}; copy the server's folder and name it with --model"
        )
    return served, Codec.load(path)


def _player() -> tuple[str, ...]:
    for player in _PLAYERS:
        if shutil.which(player[0]):
            return player
    names = ", ".join(player[0] for player in _PLAYERS)
    raise InputError(f"--play: none of {names} is installed; leave it out, or install one")
