"""Requests to a SavedModel in the C++ runtime, as an unmodified server would run them: in an own process.

answers = run_in_cpp("saved_models/best/1", [("compress", {"image": image, "bpp": rates})])
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
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
    return {
        name: signature
        for name, signature in meta_graph.signature_def.items()
        if not name.startswith("__saved_model")
    }


def run_in_cpp(saved_model: str | Path, requests: Sequence[Request]) -> list[dict[str, Any] | str]:
    """Makes requests one after the other.

    Returns:
      Of each its outputs by name, or the runtime's message where it failed.

    Raises:
      RuntimeError: the model does not load, or the process ended.
    """
    with tempfile.TemporaryDirectory(prefix="tfnoise-cpp-") as folder:
        jobs = [_job(saved_model, request, Path(folder), str(n)) for n, request in enumerate(requests)]
        answers = _run(saved_model, jobs, Path(folder))
        return [
            answer["error"] or cpp_runtime.read_values(Path(folder) / job["outputs"])
            for answer, job in zip(answers, jobs)
        ]


def time_in_cpp(
    saved_model: str | Path, request: Request, clients: Mapping[int, int]
) -> list[tuple[float, list[float]]]:
    """Lets clients ask the same, each one after the other, all at once in one process.

    Args:
      saved_model: the folder.
      request: what they ask.
      clients: how many at once, and how often each asks; one measurement after the other, after a warm-up.

    Returns:
      Of each measurement the seconds that all took, and the latency of each request.
    """
    with tempfile.TemporaryDirectory(prefix="tfnoise-cpp-") as folder:
        job = _job(saved_model, request, Path(folder), "0")
        jobs = [{**job, "clients": count, "each": each} for count, each in clients.items()]
        warm_up = {**job, "clients": 1, "each": 3}
        answers = _run(saved_model, [warm_up, *jobs], Path(folder))[1:]
        return [(answer["seconds"][0], answer["seconds"][1:]) for answer in answers]


def _job(saved_model: str | Path, request: Request, folder: Path, stem: str) -> dict[str, Any]:
    signature, inputs = request
    signature_def = signature_defs(saved_model)[signature]
    cpp_runtime.write_values(
        folder / f"in{stem}.npz", {name: _plain(value) for name, value in inputs.items()}
    )
    return {
        "inputs": f"in{stem}.npz",
        "outputs": f"out{stem}.npz",
        "feeds": {name: tensor.name for name, tensor in signature_def.inputs.items()},
        "fetches": {name: tensor.name for name, tensor in signature_def.outputs.items()},
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else np.asarray(value)


def _run(saved_model: str | Path, requests: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    job = folder / "job.json"
    job.write_text(json.dumps({"saved_model": str(Path(saved_model).resolve()), "requests": requests}))
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    done = subprocess.run(
        [sys.executable, cpp_runtime.__file__, str(job)], capture_output=True, text=True, env=environment
    )
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or len(answers) != len(requests):
        reason = done.stderr.strip()[-2000:] or f"the process ended with status {done.returncode}"
        raise RuntimeError(reason)
    return answers
