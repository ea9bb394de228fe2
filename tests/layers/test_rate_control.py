"""The rate control: towards the target, within bounds, with a scale from the first step alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.layers import RateControl
from tfnoise.layers.rate_control import (
    HIGHEST,
    INTEGRAL_SHARE,
    LEAST_INTEGRAL_STEPS,
    LOWEST,
    PROPORTIONAL_GAIN,
)


def multipliers(control: RateControl, bpp: float, steps: int) -> list[float]:
    """The multiplier before and after each of `steps` steps that took `bpp`."""
    values = [float(control.multiplier)]
    for _ in range(steps):
        control.update(tf.constant(bpp))
        values.append(float(control.multiplier))
    return values


@pytest.mark.parametrize("bpp, sign", [(0.8, 1), (0.5, 0), (0.3, -1)])
def test_the_multiplier_rises_above_the_target_falls_below_it_and_stays_at_it(bpp, sign):
    values = multipliers(RateControl(0.5, 1000, start=-4.0), bpp, 20)
    assert (sign * np.diff(values) > 0).all() if sign else values == pytest.approx([math.exp(-4)] * 21)


def test_the_answer_to_an_error_is_proportional_and_integral():
    control = RateControl(0.5, steps=10_000, start=-4.0)
    control.update(tf.constant(0.6))
    answer = PROPORTIONAL_GAIN * math.log(0.6 / 0.5)
    slow = -4 + answer / (INTEGRAL_SHARE * 10_000)
    assert float(control.log_multiplier) == pytest.approx(slow, rel=1e-6)
    assert float(control.multiplier) == pytest.approx(math.exp(slow + answer), rel=1e-5)


def test_errors_beyond_a_factor_of_e_count_as_that():
    far, near = RateControl(0.5, 100, start=-4.0), RateControl(0.5, 100, start=-4.0)
    assert multipliers(far, 1e6, 3) == multipliers(near, 0.5 * math.e * 1.001, 3)


@pytest.mark.parametrize("bpp", [0.0, 1e-30, 1e30])
def test_absurd_rates_for_ever_stay_within_bounds(bpp):
    control = RateControl(0.5, steps=10)
    values = multipliers(control, bpp, 100)
    assert LOWEST <= float(control.log_multiplier) <= HIGHEST
    assert np.isfinite(values).all() and 0 < min(values) and max(values) <= 1


def test_after_winding_up_the_multiplier_falls_at_once():
    control = RateControl(0.5, steps=100)
    wound_up = multipliers(control, 2.0, 500)[-1]
    assert multipliers(control, 0.25, 1)[-1] < wound_up / 3


def test_speed_follows_from_the_number_of_steps():
    slow, fast = RateControl(0.5, 40_000, start=-6.0), RateControl(0.5, 4_000, start=-6.0)
    multipliers(slow, 0.6, 100)
    multipliers(fast, 0.6, 10)
    assert float(slow.log_multiplier) == pytest.approx(float(fast.log_multiplier), rel=1e-4)
    assert float(fast.log_multiplier) > -6 + 1e-3


def test_speed_has_a_limit_in_short_trainings():
    short, shorter = RateControl(0.5, 200, start=-6.0), RateControl(0.5, 10, start=-6.0)
    assert multipliers(short, 0.6, 10) == multipliers(shorter, 0.6, 10)
    slow_part = -6 + 10 * PROPORTIONAL_GAIN / LEAST_INTEGRAL_STEPS * math.log(0.6 / 0.5)
    assert float(short.log_multiplier) == pytest.approx(slow_part, rel=1e-5)


def test_the_objective_is_distortion_over_that_of_the_first_step_plus_the_price_of_the_rate():
    control = RateControl(0.5, 100, start=-1.5)
    for distortion in (0.25, 7.0):
        control.begin(tf.constant(distortion))
    assert float(control.scale) == 0.25
    objective = float(control(tf.constant(0.1), tf.constant(0.7)))
    assert objective == pytest.approx(0.1 / 0.25 + math.exp(-1.5) * 0.7, rel=1e-6)
    control = RateControl(0.5, 100)
    control.begin(tf.constant(0.0))
    assert np.isfinite(float(control(tf.constant(0.0), tf.constant(1.0))))


def test_the_objective_leaves_the_multiplier_and_the_scale_out_of_the_gradient():
    control, distortion = RateControl(0.5, 100), tf.constant(0.25)
    with tf.GradientTape() as tape:
        tape.watch(distortion)
        control.begin(distortion)
        objective = control(distortion, tf.constant(0.5))
    assert control.trainable_variables == []
    assert float(tape.gradient(objective, distortion)) == pytest.approx(4.0)


def test_state_is_restored_from_a_checkpoint(tmp_path):
    control = RateControl(0.5, 100)
    control.begin(tf.constant(0.25))
    multipliers(control, 0.7, 5)
    path = tf.train.Checkpoint(control=control).save(tmp_path / "control")
    other = RateControl(0.5, 100)
    tf.train.Checkpoint(control=other).restore(path).assert_consumed()
    assert float(other.multiplier) == float(control.multiplier)
    assert float(other.scale) == 0.25


def test_configuration_round_trip():
    control = RateControl(0.25, 700, -2.5, name="control")
    copy = RateControl.from_config(control.get_config())
    assert (copy.target_bpp, copy.steps, copy.start, copy.name) == (0.25, 700, -2.5, "control")
    assert float(copy.log_multiplier) == -2.5
