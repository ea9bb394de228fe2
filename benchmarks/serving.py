"""Requests a second and latencies of a model: in the C++ runtime, in Python, behind a real server."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.measuring import free_ports
from tests.tools.cpp_process import Request, cpp_session
from tfnoise import codec
from tfnoise.cli.coding import shipped
from tfnoise.cli.output import say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.shared_flags import DEFAULT_MODEL
from tfnoise.errors import InputError
from tfnoise.serving import exported_models
from tfnoise.serving.connections import ServerError
from tfnoise.serving.server_config import VARIABLE, find_server, server_command

CLIENTS = (1, 4, 16)
FRAMES = 256
SIGNATURES = ("compress", "decompress", "compress_audio", "decompress_audio")

_REQUESTS = 48
_START_S = 120


def report(model_path: str | None, rounds: int) -> dict[str, Any]:
    """Measures an exported model in each runtime that is here, and prints a table.

    Args:
      model_path: NAME or NAME/VERSION; None: the shipped one.
      rounds: measurements of each, in turns.
    """
    model = codec.resolve(model_path or shipped(DEFAULT_MODEL))
    with Progress(rounds, label="measuring", unit="round") as progress:
        rows = compare_runtimes(model, rounds, progress.update)
    cells = [
        [
            row["signature"],
            row["runtime"],
            row["clients"],
            f"{row['requests_per_s']:.1f}",
            f"{row['latency_ms']:.1f}",
            f"{row['latency_p95_ms']:.1f}",
        ]
        for row in rows
    ]
    say(f"{model}, {FRAMES} frames a request; medians of {rounds} rounds:\n")
    header = ["signature", "runtime", "clients", "requests/s", "median ms", "95 % ms"]
    say(table(cells, header, "llrrrr"))
    if find_server() is None:
        say(f"\nno TensorFlow Serving here (on PATH or in {VARIABLE}), so it was not measured")
    return {"model": str(model), "frames": FRAMES, "serving": rows}


def compare_runtimes(
    model: Path, rounds: int, on_round: Callable[[], Any] = lambda: None
) -> list[dict[str, Any]]:
    """Measures one image or sound a request, of FRAMES frames, requested by several clients at once.

    Args:
      model: the version's folder.
      rounds: measurements of each, in turns; the medians count.
      on_round: called after each round.

    Returns:
      Rows with `signature`, `runtime`, `clients`, and of the rounds the medians of `requests_per_s`,
      `latency_ms` (median of the requests) and `latency_p95_ms`.
    """
    requests = _requests(model)
    measured: dict[tuple[str, str, int], list[tuple[float, list[float]]]] = {}
    with contextlib.ExitStack() as stack:
        runtimes = {"C++ runtime": stack.enter_context(_in_cpp(model)), "Python": _in_python(model)}
        binary = find_server()
        if binary is not None:
            runtimes["TensorFlow Serving"] = stack.enter_context(_behind_a_server(binary, model))
        for _ in range(rounds):
            for signature, inputs in requests.items():
                for runtime, timed in runtimes.items():
                    for clients, timings in zip(CLIENTS, timed((signature, inputs))):
                        measured.setdefault((signature, runtime, clients), []).append(timings)
            on_round()
    return [
        {
            "signature": signature,
            "runtime": runtime,
            "clients": clients,
            "requests_per_s": statistics.median(len(each) / seconds for seconds, each in timings),
            "latency_ms": 1e3 * statistics.median(statistics.median(each) for _, each in timings),
            "latency_p95_ms": 1e3 * statistics.median(np.percentile(each, 95) for _, each in timings),
            "rounds": rounds,
        }
        for (signature, runtime, clients), timings in measured.items()
    ]


def _requests(model: Path) -> dict[str, dict[str, Any]]:
    """One of each signature."""
    loaded = codec.load(model)
    front_end, signatures = loaded.front_end, loaded.module.signatures
    missing = sorted(set(SIGNATURES) - set(signatures))
    if missing:
        remedy = f"export it again with bin/export --model={model}"
        raise InputError(f"{model}: has no signature {missing[0]}; {remedy}")
    rng = np.random.default_rng(0)
    image = rng.random([1, front_end.mels, FRAMES, 1], np.float32)
    waveform = rng.normal(0, 0.1, [1, front_end.samples(FRAMES)]).astype(np.float32)
    rate = np.zeros(1, np.float32)
    requests: dict[str, dict[str, Any]] = {
        "compress": {"image": image, "bpp": rate},
        "compress_audio": {"waveform": waveform, "bpp": rate},
    }
    for signature in tuple(requests):
        inputs = {name: tf.constant(value) for name, value in requests[signature].items()}
        strings = signatures[signature](**inputs)["bitstring_bytes"].numpy()
        requests[signature.replace("compress", "decompress")] = {"bitstring_bytes": list(strings)}
    return {signature: requests[signature] for signature in SIGNATURES}


@contextlib.contextmanager
def _in_cpp(model: Path) -> Iterator[Callable[[Request], list[tuple[float, list[float]]]]]:
    with cpp_session(model) as session:

        def timed(request: Request) -> list[tuple[float, list[float]]]:
            session.time(*request, clients=1, each=3)
            return [session.time(*request, clients=clients, each=_each(clients)) for clients in CLIENTS]

        yield timed


def _each(clients: int) -> int:
    """Number of requests of each of so many clients."""
    return max(2, _REQUESTS // clients)


def _in_python(model: Path) -> Callable[[Request], list[tuple[float, list[float]]]]:
    signatures = tf.saved_model.load(str(model)).signatures

    def timed(request: Request) -> list[tuple[float, list[float]]]:
        signature = signatures[request[0]]

        def ask() -> None:
            inputs = {name: tf.constant(value) for name, value in request[1].items()}
            for value in signature(**inputs).values():
                value.numpy()

        return _by_threads(ask)

    return timed


@contextlib.contextmanager
def _behind_a_server(
    binary: str, model: Path
) -> Iterator[Callable[[Request], list[tuple[float, list[float]]]]]:
    """Starts the server on a copy of the model's version, and asks it by gRPC."""
    from tfnoise.serving.connections import GrpcConnection

    with tempfile.TemporaryDirectory(prefix="tfnoise-serving-") as folder:
        shutil.copytree(model, Path(folder, "model", "1"))
        assert exported_models(folder)
        rest_port, grpc_port = free_ports(2)
        command = server_command(binary, Path(folder), rest_port, grpc_port)
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            connection = GrpcConnection(f"localhost:{grpc_port}", _START_S)
            _wait(connection, server)
            yield lambda request: _by_threads(lambda: connection.call("model", *request))
        finally:
            server.terminate()
            server.wait()


def _wait(connection: Any, server: subprocess.Popen) -> None:
    end = time.monotonic() + _START_S
    while server.poll() is None and time.monotonic() < end:
        with contextlib.suppress(ServerError):
            if connection.status("model")[0].is_available:
                return
        time.sleep(0.2)
    raise InputError(f"{server.args[0]}: does not serve the model; try bin/serve to see why")


def _by_threads(ask: Callable[[], Any]) -> list[tuple[float, list[float]]]:
    for _ in range(3):
        ask()
    timings = []
    for clients in CLIENTS:
        latencies: list[float] = []

        def client(count: int = _each(clients), latencies: list[float] = latencies) -> None:
            for _ in range(count):
                begin_s = time.perf_counter()
                ask()
                latencies.append(time.perf_counter() - begin_s)

        threads = [threading.Thread(target=client) for _ in range(clients)]
        begin_s = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        timings.append((time.perf_counter() - begin_s, latencies))
    return timings
