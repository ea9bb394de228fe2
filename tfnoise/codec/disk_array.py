"""Arrays too long for memory, in a temporary file that nobody else sees and that goes with the process."""

from __future__ import annotations

import math
import tempfile
from types import TracebackType

import numpy as np


class DiskArray:
    """Rows of one shape, written one after another and read back anywhere.

    Args:
      shape: of a row.
      dtype: of the values.

    Raises:
      OSError: on any use, when there is no room or no temporary folder (TMPDIR).
    """

    def __init__(self, shape: tuple[int, ...], dtype: type = np.float32):
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._row_bytes = math.prod(shape) * self._dtype.itemsize
        self._file = tempfile.TemporaryFile(prefix="tfnoise-")
        self._rows = 0

    def __enter__(self) -> DiskArray:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._rows

    def append(self, rows: np.ndarray) -> None:
        """Writes rows `[count, *shape]` after the others."""
        rows = np.ascontiguousarray(rows, self._dtype)
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
        return np.frombuffer(data, self._dtype).reshape(count, *self._shape)
