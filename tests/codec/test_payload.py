"""Payloads of both bottlenecks: exact, the smaller form, and safe with what a file may say."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tiny_models import tiny_autoencoder
from tfnoise.codec import FrozenModel
from tfnoise.codec.entropy import PayloadCoder
from tfnoise.codec.format import Kind


def coder(bottleneck: str, bpp: float = 0.0625, **more) -> tuple[PayloadCoder, FrozenModel]:
    model = tiny_autoencoder(bottleneck, 32, 1, 1, bpp=bpp, **more)
    frozen = FrozenModel(model)
    return PayloadCoder(frozen, model.get_config()), frozen


@pytest.fixture(scope="module")
def entropy() -> tuple[PayloadCoder, FrozenModel]:
    return coder("entropy")


@pytest.mark.parametrize("step_index", [0, 24, 75])
def test_the_entropy_bottleneck_is_range_coded(entropy, step_index):
    payload, frozen = entropy
    limit = int(frozen.tables[1][step_index])
    latents = int(frozen.dequantize.input_signature[0].shape[-1])
    random = np.random.default_rng(0)
    natural = np.clip(np.round(random.laplace(0, 1, [3, 20, latents])), -limit, limit).astype(np.int32)
    extreme = random.choice([-limit, limit], [3, 20, latents]).astype(np.int32)
    for symbols in (natural, extreme, np.zeros_like(natural)):
        kind, data = payload.encode(symbols, step_index)
        assert kind == Kind.PACKED or (
            abs(payload.estimated_bits(kind, symbols, step_index) - 8 * len(data)) <= 15
        )
        decoded = payload.decode(kind, data, symbols.shape, step_index)
        assert decoded.dtype == np.int32
        np.testing.assert_array_equal(decoded, symbols)
    assert payload.encode(natural, step_index)[0] in (Kind.RANGE_CODED, Kind.ADAPTIVE)
    assert len(payload.encode(extreme, step_index)[1]) <= 2 * extreme.size
    with pytest.raises(ValueError, match="symbols must be from -"):
        payload.encode(natural + 2 * limit + 1, step_index)


@pytest.mark.parametrize("levels,bits", [(2, 1), (4, 2), (8, 3), (16, 4)])
def test_levels_cost_their_bound(levels, bits):
    payload, frozen = coder("levels", bpp=16 * bits / 256, levels=levels)
    latents = int(frozen.dequantize.input_signature[0].shape[-1])
    symbols = np.random.default_rng(0).integers(0, levels, [8, 17, latents]).astype(np.int32)
    kind, data = payload.encode(symbols, 0)
    assert kind == Kind.PACKED and len(data) == symbols.size * bits / 8
    np.testing.assert_array_equal(payload.decode(kind, data, symbols.shape, 0), symbols)
    assert payload.estimated_bits(kind, symbols, 0) == 8 * len(data)
    # Where the symbols can be predicted from those before, the range coder takes fewer.
    symbols[:, 2:] = symbols[:, :1]
    kind, data = payload.encode(symbols, 0)
    assert kind == Kind.RANGE_CODED and len(data) < 0.9 * symbols.size * bits / 8
    assert abs(payload.estimated_bits(kind, symbols, 0) - 8 * len(data)) <= 15
    np.testing.assert_array_equal(payload.decode(kind, data, symbols.shape, 0), symbols)


def test_refuses_what_cannot_be(entropy):
    payload, frozen = entropy
    shape = (2, 4, int(frozen.dequantize.input_signature[0].shape[-1]))
    for kind, data, step_index in (
        (2, b"abc", 0),
        (Kind.PACKED, b"abc", 0),
        (Kind.RANGE_CODED, b"abc", 76),
        (Kind.RANGE_CODED, b"abc", -1),
    ):
        with pytest.raises(ValueError):
            payload.decode(kind, data, shape, step_index)
    hostile = payload.decode(Kind.PACKED, b"\xff\x7f" * int(np.prod(shape)), shape, 75)
    assert hostile.max() == int(frozen.tables[1][75])
    levels, _ = coder("levels")
    with pytest.raises(ValueError):
        levels.decode(Kind.PACKED, b"\0" * 100, shape, 0)
    hostile = levels.decode(Kind.RANGE_CODED, b"\xff" * 3, shape, 0)
    assert hostile.shape == shape and 0 <= hostile.min() <= hostile.max() <= 1
