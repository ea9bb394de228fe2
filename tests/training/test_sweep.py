"""A grid of trainings: its points, their names, and what is refused."""

from __future__ import annotations

import pytest

from tfnoise.errors import UsageError
from tfnoise.training.sweep import as_text, grid


def test_every_combination_once_and_the_last_axis_changes_fastest():
    points = grid({"loss": ["mse", "nlpd"], "epochs": [5], "seed": [0, 1, 2]}, None, "mse")
    assert [point.name for point in points] == [
        *("mse_seed0", "mse_seed1", "mse_seed2"),
        *("nlpd_seed0", "nlpd_seed1", "nlpd_seed2"),
    ]
    assert points[4].axes == {"loss": "nlpd", "seed": 1}
    assert points[4].values == {"loss": "nlpd", "epochs": 5, "seed": 1}


@pytest.mark.parametrize(
    ("choices", "prefix", "names"),
    [
        ({"loss": ["nlpd"], "seed": [3]}, None, ["nlpd"]),
        ({"loss": ["nlpd"]}, "first", ["first_nlpd"]),
        ({}, None, ["nlpd"]),
        ({"loss": ["mse", "0.5*ms_ssim+0.5*nlpd"]}, None, ["mse", "0.5_ms_ssim_0.5_nlpd"]),
        ({"bpp": [0.25, 1.0], "centre": [False]}, "rates", ["rates_bpp0.25", "rates_bpp1"]),
        ({"learning_rate": [1e-3, 1e-5]}, None, ["learning_rate0.001", "learning_rate1e-05"]),
        ({"centre": [True, False]}, None, ["centretrue", "centrefalse"]),
        ({"nlpd_parameters": ["../a/x.json", "/b/y.json"]}, None, ["a_x.json", "b_y.json"]),
    ],
)
def test_names_tell_points_apart_and_are_safe_for_folders(choices, prefix, names):
    assert [point.name for point in grid(choices, prefix, "nlpd")] == names


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"loss": ["mse", "nlpd"], "seed": [0, 1, 0]}, "`loss`=mse `seed`=0 and `loss`=mse `seed`=0"),
        ({"val_data": ["a/b", "a b"]}, "`val_data`=a/b and `val_data`=a b"),
    ],
)
def test_two_points_of_one_name_are_refused(choices, words):
    with pytest.raises(UsageError, match="two trainings would be called") as caught:
        grid(choices, None, "mse")
    assert words in str(caught.value)


@pytest.mark.parametrize("value", [0.1, 1e-30, 1e30, 12345.678, 2.0, -3.5])
def test_numbers_are_written_without_loss(value):
    assert float(as_text(value)) == value
