"""Images by their bytes: at or under the rate with all that it has to pay for, decoded from the string."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.codec import ImageCoder
from tests.tiny_models import exported_once
from tfnoise.codec import load


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=[1, 48, 64, 1]).astype(np.float32)


@pytest.mark.parametrize("overhead_bytes", [0, 82])
def test_bytes_count(run_folder, image, overhead_bytes):
    model = load(exported_once(run_folder, "image_coder", bpp=0.125, gain=30, seed=2))
    coder = ImageCoder(model, overhead_bytes)
    pixels = 48 * 64
    for payload_bpp in (0.1, 0.15, 0.2):
        bpp = payload_bpp + 8 * overhead_bytes / pixels
        coded = coder(image, bpp)
        rate = float(coded["bpp"][0])
        assert rate == (coder.payload_bits + 8 * overhead_bytes) / pixels and coder.payload_bits % 8 == 0
        assert 0.8 * bpp < rate <= bpp
        assert coder.payload_bits - coder.estimated_bits <= 15
        assert coded["reconstruction"].shape == image.shape
        assert float(coded["step"][0]) >= coder.finest_step
    # At a rate that no clip needs both ways are at the finest step.
    expected = model.module.code(image, 100.0)
    coded = coder(image, 100.0)
    np.testing.assert_allclose(coded["reconstruction"], expected["reconstruction"], atol=1e-5)
    assert int(coded["step_index"][0]) == 0


def test_levels(run_folder, image):
    model = load(exported_once(run_folder, "image_coder_levels", "levels", bpp=0.125, seed=2))
    coder = ImageCoder(model)
    coded, expected = coder(image, 0.125), model.module.code(image, 1.0)
    assert coder.payload_bits <= 0.125 * 48 * 64 and coder.finest_step == 1.0
    np.testing.assert_allclose(coded["reconstruction"], expected["reconstruction"], atol=1e-5)
