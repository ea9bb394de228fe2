"""librosa in an environment and a process of its own: it is no dependency, only what we are compared with."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tfnoise.errors import InputError

_WORKER = Path(__file__).with_name("librosa_worker.py")


class LibrosaProcess:
    """A process that runs librosa's functions and times them; a context manager.

    Args:
      python: the interpreter.

    Attributes:
      versions: of librosa and numpy, and the library that its Fourier transforms are from.

    Raises:
      InputError: the interpreter cannot be run, or has no librosa.
    """

    def __init__(self, python: str):
        self._python = python

    def __enter__(self) -> LibrosaProcess:
        self._folder = tempfile.TemporaryDirectory(prefix="tfnoise-librosa-")
        try:
            self._process = subprocess.Popen(
                [self._python, str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise InputError(f"{self._python}: cannot be run ({error.strerror}); check the path") from error
        self.versions = self._answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._process.stderr.close()
        self._folder.cleanup()

    def load(self, name: str, array: np.ndarray) -> None:
        """Gives the process an array to work on."""
        path = str(Path(self._folder.name, f"{name}.npy"))
        np.save(path, array, allow_pickle=False)
        self._send({"do": "load", "name": name, "path": path})

    def seconds(self, do: str, array: str, one_by_one: bool, repeats: int, **settings: Any) -> float:
        """How long a function takes so many times; one_by_one: on each row of the array by itself."""
        request = {"do": do, "array": array, "one_by_one": one_by_one, "repeats": repeats}
        return self._send({**request, "settings": settings})["seconds"]

    def result(self, do: str, array: str, **settings: Any) -> np.ndarray:
        """What a function makes of each row of an array."""
        path = str(Path(self._folder.name, "result.npy"))
        request = {"do": do, "array": array, "one_by_one": True, "repeats": 1, "save": path}
        self._send({**request, "settings": settings})
        return np.load(path, allow_pickle=False)

    def _send(self, value: dict[str, Any]) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(value) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            said = (self._process.stderr.read().strip().splitlines() or ["it said nothing"])[-1]
            where = "" if self._python != sys.executable else " (it is this one, which need not have it)"
            raise InputError(f"{self._python}{where}: librosa failed there: {said}")
        return json.loads(line)
