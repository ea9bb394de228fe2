"""The losses on mel-spectrograms of real audio against TensorFlow's and the NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.losses import numpy_twins as twins
from tfnoise.audio import FrontEnd
from tfnoise.data import list_clips
from tfnoise.evaluation import clip_images
from tfnoise.losses import ms_ssim, nlpd


@pytest.fixture(scope="module")
def pairs(natural_folder):
    """Spectrograms `[1, 128, frames, 1]` with noise, blurred, and against one another."""
    clips = list_clips(natural_folder)[::22]
    images = [item.image[None, :, :256] for item in clip_images(clips, FrontEnd())]
    random = np.random.RandomState(0)
    pairs = []
    for image, other in zip(images, images[1:] + images[:1]):
        pairs.append((image, np.clip(image + random.normal(0, 0.1, image.shape), 0, 1).astype(np.float32)))
        pairs.append((image, (image + np.roll(image, 1, 1) + np.roll(image, 2, 2)) / 3))
        pairs.append((image, other))
    return pairs


def test_ms_ssim_equals_tensorflows_and_all_equal_their_twins(pairs):
    weights = np.array(twins.MS_SSIM_WEIGHTS[:4]) / sum(twins.MS_SSIM_WEIGHTS[:4])
    for number, (a, b) in enumerate(pairs):
        exact = [image[0, ..., 0].astype(np.float64) for image in (a, b)]
        index = ms_ssim(a, b, scales=4)
        np.testing.assert_allclose(index, tf.image.ssim_multiscale(a, b, 1.0, weights), atol=1e-4)
        assert float(index[0]) == pytest.approx(twins.ms_ssim(*exact, 4), abs=1e-5)
        for family, twin in {"2016": twins.nlpd, "2017": twins.nlpd_2017}.items() if number % 2 == 0 else ():
            assert float(nlpd(a, b, family=family)[0]) == pytest.approx(twin(*exact), abs=1e-5)
