"""Describe .tfn files without decoding them: duration, rates, blocks, integrity, model.

Three rates, in bits per pixel of the mel-spectrogram: estimated, the information of the symbols by the
integer tables that code them (needs the model); of the payload; and of the file. kbps is the file's.
Exit code 3 if a file is damaged.

Example:
    bin/info song.tfn
    bin/info coded --json
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfnoise.cli import coding
from tfnoise.cli.output import say, table
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError

if TYPE_CHECKING:
    from tfnoise.codec import Codec, Header

POSITIONAL = "IN..."


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/info."""
    define.boolean("blocks", False, "Show the blocks of each file. (default: only of a single file)")


def main(arguments: list[str], values: FlagValues) -> int:
    """Shows what files hold."""
    rows, problems = [], []
    codecs: dict[str, Codec | None] = {}
    for source in dict.fromkeys(path for argument in arguments for path in coding.coded_files(argument)):
        try:
            rows.append(_described_with_blocks(Path(source), codecs))
        except (InputError, OSError) as error:
            problems.append(coding.named(source, error))
    if rows:
        rates = ["estimated bpp", "payload", "file", "kbps"]
        header = ["file", "s", "channels", *rates, "blocks", "intact", "model"]
        cells = [
            [
                row["path"],
                _cell(row["duration_s"], ".2f"),
                row["channels"],
                *(_cell(row[name], ".4f") for name in ("bpp_estimated", "bpp_payload", "bpp_file")),
                _cell(row["kbps"], ".2f"),
                row["blocks"],
                "yes" if row["intact"] else "no",
                row["model_name"] or row["model"][:12],
            ]
            for row in rows
        ]
        say(table(cells, header, "lrrrrrrrll"))
    for row in rows:
        if not row["intact"]:
            say(f"{row['path']}: {row['problem']}")
    if values.blocks or len(rows) == 1:
        for row in rows:
            _say_blocks(row)
    for fingerprint in (name for name, codec in codecs.items() if codec is None):
        say(f"no model below saved_models has the fingerprint {fingerprint}: no estimate of its files")
    status = coding.finish(rows, problems)
    return status or (coding.DAMAGED if any(not row["intact"] for row in rows) else 0)


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _described_with_blocks(path: Path, codecs: dict[str, Codec | None]) -> dict[str, Any]:
    from tfnoise.codec import Block, Codec, DamagedBlock, read_blocks, read_header, unpack_front_end

    with open(path, "rb") as source:
        header = read_header(source)
        blocks = [
            _block_row(item, header)
            for item in read_blocks(source, header)
            if isinstance(item, (Block, DamagedBlock)) and item.number is not None
        ]
    fingerprint = header.fingerprint
    folder = coding.path_of_model(fingerprint)
    if fingerprint not in codecs:
        codecs[fingerprint] = None if folder is None else Codec.load(folder)
    return {
        **coding.file_summary(path, codecs[fingerprint]),
        "model_name": None if folder is None else "/".join(Path(folder).parts[-2:]),
        "front_end": unpack_front_end(header.front_end).to_dict(),
        "reference_db": header.reference_db,
        "step_index": header.step_index,
        "block_table": blocks,
    }


def _block_row(item: Any, header: Header) -> dict[str, Any]:
    """A row of the block table, of a Block or a DamagedBlock."""
    from tfnoise.codec import Block, unpack_front_end

    intact = isinstance(item, Block)
    front_end = unpack_front_end(header.front_end)
    return {
        "number": item.number,
        "channel": header.channel(item.number),
        "begin_s": header.first_frame(item.number) * front_end.hop / front_end.sample_rate_hz,
        "frames": item.frames,
        "kind": item.kind.name.lower() if intact else None,
        "step_index": (header.step_index if item.step_index is None else item.step_index) if intact else None,
        "bytes": len(item.payload) if intact else None,
        "intact": intact,
    }


def _say_blocks(row: dict[str, Any]) -> None:
    say(f"\nblocks of {row['path']}:")
    cells = [
        [
            block["number"],
            block["channel"],
            f"{block['begin_s']:.2f}",
            block["frames"],
            None if block["kind"] is None else block["kind"].replace("_", " "),
            block["step_index"],
            block["bytes"],
            "yes" if block["intact"] else "no",
        ]
        for block in row["block_table"]
    ]
    header = ["block", "channel", "from s", "frames", "coded", "step", "bytes", "intact"]
    say(table(cells, header, "rrrrlrrl"))
