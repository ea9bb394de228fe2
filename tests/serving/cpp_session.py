"""Runs a SavedModel in TensorFlow's C++ runtime, with no TensorFlow module imported.

    python cpp_session.py FOLDER IMAGE.npy OUT.npy

The runtime of the wheel knows stock operations only, as TensorFlow Serving does: what does not load here
does not load there.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path

import numpy as np

FLOAT = 1


class Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


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
    ):
        getattr(library, name).restype = ctypes.c_void_p
    library.TF_Message.restype = ctypes.c_char_p
    library.TF_Dim.restype = ctypes.c_int64
    return library


def run(folder: str, image: np.ndarray) -> np.ndarray:
    """Feeds `image` to serving_default and returns its output `reconstruction`."""
    tf = _library()
    pointer = ctypes.c_void_p
    status, graph = pointer(tf.TF_NewStatus()), pointer(tf.TF_NewGraph())
    tags = (ctypes.c_char_p * 1)(b"serve")
    options = pointer(tf.TF_NewSessionOptions())
    session = tf.TF_LoadSessionFromSavedModel(options, None, folder.encode(), tags, 1, graph, None, status)
    _check(tf, status)
    dims = (ctypes.c_int64 * image.ndim)(*image.shape)
    tensor = pointer(tf.TF_AllocateTensor(FLOAT, dims, image.ndim, ctypes.c_size_t(image.nbytes)))
    ctypes.memmove(tf.TF_TensorData(tensor), image.ctypes.data, image.nbytes)
    feed = Output(tf.TF_GraphOperationByName(graph, b"serving_default_image"), 0)
    # Outputs of a signature are in the order of their names: bpp, reconstruction, step.
    fetch = Output(tf.TF_GraphOperationByName(graph, b"StatefulPartitionedCall"), 1)
    fed, fetched = (pointer * 1)(tensor), (pointer * 1)()
    tf.TF_SessionRun(
        pointer(session),
        None,
        ctypes.byref(feed),
        fed,
        1,
        ctypes.byref(fetch),
        fetched,
        1,
        None,
        0,
        None,
        status,
    )
    _check(tf, status)
    result = pointer(fetched[0])
    shape = [tf.TF_Dim(result, axis) for axis in range(tf.TF_NumDims(result))]
    values = np.empty(shape, np.float32)
    ctypes.memmove(values.ctypes.data, tf.TF_TensorData(result), values.nbytes)
    return values


def _check(tf: ctypes.CDLL, status: ctypes.c_void_p) -> None:
    if tf.TF_GetCode(status):
        sys.exit(tf.TF_Message(status).decode())


if __name__ == "__main__":
    np.save(sys.argv[3], run(sys.argv[1], np.load(sys.argv[2])))
    assert not [name for name in sys.modules if name.startswith("tensorflow")]
