"""Which quantization step a rate allows: the finest whose strings fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

CODER_MARGIN_BITS = 16.0
"""What a range coder may need beyond the sum over its tables; the choice of a step leaves room for it."""

# What a step of the grid changes, on natural sound; the guesses before plain bisection.
_LOG_BITS_PER_STEP, _MOST_GUESSES = 0.045, 5

# So few strings are coded once more rather than given up a step for.
_FEW_STRINGS = 2


def choose_step(bits: Any, most_bits: Any, strings: Any) -> tf.Tensor:
    """The finest step whose symbols surely fit, where the information at all steps is known.

    >>> int(choose_step([[90.0, 60.0, 40.0]], [80.0], strings=1)[0])
    1

    Args:
      bits: information of all symbols at each step, finest first, floats `[batch, steps]`; in a graph, too.
      most_bits: the most bits that all strings of an item may have, `[batch]`.
      strings: number of strings of each item, each with up to 16 bits more than its information.

    Returns:
      The indices, int32 `[batch]`; the coarsest step's where none fits.
    """
    bits = tf.convert_to_tensor(bits)
    margin = CODER_MARGIN_BITS * tf.cast(strings, bits.dtype)
    fits = bits <= tf.convert_to_tensor(most_bits, bits.dtype)[:, tf.newaxis] - margin
    coarsest = tf.shape(bits)[1] - 1
    return tf.where(tf.reduce_any(fits, 1), tf.argmax(fits, 1, tf.int32), coarsest)


def search_step(
    steps: int,
    most_bits: float,
    strings: int,
    bits: Callable[[int], float],
    payload_bits: Callable[[int], int],
) -> tuple[int, bool]:
    """As `choose_step` where the information is costly: by guesses and bisection, as finer steps take more.

    On a short clip the coder's margin is worth a step or two; so where there are few strings, they are coded,
    and the margin is what the coder takes and no more.

    >>> search_step(76, 500.0, strings=8, bits=lambda step: 1000 * 1.07**-step, payload_bits=lambda step: 0)
    (15, True)

    Args:
      steps: number of steps, finest first.
      most_bits: the most bits that all strings may have.
      strings: number of strings, each with up to 16 bits more than its information.
      bits: gives the information of all symbols at a step, as they will be coded.
      payload_bits: codes at a step, and counts.

    Returns:
      The step's index, and whether it fits: the coarsest may not. A single step is not checked.
    """
    if steps == 1:
        return 0, True
    room = most_bits - strings * CODER_MARGIN_BITS
    coarsest = steps - 1
    low, high, guess, guesses = 0, coarsest, steps // 3, 0
    while low < high:
        tried = min(max(guess, low), high - 1) if guesses < _MOST_GUESSES else (low + high) // 2
        tried_bits = bits(tried)
        guesses += 1
        distance = math.log(max(tried_bits, 1.0) / max(room, 1.0)) / _LOG_BITS_PER_STEP
        if tried_bits <= room:
            high = tried
            guess = tried - max(1, math.floor(-distance))
        else:
            low = tried + 1
            guess = tried + max(1, math.floor(distance))
    few = strings <= _FEW_STRINGS
    if few and low and payload_bits(low - 1) <= most_bits:
        return low - 1, True
    fits = low < coarsest or bits(low) <= room or (few and payload_bits(low) <= most_bits)
    return low, fits
