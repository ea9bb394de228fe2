"""What tests/serving/test_real_server.py does beside the server, in a network of its own.

python inside_namespace.py PART EXPORT_DIR
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from tests.tiny_models import FRONT_END, tiny_autoencoder
from tests.tools.cpp_process import run_in_cpp
from tests.tools.outputs import assert_outputs
from tfnoise import Codec, serving
from tfnoise.serving import GrpcConnection, RestConnection, ServedCodec, ServerError

REST, GRPC = 8501, 8500
SERVE = Path(__file__).resolve().parents[2] / "bin" / "serve"


@contextlib.contextmanager
def running(export_dir: Path, *options: str) -> Iterator[None]:
    """The server, from when all its models are there."""
    server = subprocess.Popen([sys.executable, str(SERVE), f"--export_dir={export_dir}", *options])
    try:
        (model,) = serving.exported_models(export_dir)
        until(lambda: RestConnection(f"localhost:{REST}").status(model.name)[0].is_available, server)
        yield
        assert server.poll() is None, "the server ended"
    finally:
        server.terminate()
        server.wait(30)


def until(ready, server=None) -> None:
    end = time.monotonic() + 120
    while True:
        with contextlib.suppress(ServerError):
            if ready():
                return
        assert server is None or server.poll() is None, f"the server ended with status {server.returncode}"
        assert time.monotonic() < end, "the server did not come to it"
        time.sleep(0.2)


def connections():
    return RestConnection(f"localhost:{REST}", 60), GrpcConnection(f"localhost:{GRPC}", 60)


def images(frames: int, rows: int = 3) -> np.ndarray:
    return np.random.default_rng(frames).random([rows, FRONT_END.mels, frames, 1], np.float32)


def sound(samples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, [2, samples]).astype(np.float32)


def signatures(export_dir: Path) -> None:
    version = export_dir / "tiny" / "1"
    image, rates = images(100), np.zeros(3, np.float32)
    requests = [
        ("serving_default", {"image": image}),
        ("compress", {"image": image, "bpp": rates}),
        ("metrics", {"image": image, "reference": image[::-1].copy()}),
        ("compress_audio", {"waveform": sound(5000), "bpp": rates[:2]}),
    ]
    expected = run_in_cpp(version, requests)
    for answer, back in ((expected[1], "decompress"), (expected[3], "decompress_audio")):
        requests.append((back, {"bitstring_bytes": answer["bitstring_bytes"]}))
    expected += run_in_cpp(version, requests[4:])
    with running(export_dir):
        for connection in connections():
            for (signature, inputs), reference in zip(requests, expected):
                outputs = connection.call("tiny", signature, inputs)
                if set(outputs) == {""}:
                    outputs = {next(iter(reference)): outputs[""]}
                assert_outputs(outputs, reference, 1e-4, signature)
            here = Codec.load(version)
            served = ServedCodec(connection, "tiny")
            data = served.compress(sound(5000)[0], 8000, here)
            assert len(served.decompress(data, here)[0]) == 5000


def bad_requests(export_dir: Path) -> None:
    good = {"image": images(32, 1), "bpp": np.zeros(1, np.float32)}
    bad = [
        ("compress", {**good, "image": good["image"] * np.float32(255)}),
        ("compress", {**good, "image": good["image"][:0], "bpp": np.zeros(0, np.float32)}),
        ("compress", {**good, "image": good["image"][0]}),
        ("decompress", {"bitstring_bytes": [os.urandom(100)]}),
        ("decompress", {"bitstring_bytes": [b""]}),
        ("metrics", {"image": images(20), "reference": images(20)}),
    ]
    with running(export_dir):
        for connection in connections():
            for signature, inputs in bad:
                with pytest.raises(ServerError):
                    connection.call("tiny", signature, inputs)
                assert connection.call("tiny", "compress", good)["bitstring_bytes"]


def batching(export_dir: Path) -> None:
    version = export_dir / "tiny_fixed" / "1"
    image, waveform = images(64, 4), sound(FRONT_END.samples(64))
    requests = []
    for row in range(4):
        rate = np.zeros(1, np.float32)
        requests.append(("serving_default", {"image": image[row : row + 1]}))
        requests.append(("compress", {"image": image[row : row + 1], "bpp": rate}))
        requests.append(("compress_audio", {"waveform": waveform[row % 2 : row % 2 + 1], "bpp": rate}))
    expected = run_in_cpp(version, requests)
    with running(export_dir, "--batching"):
        connection = connections()[1]
        with ThreadPoolExecutor(8) as pool:
            repeated = requests * 10
            answers = list(pool.map(lambda request: connection.call("tiny_fixed", *request), repeated))
        for outputs, reference in zip(answers, expected * 10):
            assert_outputs(outputs, reference, 1e-5, "batched")


def new_version(export_dir: Path) -> None:
    with running(export_dir):
        connection = connections()[0]
        assert ServedCodec(connection, "tiny").settings["training"]["number"] == 1
        serving.export_model(tiny_autoencoder("levels"), FRONT_END, export_dir / "tiny", {"number": 2})
        until(lambda: ServedCodec(connection, "tiny").settings["training"]["number"] == 2)


if __name__ == "__main__":
    {f.__name__: f for f in (signatures, bad_requests, batching, new_version)}[sys.argv[1]](Path(sys.argv[2]))
