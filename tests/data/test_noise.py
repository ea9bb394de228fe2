"""Endless noise: never the same image twice, the same stream however it is read; the families' structure."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.data.noise import FAMILIES, _interpolation, noise_images


def images(
    family: str, count: int = 60, height: int = 64, width: int = 64, batch_size: int = 10, **options
) -> np.ndarray:
    """`[count, height, width]`."""
    batches = noise_images(height, width, batch_size, family=family, **options).take(-(-count // batch_size))
    return np.concatenate([batch.numpy() for batch in batches])[:count, ..., 0]


def test_batches_are_float32_images_of_a_static_shape():
    batches = noise_images(16, 24, 4, channels=2)
    assert batches.element_spec == tf.TensorSpec([4, 16, 24, 2], tf.float32)
    assert batches.cardinality() == tf.data.INFINITE_CARDINALITY


def test_no_image_repeats_within_or_across_epochs_of_one_iterator():
    tf.keras.utils.set_random_seed(0)
    iterator = iter(noise_images(8, 8, 16))
    assert len({image.tobytes() for _ in range(40) for image in next(iterator).numpy()}) == 640


def test_no_value_of_an_image_is_another_images_shifted():
    # Streams that overlap would share values though no image is equal to another.
    noise = images("uniform", 200, 8, 8)
    assert len(np.unique(noise)) > 0.998 * noise.size


def test_values_are_uniform_on_the_unit_interval():
    values = images("uniform", 200).ravel()
    assert values.min() >= 0 and values.max() < 1
    assert values.mean() == pytest.approx(1 / 2, abs=2e-3)
    assert values.var() == pytest.approx(1 / 12, abs=1e-3)
    shares, _ = np.histogram(values, bins=16, range=(0, 1), density=True)
    np.testing.assert_allclose(shares, 1, atol=0.02)


def test_neighbouring_pixels_and_images_are_not_correlated():
    noise = images("uniform", 200, 32, 32) - 0.5
    for axis in range(3):
        ahead, behind = (np.delete(noise, place, axis) for place in (0, -1))
        assert np.mean(ahead * behind) * 12 == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("family", FAMILIES)
def test_values_are_finite_and_in_the_unit_interval_at_any_size(family):
    for height, width in ((64, 64), (16, 100), (33, 17)):
        noise = images(family, 10, height, width)
        assert noise.shape == (10, height, width) and noise.dtype == np.float32
        assert noise.min() >= 0 and noise.max() <= 1 and noise.std() > 0.01
        assert len({image.tobytes() for image in noise}) == 10


@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_depends_on_the_seed_and_its_number_alone(family):
    run = functools.partial(images, family, height=32, width=32)
    tf.random.set_seed(1)
    whole = run(100, seed=3)
    tf.random.set_seed(2)
    for batch_size in (3, 10, 16):
        np.testing.assert_array_equal(run(48, batch_size=batch_size, seed=3), whole[:48])
    np.testing.assert_array_equal(run(20, batch_size=4, seed=3, first_image=13), whole[13:33])
    assert {image.tobytes() for image in whole}.isdisjoint(image.tobytes() for image in run(100, seed=4))
    # Seed and index are not interchangeable.
    assert not np.array_equal(whole[5], run(1, seed=5, first_image=3)[0])


def test_uniform_is_what_it_always_was():
    # Trainings of before are resumed and repeated.
    expected = tf.random.stateless_uniform([64, 64, 1], tf.constant([3, 5], tf.int64))[..., 0]
    np.testing.assert_array_equal(images("uniform", 1, seed=3, first_image=5)[0], expected)


@pytest.mark.parametrize("family", ["brown", "pink+brown", "pink+", ""])
def test_an_unknown_family_is_named(family):
    with pytest.raises(ValueError, match="unknown noise"):
        noise_images(16, 16, 1, family=family)


def test_of_several_families_images_take_turns_and_are_what_each_family_makes():
    mixed = images("pink+streaked+pink", 12, seed=3, first_image=3)
    for place, image in enumerate(mixed):
        family = "streaked" if place % 3 == 1 else "pink"
        np.testing.assert_array_equal(image, images(family, 1, seed=3, first_image=3 + place)[0])


def _neighbours(noise: np.ndarray, axis: int, distance: int = 1) -> float:
    """The mean over images of the correlation of pixels at a distance."""
    centred = np.moveaxis(noise - noise.mean(axis=(1, 2), keepdims=True), axis, 0)
    return float(np.mean(centred[distance:] * centred[:-distance]) / np.mean(centred**2))


def test_families_without_structure_have_none():
    for family in ("uniform", "gaussian", "contrast"):
        noise = images(family)
        assert abs(_neighbours(noise, 1)) < 0.02 and abs(_neighbours(noise, 2)) < 0.02


def test_families_with_structure_have_it_at_all_scales():
    for family in ("multiscale", "streaked", "pink", "dead_leaves"):
        noise = images(family)
        near, far = _neighbours(noise, 2), _neighbours(noise, 2, 16)
        assert near > 0.4 and near > far > 0


def test_moments_of_gaussian_and_contrast():
    noise = images("gaussian")
    assert noise.mean() == pytest.approx(0.5, abs=0.01) and 0.24 < noise.std() < 0.29
    deviations = images("contrast").std(axis=(1, 2))
    assert deviations.min() < 0.06 and deviations.max() > 0.18


def test_pink_noise_falls_with_the_square_of_the_frequency():
    noise = images("pink", 100)
    spectrum = np.mean(np.abs(np.fft.fft2(noise - noise.mean(axis=(1, 2), keepdims=True))) ** 2, axis=0)
    ratio = np.mean([spectrum[0, 2], spectrum[2, 0]]) / np.mean([spectrum[0, 16], spectrum[16, 0]])
    assert ratio == pytest.approx(64, rel=0.3)


def test_streaks_are_longer_one_way_or_the_other():
    """Multiscale noise is alike both ways; a streaked image often is not."""

    def spread(family: str) -> float:
        noise = images(family, 100)
        ways = [[_neighbours(image[None], axis, 4) for axis in (1, 2)] for image in noise]
        return float(np.mean(np.abs(np.diff(ways, axis=1))))

    assert spread("streaked") > 2 * spread("multiscale")


@pytest.mark.parametrize("spacing", [1, 2, 4, 16, 64])
def test_interpolation_has_weights_that_add_up_to_one(spacing):
    for shift in (0.0, 0.4, 0.999):
        matrix = _interpolation(50, spacing, -(-50 // spacing) + 2, tf.constant(shift)).numpy()
        np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-5)
        assert (matrix > 0).sum(1).max() <= 2


def test_the_flag_knows_all_families(repo_root):
    text = (repo_root / "tfnoise" / "cli" / "train_flags.py").read_text()
    assert all(family in text for family in FAMILIES)
