"""A block by itself: its latent to one string, with the finest step whose string fits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfnoise.codec.container import Kind
from tfnoise.codec.payload import PayloadCoder
from tfnoise.codec.rate_choice import choose_step_by_coding


class CodedBlock(NamedTuple):
    """How a block was coded: the string's kind, the string, and the index of its step."""

    kind: Kind
    data: bytes
    step_index: int


def code_block(module: Any, payloads: PayloadCoder, latent: np.ndarray, most_bits: float) -> CodedBlock:
    """Codes a latent with the finest step whose string has at most so many bits, or else the coarsest.

    Args:
      module: a `FrozenModel`, or one that was loaded.
      payloads: of that model.
      latent: float32 `[rows, columns, latents]`.
      most_bits: of the string.
    """
    strings: dict[int, tuple[Kind, bytes]] = {}

    def symbols_of(step: int) -> np.ndarray:
        return module.symbols(latent[None], tf.constant([step])).numpy()[0]

    def payload_bits(step: int) -> int:
        strings[step] = payloads.encode(symbols_of(step), step)
        return 8 * len(strings[step][1])

    def bits_of(step: int) -> float:
        return payloads.sufficient_bits(symbols_of(step), step)

    step, _ = choose_step_by_coding(payloads.steps, most_bits, 1, bits_of, payload_bits)
    if step not in strings:
        payload_bits(step)
    return CodedBlock(*strings[step], step)
