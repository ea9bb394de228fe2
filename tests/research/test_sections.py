"""Sections that compare trainings: every training is asked for once, and what is said follows the figures."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from tfnoise.cli import reproduce
from tfnoise.data import Clip
from tfnoise.errors import InputError
from tfnoise.research.blocks import Paragraph, Table, number
from tfnoise.research.pages import markdown_page
from tfnoise.research.recipes import in_order
from tfnoise.research.sections import (
    SECTIONS,
    guidelines,
    natural_data_bound,
    noise,
    quantizer_gradient,
    rate,
)

COMPARING = ("rate", "noise", "natural_data_bound", "quantizer_gradient", "guidelines")


class Figures:
    """Stands for a `Experiment` whose models' MSE is given by name; NLPD and MS-SSIM follow it."""

    def __init__(self, folder, mse=lambda name: 0.01, clips=120):
        self.folder, self.mse, self.steps = folder, mse, 500
        self.images, self.asked, self.seeds = [None] * clips, set(), 3
        self.constant_image = {"mse": 0.04, "nlpd": 0.9, "ms_ssim": 0.3}
        self.tested = np.arange(clips) % 2 == 0
        self.split = [Clip("a.wav", "a")] * (clips // 2), [Clip("b.wav", "b")] * (clips // 2)

    def means(self, recipe, which=None):
        self.asked.add(recipe.name)
        error = self.mse(recipe.name)
        return {
            "mse": error,
            "nlpd": 10 * error,
            "ms_ssim": 1 - error,
            "bpp": 0.49,
            "bpp_max": 0.5,
            "step": 1.0,
        }

    def scores(self, recipe):
        return {name: np.full(len(self.images), value) for name, value in self.means(recipe).items()}

    def calibrated_mse(self, recipe, which):
        return self.scores(recipe)["mse"][which]

    def is_trained(self, recipe):
        return not recipe.name.endswith("10000.0_0")

    def run_dir(self, recipe):
        return self.folder / recipe.name


def _said(module, experiment) -> str:
    """The section as Markdown, after its result was a file."""
    result = json.loads(json.dumps(module.measure(experiment), sort_keys=True))
    blocks = module.blocks(result)
    assert any(isinstance(block, Table) for block in blocks)
    for block in blocks:
        if isinstance(block, Table):
            assert all(len(row) == len(block.header) for row in block.rows)
            assert all(isinstance(cell, str) for row in block.rows for cell in row)
        elif isinstance(block, Paragraph):
            assert "nan" not in block.text and "None" not in block.text
    return markdown_page("", blocks)


@pytest.mark.parametrize("name", COMPARING)
def test_what_is_measured_was_asked_to_be_trained_and_the_other_way_round(name, tmp_path):
    experiment = Figures(tmp_path)
    _said(SECTIONS[name], experiment)
    recipes = [
        recipe for stage in in_order(_with_main(SECTIONS[name].recipes(experiment))) for recipe in stage
    ]
    trained = {recipe.name for recipe in recipes if not recipe.may_fail or experiment.is_trained(recipe)}
    wanted = {recipe.name for recipe in SECTIONS[name].recipes(experiment)}
    assert experiment.asked <= trained
    # What only others begin with is not scored.
    assert wanted - experiment.asked <= {recipe.start for recipe in recipes} | {
        "levels_nlpd_quantizer_s10000.0_0"
    }


def _with_main(recipes):
    return [*SECTIONS["paper"].recipes(SimpleNamespace(seeds=1)), *recipes]


def test_all_sections_together_name_no_training_twice_with_other_flags(tmp_path):
    experiment = Figures(tmp_path)
    recipes = [recipe for module in SECTIONS.values() for recipe in module.recipes(experiment)]
    names = [recipe.name for stage in in_order(recipes) for recipe in stage]
    assert len(names) == len(set(names)) > 70


def test_the_help_counts_the_trainings_of_each_section(tmp_path):
    experiment = Figures(tmp_path)
    shared = {recipe.name for recipe in SECTIONS["paper"].recipes(experiment)}
    counts = {
        name: len({recipe.name for recipe in SECTIONS[name].recipes(experiment)} - shared)
        for name in COMPARING
    }
    in_help = {name: re.search(r"\((\d+) trainings more", text) for name, text in reproduce.SECTIONS.items()}
    assert {name: int(match[1]) for name, match in in_help.items() if match} == counts


def test_rate_tells_where_a_perceptual_loss_is_ahead_and_where_more_bits_do_not_help(tmp_path):
    def mse(name):
        rate_bpp = float(name.split("bpp")[1].split("_")[0]) if "bpp" in name else 0.5
        if "nlpd" in name:
            return 0.02 / rate_bpp if rate_bpp < 1 else 0.05
        return 0.03

    experiment = Figures(tmp_path, mse)
    text = _said(rate, experiment)
    assert "NLPD has the lower MSE at 0 of 5 rates" in text
    assert "More bits did not always help the models trained with NLPD" in text
    # Of grey the error is 0.04.
    assert "has an MSE of 0.0400. No better by MSE: 2 levels at 0.125 bpp with NLPD (0.160), " in text
    assert "2 levels at 1 bpp with NLPD (0.0500)" in text and "levels at 0.5 bpp with MSE" not in text
    # All of these models are said to have taken up to 0.5 bpp.
    above = next(line for line in text.splitlines() if "coarsest quantization step" in line)
    assert above.count("(up to 0.500)") == 12 and "at 0.5 bpp" not in above and "at 1 bpp" not in above


def test_noise_tells_the_best_family_and_where_nlpd_helps(tmp_path):
    experiment = Figures(
        tmp_path, lambda name: 0.004 if "streaked" in name else 0.01 if "nlpd" in name else 0.04
    )
    text = _said(noise, experiment)
    assert "streaked noise brings natural audio's MSE from 0.0400 (uniform) to 0.00400" in text
    assert "1.00 of MSE's with streaked" in text and "0.250 of MSE's with pink" in text


def test_the_share_of_the_distance_is_nothing_on_uniform_noise_and_all_on_natural_clips(tmp_path):
    values = {"levels_mse_0": 0.04, "entropy_mse_0": 0.04, "natural": 0.01, "nlpd_0": 0.025}
    experiment = Figures(tmp_path, lambda name: next((v for k, v in values.items() if k in name), 0.0025))
    rows = {
        row["learned_from"]: row["closed"] for row in natural_data_bound.measure(experiment)["rows"]["levels"]
    }
    assert rows["uniform noise, MSE"]["mse"] == 0 and rows["natural clips, MSE"]["mse"] == 1
    assert rows["uniform noise, NLPD"]["mse"] == pytest.approx(0.5)
    assert rows["streaked noise, MSE"]["mse"] == pytest.approx(1.25)
    assert "125 %" in _said(natural_data_bound, experiment)
    assert natural_data_bound.measure(Figures(tmp_path))["rows"]["levels"][1]["closed"]["mse"] is None


@pytest.mark.parametrize(
    ("streaked", "verdict"),
    [
        (0.005, "noise that was designed well taught more"),
        (0.02, "data taught more than noise"),
        (0.01, "neither"),
    ],
)
def test_whether_data_is_overrated_follows_all_seeds(streaked, verdict, tmp_path):
    text = _said(natural_data_bound, Figures(tmp_path, lambda name: streaked if "streaked" in name else 0.01))
    assert verdict in text and "3 seeds and 60 clips" in text
    assert f"{number(streaked)}, {number(streaked)}, {number(streaked)} against 0.0100" in text
    one_seed_worse = Figures(
        tmp_path, lambda name: 0.1 if "streaked_2" in name else 0.005 if "streaked" in name else 0.01
    )
    assert "neither" in _said(natural_data_bound, one_seed_worse)


def test_a_softness_whose_training_ended_is_told(tmp_path):
    assert "no longer finite with s = 10000 after step 0" in _said(quantizer_gradient, Figures(tmp_path))


def test_advice_follows_the_figures(tmp_path):
    def mse(name):
        return 0.002 if "after_noise" in name else 0.004 if "natural" in name else 0.03

    text = _said(guidelines, Figures(tmp_path, mse))
    assert "so use them" in text and "it pays with 5, 20, 50 clips" in text
    text = _said(guidelines, Figures(tmp_path, lambda name: 0.1 if "natural" in name else 0.01))
    assert "too few to be worth it" in text and "it does not pay" in text


def test_too_few_clips_to_tune_on_are_told_before_anything_is_trained(tmp_path):
    guidelines.check(Figures(tmp_path, clips=100))
    with pytest.raises(InputError, match="half of this data are 49"):
        guidelines.check(Figures(tmp_path, clips=98))
