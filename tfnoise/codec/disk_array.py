"""Arrays too long for memory, in a temporary file that nobody else sees and that goes with the process."""

from __future__ import annotations

import math
import tempfile

import numpy as np


class DiskArray:
    """Rows of float32 values of one shape, written one after another and read back anywhere.

    >>> with DiskArray((2,)) as array:
    ...     array.append(np.zeros([3, 2], np.float32))
    ...     array.read(1, 9).shape
    (2, 2)

    Args:
      shape: shape of a row.

    Raises:
      OSError: on any use, when there is no room or no temporary folder (TMPDIR).
    """

    def __init__(self, shape: tuple[int, ...]):
        self._shape, self._row_bytes = shape, 4 * math.prod(shape)
        self._file = tempfile.TemporaryFile(prefix="tfnoise-")
        self._rows = 0

    def __enter__(self) -> DiskArray:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._rows

    def append(self, rows: np.ndarray) -> None:
        """Writes rows `[count, *shape]` after the others."""
        rows = np.ascontiguousarray(rows, np.float32)
        if rows.shape[1:] != self._shape:
            raise ValueError(f"rows must be {list(self._shape)}, not {list(rows.shape[1:])}")
        self._file.seek(self._rows * self._row_bytes)
        self._file.write(rows.tobytes())
        self._rows += len(rows)

    def read(self, first: int, last: int) -> np.ndarray:
        """The rows from `first` to before `last`, as many as there are: `[count, *shape]`."""
        count = max(0, min(last, self._rows) - first)
        self._file.seek(first * self._row_bytes)
        data = self._file.read(count * self._row_bytes)
        return np.frombuffer(data, np.float32).reshape(count, *self._shape)
