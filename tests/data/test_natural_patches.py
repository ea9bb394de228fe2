"""Patches of natural clips: where they are cut, that they repeat, what a mask takes away."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tfnoise.audio import FrontEnd
from tfnoise.data.natural_patches import MASK_SIDE, natural_patches, training_images
from tfnoise.errors import InputError

WIDTHS = (40, 100, 33)


def _images() -> list[np.ndarray]:
    """Images whose pixels tell the clip, the row and the column."""
    rows, columns = np.arange(64)[:, None, None], np.arange(100)[None, :, None]
    return [np.float32(clip * 1e5 + rows * 1e3 + columns[:, :width]) for clip, width in enumerate(WIDTHS)]


def _patches(count: int, **options) -> np.ndarray:
    batches = natural_patches(_images(), 32, 10, **options).take(-(-count // 10))
    return np.concatenate([batch.numpy() for batch in batches])[:count, ..., 0]


def test_a_patch_is_cut_whole_from_one_clip():
    for patch in _patches(300):
        clip, first = divmod(int(patch[0, 0]), 10**5)
        row, column = divmod(first, 1000)
        np.testing.assert_array_equal(patch, _images()[clip][row : row + 32, column : column + 32, 0])


def test_all_places_come_in_turn_and_longer_clips_more_often():
    first = _patches(3000)[:, 0, 0].astype(int)
    clips, rows = first // 10**5, first % 10**5 // 1000
    assert set(rows) == set(range(64 - 32 + 1))
    places = np.array(WIDTHS) - 32 + 1
    np.testing.assert_allclose(np.bincount(clips) / 3000, places / places.sum(), atol=0.03)


def test_a_patch_depends_on_the_seed_and_its_number_alone():
    whole = _patches(30, seed=3)
    np.testing.assert_array_equal(_patches(20, seed=3, first_image=7), _patches(40, seed=3)[7:27])
    np.testing.assert_array_equal(_patches(30, seed=3), whole)
    assert not np.array_equal(_patches(30, seed=4), whole)


def test_masking_takes_that_share_of_squares_and_keeps_the_whole_as_target():
    images = [np.ones([64, 200, 1], np.float32)]
    masked, whole = next(iter(natural_patches(images, 64, 200, masked_share=0.3)))
    np.testing.assert_array_equal(whole, np.ones([200, 64, 64, 1], np.float32))
    squares = masked.numpy()[..., 0].reshape(200, 4, MASK_SIDE, 4, MASK_SIDE)
    assert set(np.unique(squares.mean(axis=(2, 4)))) == {0.0, 1.0}
    assert squares.mean() == pytest.approx(0.7, abs=0.03)


def test_clips_without_room_for_a_patch_are_skipped_or_refused(tmp_path):
    for number, seconds in enumerate((0.2, 2.0)):
        samples = np.random.RandomState(number).normal(size=int(16000 * seconds)) * 0.1
        soundfile.write(tmp_path / f"{number}.wav", samples, 16000)
    [image] = training_images(tmp_path, FrontEnd(), 64)
    assert image.shape[0] == 128 and image.shape[1] >= 64
    for size, words in ((128, "none of its 2 clips"), (144, "144 pixels do not fit in 128 mels")):
        with pytest.raises(InputError, match=words):
            training_images(tmp_path, FrontEnd(), size)
