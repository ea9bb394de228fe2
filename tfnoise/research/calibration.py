"""What is left of an error after brightness and contrast are set right, the same for all pixels."""

from __future__ import annotations

import numpy as np


def calibration(original: np.ndarray, made: np.ndarray) -> tuple[float, float]:
    """The slope and offset that bring what was made nearest to the original, by least squares.

    Args:
      original, made: floats of one shape, pixel by pixel.

    Returns:
      Such that slope * made + offset has the least mean squared error.
    """
    slope, offset = np.polyfit(made.ravel(), original.ravel(), 1)
    return float(slope), float(offset)
