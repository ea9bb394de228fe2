"""The work of bin/info: what a .tfn file is, without decoding its sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tfnoise.cli import coding
from tfnoise.cli.output import say, table
from tfnoise.codec import Codec
from tfnoise.codec.container import (
    Block,
    DamagedBlock,
    Header,
    read_blocks,
    read_header,
    summary,
    unpack_front_end,
)
from tfnoise.codec.decompression import is_silent_header
from tfnoise.errors import InputError

FLAGS = flags.FLAGS


def info_from_flags(arguments: Sequence[str]) -> int:
    """Tells of files as bin/info does; returns the exit status."""
    rows, problems = [], []
    codecs: dict[str, Codec | None] = {}
    for source in dict.fromkeys(path for argument in arguments for path in coding.coded_files(argument)):
        try:
            rows.append(_told(Path(source), codecs))
        except (InputError, OSError) as error:
            problems.append(coding.named(source, error))
    if rows:
        header = [
            "file",
            "s",
            "channels",
            "estimated bpp",
            "payload",
            "file",
            "kbps",
            "blocks",
            "intact",
            "model",
        ]
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
    if FLAGS.blocks or len(rows) == 1:
        for row in rows:
            _say_blocks(row)
    for fingerprint in (name for name, codec in codecs.items() if codec is None):
        say(f"no model below saved_models has the fingerprint {fingerprint}: no estimate of its files")
    status = coding.finish(rows, problems)
    return status or (coding.DAMAGED if any(not row["intact"] for row in rows) else 0)


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def described(path: Path, codec: Codec | None) -> dict[str, Any]:
    """What a file is, without decoding its sound; with its model also what its symbols should cost.

    Raises:
      BitstreamError: it is no .tfn file.
    """
    with open(path, "rb") as source:
        found = summary(source)
        header, size = found.header, path.stat().st_size
        estimate = None
        if codec is not None:
            source.seek(0)
            estimate = codec.estimated_bits(source)
    mels = unpack_front_end(header.front_end).mels
    # Of an open stream that was cut short nobody knows the length.
    pixels = mels * (found.frames or 0) * header.channels
    duration_s = None if found.samples is None else found.samples / header.sample_rate_hz
    return {
        "path": str(path),
        "bpp_estimated": None if estimate is None or not pixels else estimate / pixels,
        "bpp_payload": 8 * found.payload_bytes / pixels if pixels else None,
        "bpp_file": 8 * size / pixels if pixels else None,
        "kbps": 8 * size / duration_s / 1000 if duration_s else None,
        "duration_s": duration_s,
        "sample_rate_hz": header.sample_rate_hz,
        "samples": found.samples,
        "channels": header.channels,
        "downmixed": header.downmixed,
        "bytes": size,
        "blocks": found.blocks,
        "intact": found.intact,
        "problem": found.first_problem,
        "finest_step": header.step_index == 0,
        "silent": is_silent_header(header),
        "model": header.fingerprint,
    }


def _told(path: Path, codecs: dict[str, Codec | None]) -> dict[str, Any]:
    with open(path, "rb") as source:
        header = read_header(source)
        blocks = [_block(item, header) for item in read_blocks(source, header)]
    fingerprint = header.fingerprint
    folder = coding.path_of_model(fingerprint)
    if fingerprint not in codecs:
        codecs[fingerprint] = None if folder is None else Codec.load(folder)
    row = described(path, codecs[fingerprint])
    return {
        **row,
        "model_name": None if folder is None else "/".join(Path(folder).parts[-2:]),
        "front_end": unpack_front_end(header.front_end).to_dict(),
        "reference_db": header.reference_db,
        "step_index": header.step_index,
        "block_table": [block for block in blocks if block is not None],
    }


def _block(item: Any, header: Header) -> dict[str, Any] | None:
    """A line of the block table; None for what is no block."""
    if not isinstance(item, (Block, DamagedBlock)) or item.number is None:
        return None
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
            "-" if block["frames"] is None else block["frames"],
            *(
                "-" if block[name] is None else str(block[name]).replace("_", " ")
                for name in ("kind", "step_index", "bytes")
            ),
            "yes" if block["intact"] else "no",
        ]
        for block in row["block_table"]
    ]
    header = ["block", "channel", "from s", "frames", "coded", "step", "bytes", "intact"]
    say(table(cells, header, "rrrrlrrl"))
