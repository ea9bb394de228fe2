"""Use models behind TensorFlow Serving: compress and decompress files, see what is served.

WHAT is compress, decompress, status or metadata; IN are audio files, or .tfn files. Requests go over REST, or
with --grpc over gRPC. The .tfn files are those of bin/compress; writing and reading them needs the model's
tables here, too: they are looked up below saved_models, or --model names the model.

Example:
    bin/client status
    bin/client compress song.flac
    bin/client decompress song.tfn -o song.wav --play
    bin/client compress song.flac --server=host:8500 --grpc --name=nlpd --bpp=0.3
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfnoise
from tfnoise.cli import coding
from tfnoise.cli.output import print_json, say, table
from tfnoise.cli.shared_flags import check_bpp
from tfnoise.cli.sound_files import write_sound
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError
from tfnoise.files import replacing

if TYPE_CHECKING:
    from tfnoise.codec import Codec
    from tfnoise.serving import Connection, ServedCodec

POSITIONAL = "WHAT [IN...]"
_WHATS = ("compress", "decompress", "status", "metadata")
# Commands that play a file and end.
_PLAYERS = ("ffplay -nodisp -autoexit -loglevel error", "pw-play", "paplay", "aplay -q", "play -q", "afplay")


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/client."""
    define.string("server", None, "HOST:PORT. (default: localhost:8501, with --grpc localhost:8500)")
    define.boolean("grpc", False, "Use gRPC; needs: pip install 'tfnoise[serving]'.")
    define.string("name", "best", "Name of the model on the server.")
    define.integer("version", None, "Version of the model. (default: the server's choice)", lower_bound=1)
    define.float("timeout_s", 60.0, "Seconds to wait for an answer.")
    define.string("output", None, "File to write, or a folder. (default: beside IN)", short_name="o")
    define.float("bpp", None, "Most bits per pixel of each file's payload. (default: the model's own)")
    define.string("model", None, "The same model here, NAME or NAME/VERSION. (default: by its fingerprint)")
    define.boolean("play", False, "With decompress: play each file, too.")
    define.boolean("force", False, "Replace existing files.")


def main(arguments: list[str], values: FlagValues) -> int:
    """Sends requests to the server."""
    what, inputs = arguments[0], arguments[1:]
    if what not in _WHATS:
        raise UsageError(f"{what}: name one of: {', '.join(_WHATS)}")
    takes_files = what in ("compress", "decompress")
    if takes_files != bool(inputs):
        raise UsageError(f"{what}: {'name a file' if takes_files else 'takes no files'}")
    check_bpp(values.bpp)
    if not (math.isfinite(values.timeout_s) and values.timeout_s > 0):
        raise UsageError(f"--timeout_s={values.timeout_s:g}: must be above 0")
    if values.play and what != "decompress":
        raise UsageError("--play is for decompress")
    player = _player() if values.play else None
    targets: dict[str, Path] = {}
    if takes_files:
        targets_of = coding.coding_targets if what == "compress" else coding.decoding_targets
        targets = targets_of(inputs, values.output, values.force)
    protocol = tfnoise.serving.GrpcConnection if values.grpc else tfnoise.serving.RestConnection
    connection = protocol(values.server, values.timeout_s)
    if what == "status":
        return _status(connection, values.name, values.version)
    served = tfnoise.serving.ServedCodec(connection, values.name, values.version)
    if what == "metadata":
        return _metadata(served.settings)
    path = values.model or coding.path_of_model(served.fingerprint)
    if path is None:
        raise InputError(
            f"{values.name}: its tables are needed here, and no model below saved_models has the fingerprint "
            f"{served.fingerprint}; copy the server's folder and name it with --model"
        )
    codec = tfnoise.codec.Codec.load(path)
    if what == "compress":
        return _compress(targets, served, codec, values.bpp)
    return _decompress(targets, served, codec, player)


def _status(connection: Connection, name: str, version: int | None) -> int:
    versions = connection.status(name)
    say(f"{name} at {connection.address}:\n")
    say(table([[v.version, v.state, v.error or None] for v in versions], ["version", "state", "error"]))
    rows = [v._asdict() for v in versions]
    print_json({"server": connection.address, "name": name, "versions": rows})
    return 0 if any(v.is_available for v in versions if version in (None, v.version)) else 1


def _metadata(settings: dict[str, Any]) -> int:
    rows = [["fingerprint", settings["fingerprint"]]]
    for part in ("architecture", "front_end", "training", "serving", "exported"):
        rows += [[f"{part} {name}", str(value)] for name, value in (settings.get(part) or {}).items()]
    say(table(rows))
    print_json(settings)
    return 0


def _compress(targets: dict[str, Path], served: ServedCodec, codec: Codec, bpp: float | None) -> int:
    def compress(source: str, target: Path, on_progress: Callable[[float], Any]) -> dict[str, Any]:
        duration_s, longest_s = coding.seconds_of_sound(source), served.longest_s()
        if duration_s > longest_s:
            raise InputError(f"{duration_s:.0f} s, and a server takes {longest_s:.0f}; use bin/compress")
        waveform, sample_rate_hz = tfnoise.audio.read(source)
        downmixed = waveform.shape[1] > 1
        data = served.compress(tfnoise.audio.to_mono(waveform), sample_rate_hz, codec, bpp, downmixed)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            temporary.write_bytes(data)
        on_progress(duration_s)
        return {"downmixed": downmixed, **coding.file_summary(target, codec)}

    rows, problems = coding.each(targets, "compressing", coding.seconds_of_sound, compress)
    if rows:
        cells = [[row["path"], f"{row['duration_s']:.1f}", f"{row['bpp_payload']:.3f}"] for row in rows]
        say(table(cells, ["wrote", "s", "bpp"], "lrr"))
    if any(row["downmixed"] for row in rows):
        say("Several channels were averaged to one; bin/compress --stereo keeps two.")
    return coding.finish(rows, problems)


def _decompress(targets: dict[str, Path], served: ServedCodec, codec: Codec, player: list[str] | None) -> int:
    def decompress(source: str, target: Path, on_progress: Callable[[float], Any]) -> dict[str, Any]:
        try:
            waveform, sample_rate_hz = served.decompress(Path(source).read_bytes(), codec)
        except tfnoise.BitstreamError as error:
            # A server decodes intact files only.
            remedy = "bin/decompress --on_damage=conceal"
            raise InputError(str(error).replace('on_damage="conceal"', remedy)) from None
        turned_down_db = write_sound(target, waveform, sample_rate_hz)
        on_progress(len(waveform) / sample_rate_hz)
        return {
            "path": str(target),
            "sample_rate_hz": sample_rate_hz,
            "samples": len(waveform),
            "turned_down_db": turned_down_db,
        }

    rows, problems = coding.each(targets, "decompressing", coding.seconds_coded, decompress)
    for row in rows:
        say(f"wrote {row['path']}")
        if row["turned_down_db"] > 0:
            say(f"  turned down by {row['turned_down_db']:.1f} dB, so that it does not clip")
        if player:
            subprocess.run([*player, row["path"]], check=False)
    return coding.finish(rows, problems)


def _player() -> list[str]:
    players = [player.split() for player in _PLAYERS]
    for player in players:
        if shutil.which(player[0]):
            return player
    names = ", ".join(player[0] for player in players)
    raise InputError(f"--play: none of {names} is installed; leave it out, or install one")
