"""A SavedModel in the C++ runtime of the TensorFlow wheel, in a process that never imports TensorFlow.

    python cpp_runtime.py SAVED_MODEL

The runtime knows stock operations alone, as TensorFlow Serving does: what does not load here does not load
there. It reads requests from stdin and answers on stdout, a line of JSON each; `tests.tools.cpp_process`
starts it. This file imports nothing of tfnoise.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

# TF_DataType by NumPy's names; strings are lists of bytes.
_TYPES = {"float32": 1, "int32": 3, "uint8": 4, "string": 7, "int64": 9}
_NAMES = {number: name for name, number in _TYPES.items()}
_STRING = _TYPES["string"]
_TSTRING_BYTES = 24
_POINTER = ctypes.c_void_p


class _Port(ctypes.Structure):
    """TF_Output."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class SavedModelSession:
    """A loaded SavedModel; its `run` may be called from several threads.

    Args:
      folder: of the SavedModel.

    Raises:
      RuntimeError: the runtime does not load it; the message is its own.
    """

    def __init__(self, folder: str):
        self._tf = _library()
        status = _POINTER(self._tf.TF_NewStatus())
        self._graph = _POINTER(self._tf.TF_NewGraph())
        tags = (ctypes.c_char_p * 1)(b"serve")
        options = _POINTER(self._tf.TF_NewSessionOptions())
        self._session = _POINTER(
            self._tf.TF_LoadSessionFromSavedModel(
                options, None, folder.encode(), tags, 1, self._graph, None, status
            )
        )
        self._check(status)

    def run(self, inputs: dict[str, Any], outputs: list[str]) -> list[Any]:
        """Feeds tensors and fetches others, all by their names in the graph, as `operation:0`.

        Args:
          inputs: arrays, or lists of bytes.
          outputs: names.

        Returns:
          Arrays, and lists of bytes for tensors of strings.

        Raises:
          RuntimeError: the runtime's own message.
        """
        feeds = (_Port * len(inputs))(*map(self._port, inputs))
        fetches = (_Port * len(outputs))(*map(self._port, outputs))
        fed = (_POINTER * len(inputs))(*map(self._tensor, inputs.values()))
        fetched = (_POINTER * len(outputs))()
        status = _POINTER(self._tf.TF_NewStatus())
        counts = len(inputs), len(outputs)
        self._tf.TF_SessionRun(
            self._session, None, feeds, fed, counts[0], fetches, fetched, counts[1], None, 0, None, status
        )
        try:
            self._check(status)
            return [self._value(_POINTER(tensor)) for tensor in fetched]
        finally:
            for tensor in (*fed, *fetched):
                if tensor:
                    self._tf.TF_DeleteTensor(_POINTER(tensor))

    def _port(self, name: str) -> _Port:
        operation, _, index = name.partition(":")
        pointer = self._tf.TF_GraphOperationByName(self._graph, operation.encode())
        if not pointer:
            raise RuntimeError(f"no operation {operation}")
        return _Port(pointer, int(index or 0))

    def _tensor(self, value: Any) -> int:
        if isinstance(value, list):
            tensor = self._allocated(_STRING, (len(value),), _TSTRING_BYTES * len(value))
            begin = self._tf.TF_TensorData(_POINTER(tensor))
            for place, text in enumerate(value):
                string = _POINTER(begin + _TSTRING_BYTES * place)
                self._tf.TF_StringInit(string)
                self._tf.TF_StringCopy(string, text, ctypes.c_size_t(len(text)))
            return tensor
        value = np.ascontiguousarray(value)
        tensor = self._allocated(_TYPES[value.dtype.name], value.shape, value.nbytes)
        ctypes.memmove(self._tf.TF_TensorData(_POINTER(tensor)), value.ctypes.data, value.nbytes)
        return tensor

    def _allocated(self, dtype: int, shape: tuple[int, ...], size: int) -> int:
        dims = (ctypes.c_int64 * len(shape))(*shape)
        return self._tf.TF_AllocateTensor(dtype, dims, len(shape), ctypes.c_size_t(size))

    def _value(self, tensor: ctypes.c_void_p) -> Any:
        shape = [self._tf.TF_Dim(tensor, axis) for axis in range(self._tf.TF_NumDims(tensor))]
        begin, dtype = self._tf.TF_TensorData(tensor), self._tf.TF_TensorType(tensor)
        if dtype == _STRING:
            strings = [_POINTER(begin + _TSTRING_BYTES * place) for place in range(int(np.prod(shape)))]
            return [
                ctypes.string_at(self._tf.TF_StringGetDataPointer(text), self._tf.TF_StringGetSize(text))
                for text in strings
            ]
        values = np.empty(shape, _NAMES[dtype])
        ctypes.memmove(values.ctypes.data, begin, values.nbytes)
        return values

    def _check(self, status: ctypes.c_void_p) -> None:
        failed = self._tf.TF_GetCode(status)
        message = self._tf.TF_Message(status).decode(errors="replace") if failed else ""
        self._tf.TF_DeleteStatus(status)
        if failed:
            raise RuntimeError(message)


def _library() -> ctypes.CDLL:
    folder = Path(importlib.util.find_spec("tensorflow").submodule_search_locations[0])
    ctypes.CDLL(str(folder / "libtensorflow_framework.so.2"), ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(folder / "libtensorflow_cc.so.2"), ctypes.RTLD_GLOBAL)
    for name in (
        "TF_NewStatus",
        "TF_NewGraph",
        "TF_NewSessionOptions",
        "TF_LoadSessionFromSavedModel",
        "TF_GraphOperationByName",
        "TF_AllocateTensor",
        "TF_TensorData",
        "TF_StringGetDataPointer",
    ):
        getattr(library, name).restype = ctypes.c_void_p
    library.TF_Message.restype = ctypes.c_char_p
    library.TF_Dim.restype = ctypes.c_int64
    library.TF_StringGetSize.restype = ctypes.c_size_t
    return library


def write_values(path: Path, values: dict[str, Any]) -> None:
    """Writes arrays and lists of bytes by name, without pickling anything."""
    stored: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list):
            stored[f"bytes {name}"] = np.frombuffer(b"".join(value), np.uint8)
            stored[f"lengths {name}"] = np.array([len(text) for text in value], np.int64)
        else:
            stored[f"array {name}"] = value
    np.savez(path, **stored)


def read_values(path: Path) -> dict[str, Any]:
    """What `write_values` wrote."""
    values: dict[str, Any] = {}
    with np.load(path, allow_pickle=False) as stored:
        for key in stored.files:
            kind, _, name = key.partition(" ")
            if kind == "array":
                values[name] = stored[key]
            elif kind == "lengths":
                ends = np.cumsum(stored[key])
                text = stored[f"bytes {name}"].tobytes()
                values[name] = [
                    text[end - length : end] for end, length in zip(ends.tolist(), stored[key].tolist())
                ]
    return values


def _answer(session: SavedModelSession, request: dict[str, Any]) -> dict[str, Any]:
    """Runs a request, whose inputs are in a file, and writes its outputs to another; or measures it."""
    inputs = read_values(Path(request["inputs"]))
    feeds = {request["feeds"][name]: value for name, value in inputs.items()}
    fetches = list(request["fetches"].values())
    if "clients" in request:
        return {"seconds": _timed(lambda: session.run(feeds, fetches), request["clients"], request["each"])}
    try:
        outputs = session.run(feeds, fetches)
    except RuntimeError as error:
        return {"error": str(error)}
    write_values(Path(request["outputs"]), dict(zip(request["fetches"], outputs)))
    return {"error": None}


def _timed(run: Callable[[], object], clients: int, each: int) -> list[float]:
    """Seconds that all clients took, and the latencies; each calls one after the other, all at once."""
    latencies: list[float] = []
    start = threading.Barrier(clients + 1)

    def client() -> None:
        start.wait()
        for _ in range(each):
            begin = time.perf_counter()
            run()
            latencies.append(time.perf_counter() - begin)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    start.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    return [time.perf_counter() - begin, *latencies]


def main(saved_model: str) -> None:
    """Answers requests until stdin ends; the first line says that the model is loaded."""
    try:
        session = SavedModelSession(saved_model)
    except RuntimeError as error:
        sys.exit(str(error))
    print("{}", flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(session, json.loads(line))), flush=True)
    assert not [name for name in sys.modules if name.split(".")[0] == "tensorflow"]


if __name__ == "__main__":
    main(sys.argv[1])
