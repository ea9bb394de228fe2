"""The numbers of the normalised Laplacian pyramid distance: published, or fitted and in a small file."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tfnoise.errors import InputError
from tfnoise.files import replacing
from tfnoise.losses.images import check_whole

FAMILIES = ("2016", "2017")
"""The published families."""

_FORMAT = "tfnoise NLPD parameters, version 1"
_LARGEST_FILE_BYTES = 1 << 20
_WIDEST = 11
MOST_SCALES = 16
"""More than any image has room for."""

# Laparra et al. 2016 as their co-author implements it: sigma, and the weights of the pixels above, left,
# right and below; the last row is the low-pass residual's.
_PUBLISHED_2016 = (
    (0.0248, 0.1011, 0.1493, 0.1460, 0.1015),
    (0.0185, 0.0757, 0.1986, 0.1846, 0.0837),
    (0.0179, 0.0477, 0.2138, 0.2243, 0.0467),
    (0.0191, 0.0, 0.2503, 0.2616, 0.0),
    (0.0220, 0.0, 0.2598, 0.2552, 0.0),
    (0.2782, 0.0, 0.2215, 0.0717, 0.0),
)

# Laparra et al. 2017, one set for all band-pass scales and another for the residual.
_SIGMA_2017 = 0.17
_WEIGHTS_2017 = (
    (0.04, 0.04, 0.05, 0.04, 0.04),
    (0.04, 0.03, 0.04, 0.03, 0.04),
    (0.05, 0.04, 0.05, 0.04, 0.05),
    (0.04, 0.03, 0.04, 0.03, 0.04),
    (0.04, 0.04, 0.05, 0.04, 0.04),
)
_RESIDUAL_SIGMA_2017 = 4.86


Matrix = tuple[tuple[float, ...], ...]


@dataclasses.dataclass(frozen=True)
class NLPDParameters:
    """The divisor of each of NLPD's bands, sigma + weights * |band|; immutable and hashable.

    Attributes:
      family: "2016" or "2017", which decides the pyramid and how scales are pooled.
      sigma: one positive constant a scale, finest first; the last is the low-pass residual's.
      weights: one matrix a scale, of an odd side, of the neighbours' weights, none negative.
      origin: where the numbers are from, for people; it plays no part in comparisons.

    Raises:
      ValueError: a value cannot be used; the message names it.

    >>> NLPDParameters("2016", (0.1, 0.2), (((0.5,),), ((0.5,),))).scales
    2
    """

    family: str
    sigma: tuple[float, ...]
    weights: tuple[Matrix, ...]
    origin: str = dataclasses.field(default="", compare=False)

    def __post_init__(self) -> None:
        check_family(self.family)
        try:
            object.__setattr__(self, "sigma", tuple(float(value) for value in self.sigma))
            matrices = [[[float(value) for value in row] for row in matrix] for matrix in self.weights]
        except (TypeError, ValueError):
            rule = "sigma must hold numbers, and weights matrices of numbers, one a scale"
            raise ValueError(rule) from None
        object.__setattr__(self, "weights", tuple(tuple(map(tuple, matrix)) for matrix in matrices))
        if not 1 <= len(self.sigma) <= MOST_SCALES or len(self.sigma) != len(self.weights):
            raise ValueError(
                f"sigma and weights must have an entry for each of 1 to {MOST_SCALES} scales, "
                f"not {len(self.sigma)} and {len(self.weights)}"
            )
        for scale, (sigma, weights) in enumerate(zip(self.sigma, self.weights), 1):
            side = len(weights)
            matrix = np.array(weights) if {len(row) for row in weights} == {side} else np.empty(0)
            if not (np.isfinite(sigma) and sigma > 0):
                raise ValueError(f"sigma of scale {scale} must be a positive number, not {sigma!r}")
            if matrix.shape != (side, side) or side % 2 == 0 or side > _WIDEST:
                raise ValueError(
                    f"weights of scale {scale} must be a square matrix of an odd side up to {_WIDEST}"
                )
            if not np.all(np.isfinite(matrix)) or matrix.min() < 0:
                raise ValueError(f"weights of scale {scale} must be finite numbers, none negative")

    @property
    def scales(self) -> int:
        """Number of scales, the low-pass residual among them."""
        return len(self.sigma)

    @property
    def smallest_side(self) -> int:
        """The least height and width of images, in pixels."""
        return smallest_side(self.scales, self.family)

    def to_dict(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        weights = [[list(row) for row in matrix] for matrix in self.weights]
        return {"family": self.family, "sigma": list(self.sigma), "weights": weights, "origin": self.origin}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NLPDParameters:
        """The inverse of `to_dict`.

        Raises:
          ValueError: something is missing or cannot be used.
        """
        try:
            origin = str(values.get("origin", ""))
            return cls(str(values["family"]), values["sigma"], values["weights"], origin)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"needs family, sigma and weights ({type(error).__name__}: {error})") from None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the parameters as a small JSON file, whole or not at all.

        Raises:
          OSError: the folder is absent or cannot be written to.
        """
        with replacing(path) as temporary:
            text = json.dumps({"format": _FORMAT, **self.to_dict()}, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> NLPDParameters:
        """Reads what `save` wrote.

        Raises:
          InputError: the file is missing or holds something else; the message names it.
        """
        remedy = "make one with bin/fit_nlpd"
        try:
            with open(path, "rb") as source:
                content = source.read(_LARGEST_FILE_BYTES + 1)
            values = json.loads(content.decode("utf-8")) if len(content) <= _LARGEST_FILE_BYTES else None
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
        except (ValueError, RecursionError):
            raise InputError(f"{path}: is no file of NLPD parameters; {remedy}") from None
        if not isinstance(values, dict) or values.get("format") != _FORMAT:
            raise InputError(f"{path}: is no file of NLPD parameters of this version; {remedy}")
        try:
            return cls.from_dict(values)
        except ValueError as error:
            raise InputError(f"{path}: cannot be used: {error}; {remedy}") from None


def published_parameters(family: str = "2016", scales: int = 6) -> NLPDParameters:
    """The published numbers.

    With fewer scales than published, the band-pass scales are the finest ones, and the last is the low-pass
    residual with the residual's own numbers: its values are of another size than a band's.

    Args:
      family: "2016" (Laparra et al. 2016, up to 6 scales) or "2017" (Laparra et al. 2017).
      scales: number of scales, the low-pass residual among them.

    Raises:
      ValueError: an unknown family, or a number of scales that it does not have.

    >>> published_parameters("2017", scales=2).sigma
    (0.17, 4.86)
    """
    check_family(family)
    most = len(_PUBLISHED_2016) if family == "2016" else MOST_SCALES
    check_whole("scales", scales, 1, most)
    if family == "2016":
        rows = (*_PUBLISHED_2016[: scales - 1], _PUBLISHED_2016[-1])
        crosses = [
            ((0.0, top, 0.0), (left, 0.0, right), (0.0, bottom, 0.0)) for _, top, left, right, bottom in rows
        ]
        return NLPDParameters(family, tuple(row[0] for row in rows), tuple(crosses), "Laparra et al. 2016")
    sigma = (_SIGMA_2017,) * (scales - 1) + (_RESIDUAL_SIGMA_2017,)
    weights: tuple[Matrix, ...] = (*(_WEIGHTS_2017,) * (scales - 1), ((1.0,),))
    return NLPDParameters(family, sigma, weights, "Laparra et al. 2017")


def check_family(family: Any) -> None:
    """Raises ValueError where a family is none of `FAMILIES`."""
    if family not in FAMILIES:
        families = ", ".join(map(repr, FAMILIES))
        raise ValueError(f"family must be one of the known NLPD families {families}, not {family!r}")


def smallest_side(scales: int, family: str) -> int:
    """The least height and width, in pixels, of images for NLPD with so many scales.

    Family "2017" mirrors four pixels beyond a border, which needs more than four inside of it, at each of the
    `scales - 1` images that are split.

    >>> smallest_side(4, "2017")
    17
    """
    return 4 * 2 ** (scales - 2) + 1 if family == "2017" and scales > 1 else 1
