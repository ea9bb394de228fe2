"""Tiny exported models of both bottlenecks, and sound for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tiny_models import FRONT_END as FRONT_END
from tests.tiny_models import exported_once
from tfnoise.codec import Codec
from tfnoise.data import synthetic_clips


@pytest.fixture(scope="session")
def models(run_folder: Path) -> Path:
    """A folder with saved_models/entropy/1 and saved_models/levels/1."""
    folder = run_folder / "codec"
    (folder / "saved_models").mkdir(parents=True, exist_ok=True)
    for bottleneck, gain in (("entropy", 30), ("levels", 1)):
        exported_once(folder / "saved_models", bottleneck, bottleneck, bpp=0.125, gain=gain, seed=2)
    return folder


@pytest.fixture(scope="session")
def sound() -> np.ndarray:
    """3 s at 8 kHz."""
    clips = synthetic_clips(8000, duration_s=1.0, seed=3)
    return np.concatenate([np.asarray(clip[2], np.float32) for clip in clips[:3]])


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
