"""Tiny exported models of both bottlenecks, their codecs, and a stand-in server for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.tiny_models import FRONT_END, exported_once, tiny_autoencoder
from tests.tools.cpp_process import CppSession, cpp_session
from tfnoise import Codec, serving
from tfnoise.autoencoder import Autoencoder


class Exported(NamedTuple):
    """A model in memory, and the version's folder that it was exported to."""

    model: Autoencoder
    version: Path


@pytest.fixture(scope="session")
def version_of(run_folder, tmp_path_factory) -> Callable[[str], Path]:
    """The exported version of a bottleneck, the only model in its export folder."""

    def version(bottleneck: str) -> Path:
        model_folder = tmp_path_factory.mktemp("saved_models") / bottleneck
        model_folder.symlink_to(exported_once(run_folder, bottleneck, bottleneck).parent)
        return model_folder / "1"

    return version


@pytest.fixture(scope="session", params=["entropy", "levels"])
def exported(request, version_of) -> Exported:
    """A model for images of any number of frames."""
    return Exported(tiny_autoencoder(request.param), version_of(request.param))


@pytest.fixture(scope="session")
def cpp(exported) -> Iterator[CppSession]:
    """The exported model in the C++ runtime."""
    with cpp_session(exported.version) as session:
        yield session


@pytest.fixture(scope="session")
def local_codec(exported) -> Codec:
    """The exported model as a codec of this process."""
    return Codec.load(exported.version)


@pytest.fixture(scope="session")
def waveform() -> np.ndarray:
    """A second and a half of tones over noise, float32 `[samples]`."""
    rng = np.random.default_rng(1)
    times = np.arange(12000) / FRONT_END.sample_rate_hz
    tones = sum(np.sin(2 * np.pi * hz * times) for hz in (220, 660, 1500))
    return (0.2 * tones * np.exp(-2 * times) + 0.01 * rng.normal(size=12000)).astype(np.float32)


@pytest.fixture(scope="session")
def stand_in(exported) -> Iterator[dict[str, Any]]:
    """A stand-in server with one model: its addresses by protocol."""
    pytest.importorskip("tensorflow_serving", reason="needs tensorflow-serving-api, the extra `serving`")
    from tests.tools.stand_in_server import serve

    server = serve(serving.write_server_config(exported.version.parents[1])[0])
    yield {"rest": f"127.0.0.1:{server.rest_port}", "grpc": f"127.0.0.1:{server.grpc_port}"}
    server.stop()
