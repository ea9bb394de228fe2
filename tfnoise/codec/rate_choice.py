"""Which quantization step a rate allows: "how do I get 0.8 bpp?"."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

CODER_MARGIN_BITS = 16.0
"""What a range coder may need beyond the sum over its tables; the choice of a step leaves room for it."""

# What a step of the grid changes, on natural sound; the guesses before halving the rest is surer.
_LOG_BITS_PER_STEP, _MOST_GUESSES = 0.045, 5

# So few strings are coded once more rather than given up a step for.
_FEW_STRINGS = 2


def choose_step(bits: np.ndarray, most_bits: float, strings: int) -> tuple[int, bool]:
    """The finest step whose symbols surely fit.

    Args:
      bits: by step, finest first, the information of all symbols.
      most_bits: what all strings may have.
      strings: how many there are, each with up to 16 bits more than its information.

    Returns:
      Its index, and whether it fits: the coarsest may not.
    """
    fits = np.flatnonzero(bits <= most_bits - strings * CODER_MARGIN_BITS)
    return (int(fits[0]), True) if len(fits) else (len(bits) - 1, False)


def choose_steps(bits: tf.Tensor, most_bits: tf.Tensor, strings: tf.Tensor | int) -> tf.Tensor:
    """As `choose_step`, for a batch and in a graph.

    Args:
      bits: by image and step, finest first, `[batch, steps]`.
      most_bits: what all strings of an image may have, `[batch]`.
      strings: how many each image has.

    Returns:
      The indices, int32 `[batch]`: the coarsest step's where none fits.
    """
    margin = CODER_MARGIN_BITS * tf.cast(strings, tf.float32)
    fits = bits <= most_bits[:, tf.newaxis] - margin
    coarsest = tf.shape(bits)[1] - 1
    return tf.where(tf.reduce_any(fits, 1), tf.argmax(fits, 1, tf.int32), coarsest)


def choose_step_by_coding(
    steps: int,
    most_bits: float,
    strings: int,
    bits_of: Callable[[int], float],
    payload_bits: Callable[[int], int],
) -> tuple[int, bool]:
    """The finest step whose strings fit, found by guesses and halving, as finer steps take more bits.

    On a short clip what is left for the coder is worth a step or two; so where there are few strings, they
    are coded, and the margin is what the coder takes and no more.

    Args:
      steps: how many there are, finest first.
      most_bits: what all strings may have.
      strings: how many there are, each with up to 16 bits more than its information.
      bits_of: the information of all symbols with a step, as they will be coded.
      payload_bits: codes with a step, and counts.

    Returns:
      Its index, and whether it fits: the coarsest may not. Of a single step it is not asked.
    """
    if steps == 1:
        return 0, True
    room = most_bits - strings * CODER_MARGIN_BITS
    coarsest = steps - 1
    low, high, guess, guesses = 0, coarsest, steps // 3, 0
    while low < high:
        tried = min(max(guess, low), high - 1) if guesses < _MOST_GUESSES else (low + high) // 2
        bits = bits_of(tried)
        guesses += 1
        away = math.log(max(bits, 1.0) / max(room, 1.0)) / _LOG_BITS_PER_STEP
        if bits <= room:
            high = tried
            guess = tried - max(1, math.floor(-away))
        else:
            low = tried + 1
            guess = tried + max(1, math.floor(away))
    few = strings <= _FEW_STRINGS
    if few and low and payload_bits(low - 1) <= most_bits:
        return low - 1, True
    fits = low < coarsest or bits_of(low) <= room or (few and payload_bits(low) <= most_bits)
    return low, fits
