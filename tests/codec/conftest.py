"""Tiny exported models of both bottlenecks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_models import FRONT_END as FRONT_END
from tests.tiny_models import exported_once
from tfnoise.codec import Codec


@pytest.fixture(scope="session")
def models(run_folder: Path) -> Path:
    """A folder with saved_models/entropy/1 and saved_models/levels/1."""
    folder = run_folder / "codec"
    (folder / "saved_models").mkdir(parents=True, exist_ok=True)
    for bottleneck in ("entropy", "levels"):
        exported_once(folder / "saved_models", bottleneck, bottleneck, bpp=0.125, gain=30, seed=2)
    return folder


@pytest.fixture(scope="session")
def entropy(models: Path) -> Codec:
    """The codec of the entropy bottleneck."""
    return Codec.load(models / "saved_models" / "entropy")


@pytest.fixture(scope="session")
def levels(models: Path) -> Codec:
    """The codec of two levels."""
    return Codec.load(models / "saved_models" / "levels")


@pytest.fixture(scope="session", params=["entropy", "levels"])
def codec(request: pytest.FixtureRequest) -> Codec:
    """Each of them."""
    return request.getfixturevalue(request.param)
