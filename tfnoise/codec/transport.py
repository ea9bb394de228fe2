"""A server's bitstrings as `.tfn` files and back, without loss: the same symbols, coded to fewer bytes.

A bitstring is one channel with one step. A file of several channels becomes a bitstring for each; an open
stream, whose blocks have steps of their own, becomes none.
"""

from __future__ import annotations

import io
import math

import numpy as np
import tensorflow as tf

from tfnoise.audio import FrontEnd, is_silent
from tfnoise.codec import bitstring
from tfnoise.codec.blocks import BLOCK_FRAMES
from tfnoise.codec.container import (
    BitstreamError,
    Block,
    Header,
    Kind,
    pack_front_end,
    write_block,
    write_header,
)
from tfnoise.codec.decompression import SymbolReader
from tfnoise.codec.loading import LoadedModel
from tfnoise.codec.payload import PayloadCoder
from tfnoise.layers.transforms import TOTAL_STRIDE


def file_from_bitstring(
    data: bytes,
    model: LoadedModel,
    payloads: PayloadCoder,
    sample_rate_hz: int | None,
    samples: int | None,
    downmixed: bool,
) -> bytes:
    """A whole `.tfn` file; see `Codec.file_from_bitstring`."""
    front_end = model.front_end
    prefix, packed = _split(data, model)
    mels = front_end.mels
    if prefix.height not in (0, mels):
        raise BitstreamError(
            f"its image is {prefix.height} pixels high, and sound has {mels}; see decompress"
        )
    frames = prefix.extent if prefix.height else front_end.frames(prefix.extent)
    if frames < 1:
        raise BitstreamError("it claims to have no frames; it is damaged")
    shape = -(-mels // TOTAL_STRIDE), -(-frames // TOTAL_STRIDE), payloads.latents
    if len(packed) != payloads.packed_bytes(math.prod(shape)):
        raise BitstreamError(f"{len(packed)} bytes of symbols for {frames} frames; was it cut?")
    try:
        symbols = payloads.decode(Kind.PACKED, packed, shape, prefix.step_index)
    except ValueError as error:
        raise BitstreamError(f"damaged ({error})") from None
    if payloads.packed(symbols) != packed:
        raise BitstreamError("it has symbols beyond the model's tables; it is damaged")
    own = front_end.samples(frames) if prefix.height else prefix.extent
    try:
        header = Header(
            fingerprint=model.settings["fingerprint"],
            front_end=pack_front_end(front_end),
            reference_db=prefix.reference_db,
            sample_rate_hz=front_end.sample_rate_hz if sample_rate_hz is None else sample_rate_hz,
            samples=own if samples is None else samples,
            frames=frames,
            frames_per_block=BLOCK_FRAMES,
            frame_multiple=TOTAL_STRIDE,
            step_index=prefix.step_index,
            downmixed=downmixed,
        )
    except ValueError as error:
        raise BitstreamError(f"it cannot be so long or so loud ({error})") from None
    blocks = [write_header(header)]
    for number in range(header.blocks):
        first = header.first_frame(number) // TOTAL_STRIDE
        of_block = symbols[:, first : first + BLOCK_FRAMES // TOTAL_STRIDE]
        kind, payload = Kind.RANGE_CODED, b""
        if not is_silent(header.reference_db):
            kind, payload = payloads.encode(of_block, prefix.step_index)
        blocks.append(write_block(Block(number, header.frames_in(number), kind, payload), header))
    return b"".join(blocks)


def bitstrings_from_file(data: bytes, model: LoadedModel, payloads: PayloadCoder) -> list[bytes]:
    """A bitstring for each channel; see `Codec.bitstrings_from_file`."""
    front_end = model.front_end
    fingerprint = model.settings["fingerprint"]
    reader = SymbolReader(io.BytesIO(data), payloads, fingerprint, front_end)
    header = reader.header
    if header.open or header.step_index is None:
        raise BitstreamError(
            "an open stream has a step for each block, and a server takes one; decode it here"
        )
    channels: list[list[np.ndarray]] = [[] for _ in range(header.channels)]
    for block in reader:
        channels[header.channel(block.number)].append(block.symbols)
    prefix = bitstring.Prefix(
        bitstring.VERSION,
        header.step_index,
        0,
        bitstring.model_number(fingerprint),
        header.reference_db,
        _samples_for(header, front_end),
    )
    joined = [np.concatenate(blocks, 1) for blocks in channels]
    return [_join(prefix, payloads.packed(symbols)) for symbols in joined]


def _samples_for(header: Header, front_end: FrontEnd) -> int:
    """So many at the model's rate as make the file's frames."""
    samples = math.ceil(header.samples * front_end.sample_rate_hz / header.sample_rate_hz)
    return min(max(samples, front_end.samples(header.frames)), front_end.samples(header.frames + 1) - 1)


def _split(data: bytes, model: LoadedModel) -> tuple[bitstring.Prefix, bytes]:
    """The prefix as numbers, and the packed symbols."""
    if len(data) < bitstring.PREFIX_BYTES:
        raise BitstreamError("a bitstring is cut short: it has not even its prefix")
    prefix, packed = bitstring.split(tf.constant([data]))
    prefix = bitstring.Prefix(*(field.numpy()[0].item() for field in prefix))
    if prefix.version != bitstring.VERSION:
        raise BitstreamError(f"not a bitstring of version {bitstring.VERSION}; was it cut?")
    if prefix.model != bitstring.model_number(model.settings["fingerprint"]):
        raise BitstreamError(
            f"it is of another model than {model.path}, whose fingerprint is {model.settings['fingerprint']}"
        )
    if prefix.extent < 0:
        raise BitstreamError("it claims to be empty; it is damaged")
    return prefix, packed.numpy()[0]


def _join(prefix: bitstring.Prefix, packed: bytes) -> bytes:
    tensors = (tf.constant([value], tf.float32 if isinstance(value, float) else tf.int32) for value in prefix)
    return bitstring.join(bitstring.Prefix(*tensors), tf.constant([packed])).numpy()[0]
