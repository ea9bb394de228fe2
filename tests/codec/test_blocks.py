"""Images in blocks: the symbols of the whole image, its rate, and no seam."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_models import tiny_autoencoder
from tfnoise.codec import FrozenModel
from tfnoise.codec.blocks import analyse_blocks, code_in_blocks, synthesise_blocks
from tfnoise.codec.step_choice import CODER_MARGIN_BITS


@pytest.fixture(scope="module", params=[("entropy", 3), ("entropy", 5), ("levels", 3)], ids=str)
def frozen(request) -> FrozenModel:
    bottleneck, kernel_size = request.param
    return FrozenModel(tiny_autoencoder(bottleneck, 32, 30, 1, kernel_size=kernel_size, bpp=0.03125))


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """The last block is short, and the last frames are no multiple of 16."""
    return np.random.default_rng(0).uniform(size=[40, 313, 1]).astype(np.float32)


@pytest.mark.parametrize("block_frames", [16, 64, 304, 1024])
def test_the_symbols_of_blocks_are_those_of_the_whole(frozen, image, block_frames):
    whole = frozen.analyse(image[None]).numpy()[0]
    latents = list(analyse_blocks(frozen, image, block_frames))
    assert len(latents) == -(-313 // block_frames)
    np.testing.assert_allclose(np.concatenate(latents, 1), whole, atol=1e-4)
    index = tf.constant([10 if frozen.tables else 0])
    expected = frozen.symbols(whole[None], index).numpy()[0]
    symbols = [frozen.symbols(latent[None], index).numpy()[0] for latent in latents]
    assert len(np.unique(expected)) > 1 and np.mean(np.concatenate(symbols, 1) != expected) < 1e-3


def test_no_seam_shows(frozen, image):
    whole = code_in_blocks(frozen, image, 10.0)
    assert whole.step_index == 0 and whole.reconstruction.shape == image.shape
    expected = frozen.code(image[None], 10.0)["reconstruction"].numpy()[0]
    np.testing.assert_allclose(whole.reconstruction, expected, atol=1e-5)
    calls = []
    blocks = code_in_blocks(frozen, image, 10.0, 64, lambda: calls.append(1))
    assert len(calls) == 2 * 5 and blocks.bpp == pytest.approx(whole.bpp, rel=1e-3)
    np.testing.assert_allclose(blocks.reconstruction, expected, atol=0.02)
    assert np.mean(np.abs(blocks.reconstruction - expected)) < 1e-4


def test_one_step_for_all_blocks_under_the_target(frozen, image):
    latents = list(analyse_blocks(frozen, image, 64))
    bits = np.sum([frozen.bits_by_step(latent[None]).numpy()[0] for latent in latents], 0)
    for bpp in (0.05, 0.2, 0.5):
        coded = code_in_blocks(frozen, image, bpp, 64)
        assert coded.bpp == pytest.approx(bits[coded.step_index] / (40 * 313), rel=1e-5)
        if not frozen.tables:
            assert coded.step_index == 0
            continue
        room = bpp * 40 * 313 - len(latents) * CODER_MARGIN_BITS
        assert bits[coded.step_index] <= room or coded.step_index == len(bits) - 1
        assert coded.step_index == 0 or bits[coded.step_index - 1] > room


def test_a_block_depends_on_its_neighbours_alone(frozen, image):
    """A damaged block costs itself and the edges of its neighbours, nothing else."""
    index = 10 if frozen.tables else 0
    latents = analyse_blocks(frozen, image, 64)
    symbols = [frozen.symbols(latent[None], tf.constant([index])).numpy()[0] for latent in latents]
    good = list(synthesise_blocks(frozen, symbols, index))
    symbols[2] = np.zeros_like(symbols[2])
    damaged = list(synthesise_blocks(frozen, symbols, index))
    same = [np.array_equal(a, b) for a, b in zip(good, damaged)]
    # A kernel of 3 sees to one side alone.
    assert same[0] and not same[2] and same[4] and not (same[1] and same[3])
    np.testing.assert_array_equal(good[1][:, :16], damaged[1][:, :16])
    np.testing.assert_array_equal(good[3][:, -16:], damaged[3][:, -16:])
    for block_frames in (0, 8, 24, -16):
        with pytest.raises(ValueError, match="multiple of 16"):
            list(analyse_blocks(frozen, image, block_frames))
