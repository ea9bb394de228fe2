"""The degradations in tf.data: the functions' own results, whatever runs at once, of a known shape."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.sounds import synthetic
from tfnoise.audio.degradations import DEGRADATIONS, clip_seed, degrade
from tfnoise.data.degraded import degrade_map

RATE_HZ = 16000


@pytest.fixture(scope="module")
def waveforms() -> np.ndarray:
    """`[56, 8000]`, no two alike."""
    return np.concatenate([synthetic(RATE_HZ, 0.5, seed) for seed in range(4)])


def run(waveforms: np.ndarray, calls: int, name: str, seed: int = 0) -> np.ndarray:
    dataset = tf.data.Dataset.from_tensor_slices(waveforms)
    dataset = dataset.map(degrade_map(name, 60.0, RATE_HZ, seed), num_parallel_calls=calls)
    return np.stack(list(dataset.as_numpy_iterator()))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_same_however_many_calls_run_at_once_and_in_every_pass(name, waveforms):
    expected = np.stack([degrade(x, RATE_HZ, name, 60.0, clip_seed(x, 7)) for x in waveforms])
    for calls in (1, tf.data.AUTOTUNE, 8, tf.data.AUTOTUNE):
        np.testing.assert_array_equal(run(waveforms, calls, name, seed=7), expected)


def test_each_element_in_any_order_and_each_seed_has_noise_of_its_own(waveforms):
    forward = run(waveforms, tf.data.AUTOTUNE, "noise")
    np.testing.assert_array_equal(run(waveforms[::-1], tf.data.AUTOTUNE, "noise"), forward[::-1])
    added = forward - waveforms
    added /= np.linalg.norm(added, axis=1, keepdims=True)
    likeness = np.abs(added @ added.T - np.eye(len(added)))
    assert np.max(likeness) < 0.6
    assert not np.allclose(run(waveforms[:1], 1, "noise", seed=1), forward[:1])


@pytest.mark.parametrize("shape", [[8000], [None], [4000, 2], [None, 1], [None, None]])
def test_static_shapes_are_kept_and_batches_can_be_made(shape):
    data = np.random.default_rng(0).normal(0, 0.1, [4, *(size or 3 for size in shape)]).astype(np.float32)
    dataset = tf.data.Dataset.from_generator(
        lambda: iter(data), output_signature=tf.TensorSpec(shape, tf.float32)
    )
    dataset = dataset.map(degrade_map("noise", 50, RATE_HZ))
    assert dataset.element_spec == tf.TensorSpec(shape, tf.float32)
    assert next(iter(dataset.batch(4))).shape == data.shape


def test_works_outside_of_datasets_and_where_operations_must_be_deterministic(waveforms):
    eager = degrade_map("limiter", 50, RATE_HZ)(tf.constant(waveforms[0]))
    np.testing.assert_array_equal(eager, degrade(waveforms[0], RATE_HZ, "limiter", 50))
    traced = tf.function(degrade_map("limiter", 50, RATE_HZ))(tf.constant(waveforms[0]))
    np.testing.assert_array_equal(traced, eager)


def test_refuses_at_once_what_could_never_work():
    for words, *arguments in (
        ("degradation", "reverb", 50, RATE_HZ),
        ("intensity", "noise", 101, RATE_HZ),
        ("sample_rate_hz", "noise", 50, -1),
        ("seed", "noise", 50, RATE_HZ, -1),
    ):
        with pytest.raises(ValueError, match=words):
            degrade_map(*arguments)
    with pytest.raises(ValueError, match="shape"):
        degrade_map("noise", 50, RATE_HZ)(tf.zeros([2, 8, 2]))
    # A waveform that is not finite ends the iteration with a reason.
    dataset = tf.data.Dataset.from_tensors(tf.constant([0.0, np.nan])).map(degrade_map("noise", 50, RATE_HZ))
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN or infinity"):
        next(iter(dataset))
