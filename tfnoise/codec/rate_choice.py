"""Which quantization step a rate allows: "how do I get 0.8 bpp?"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfnoise.codec.frozen import CODER_MARGIN_BITS

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


def choose_step_by_coding(
    bits: np.ndarray, most_bits: float, strings: int, payload_bits: Callable[[int], int]
) -> tuple[int, bool]:
    """As `choose_step`; where there are few strings, the margin is what the coder takes and no more.

    On a short clip the margin is worth a step or two.

    Args:
      bits, most_bits, strings: as of `choose_step`.
      payload_bits: codes with a step, and counts.
    """
    step, fits = choose_step(bits, most_bits, strings)
    if strings <= _FEW_STRINGS:
        likely = np.flatnonzero(bits <= most_bits)
        for candidate in range(int(likely[0]) if len(likely) else step, step + (not fits)):
            if payload_bits(candidate) <= most_bits:
                return candidate, True
    return step, fits
