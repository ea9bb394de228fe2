"""Recipes: names, and an order in which each can begin."""

from __future__ import annotations

import pytest

from tfnoise.research.recipes import Recipe, in_order, main_recipe


def test_the_name_tells_what_differs_from_the_paper():
    assert main_recipe("nlpd", "levels", 2).name == "levels_nlpd_2"
    assert main_recipe("mse", "entropy", noise="streaked").name == "entropy_mse_noisestreaked_0"
    assert main_recipe("mse", "levels", bpp=0.125).name == "levels_mse_bpp0.125_0"


def test_each_is_trained_once_and_after_what_it_begins_with():
    noise = main_recipe("nlpd", "entropy")
    tuned, again = Recipe("tuned", start=noise.name), Recipe("again", start="tuned")
    stages = in_order([again, tuned, noise, main_recipe("nlpd", "entropy")])
    assert stages == [[noise], [tuned], [again]]


def test_what_cannot_begin_or_has_the_name_of_another_is_refused():
    with pytest.raises(ValueError, match="begins with nobody"):
        in_order([Recipe("a", start="nobody")])
    with pytest.raises(ValueError, match="two trainings are called a"):
        in_order([Recipe("a"), Recipe("a", {"loss": "mse"})])
