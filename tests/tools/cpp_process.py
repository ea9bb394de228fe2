"""A SavedModel in the C++ runtime, as an unmodified server would run it, in a process of its own.

with cpp_session("saved_models/best/1") as session:
    outputs = session.run("compress", {"image": image, "bpp": rates})
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from tests.tools import cpp_runtime

Request = tuple[str, Mapping[str, Any]]
"""A signature and its inputs: arrays, or lists of bytes."""


def signature_defs(saved_model: str | Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    """The signatures of a SavedModel by name."""
    data = (Path(saved_model) / "saved_model.pb").read_bytes()
    (meta_graph,) = saved_model_pb2.SavedModel.FromString(data).meta_graphs
    signatures = meta_graph.signature_def.items()
    return {name: signature for name, signature in signatures if not name.startswith("__saved_model")}


class CppSession:
    """Requests to a process that has loaded a SavedModel; see `cpp_session`."""

    def __init__(self, process: subprocess.Popen, folder: Path, saved_model: str | Path):
        self._process, self._folder = process, folder
        self._signatures = signature_defs(saved_model)
        self._answer()

    def run(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, Any] | str:
        """The outputs of a signature by name, or the runtime's message where it failed."""
        answer = self._ask(signature, inputs)
        return answer["error"] or cpp_runtime.read_values(self._folder / "outputs.npz")

    def time(
        self, signature: str, inputs: Mapping[str, Any], clients: int, each: int
    ) -> tuple[float, list[float]]:
        """Lets clients make the same request at once, each one after the other.

        Returns:
          The seconds that all took, and the latency of each request.
        """
        seconds = self._ask(signature, inputs, clients=clients, each=each)["seconds"]
        return seconds[0], seconds[1:]

    def _ask(self, signature: str, inputs: Mapping[str, Any], **options: int) -> dict[str, Any]:
        definition = self._signatures[signature]
        values = {n: v if isinstance(v, (list, tuple)) else np.asarray(v) for n, v in inputs.items()}
        cpp_runtime.write_values(self._folder / "inputs.npz", values)
        request = {
            "inputs": str(self._folder / "inputs.npz"),
            "outputs": str(self._folder / "outputs.npz"),
            "feeds": {name: tensor.name for name, tensor in definition.inputs.items()},
            "fetches": {name: tensor.name for name, tensor in definition.outputs.items()},
            **options,
        }
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        status = self._process.wait()
        reason = (self._folder / "stderr").read_text().strip()[-2000:]
        raise RuntimeError(reason or f"the process ended with status {status}")


@contextlib.contextmanager
def cpp_session(saved_model: str | Path) -> Iterator[CppSession]:
    """Starts a process with a SavedModel.

    Raises:
      RuntimeError: the model does not load, or the process ended.
    """
    command = [sys.executable, cpp_runtime.__file__, str(Path(saved_model).resolve())]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tfnoise-cpp-")))
        errors = stack.enter_context(open(folder / "stderr", "w"))
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=environment
        )
        stack.enter_context(process)
        yield CppSession(process, folder, saved_model)
    if process.returncode:
        raise RuntimeError(f"the process ended with status {process.returncode}")


def run_in_cpp(saved_model: str | Path, requests: Sequence[Request]) -> list[dict[str, Any] | str]:
    """Makes requests one after the other in one process; of each what `CppSession.run` gives."""
    with cpp_session(saved_model) as session:
        return [session.run(*request) for request in requests]
