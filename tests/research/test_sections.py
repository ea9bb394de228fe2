"""Sections: their trainings, their tables of simple scores, and those of the committed results."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from tfnoise.cli import reproduce
from tfnoise.data import Clip
from tfnoise.errors import InputError
from tfnoise.research.experiment import Experiment, in_order, main_recipes
from tfnoise.research.report import Picture, Sounds, number
from tfnoise.research.sections import SECTIONS, natural_data_bound

COMPARING = ("rate", "noise", "natural_data_bound", "quantizer_gradient", "guidelines")


class FakeScores(Experiment):
    """An experiment whose models' MSE is a function of their names; NLPD and MS-SSIM follow it."""

    def __init__(self, folder, mse=lambda name: 0.01, clips=120):
        super().__init__(folder, [])
        self.mse, self.scored = mse, set()
        self.images = [None] * clips
        self.constant_image = {"mse": 0.04, "nlpd": 0.9, "ms_ssim": 0.3}
        self.tested = np.arange(clips) % 2 == 0
        self.split = [Clip("a.wav", "a")] * (clips // 2), [Clip("b.wav", "b")] * (clips // 2)

    def means(self, recipe, which=None):
        self.scored.add(recipe.name)
        mse = self.mse(recipe.name)
        return {"mse": mse, "nlpd": 10 * mse, "ms_ssim": 1 - mse, "bpp": 0.49, "bpp_max": 0.5, "step": 1.0}

    def scores(self, recipe):
        return {name: np.full(len(self.images), value) for name, value in self.means(recipe).items()}

    def calibrated_mse(self, recipe, which):
        return self.scores(recipe)["mse"][which]

    def is_trained(self, recipe):
        return not recipe.name.endswith("10000.0_0")


def _tables(section, result) -> list[list[list[str]]]:
    """The rows of the tables of a result that was a file."""
    tables = section.tables(json.loads(json.dumps(result, sort_keys=True)))
    assert tables and all(table.caption for table in tables)
    for table in tables:
        assert all(len(row) == len(table.header) for row in table.rows)
        cells = [cell for row in (table.header, *table.rows) for cell in row]
        assert all(isinstance(cell, str) and not re.search("nan|None", cell) for cell in cells)
    return [list(table.rows) for table in tables]


def _measured(name, experiment) -> list[list[list[str]]]:
    return _tables(SECTIONS[name], SECTIONS[name].measurement(experiment))


@pytest.mark.parametrize("name", SECTIONS)
def test_the_committed_results_are_shown(name, repo_root):
    reports = [repo_root / f"docs/results/{file}.json" for file in ("reproduction", "reproduction_quick")]
    results = [json.loads(report.read_text())["sections"] for report in reports]
    result = next(sections[name] for sections in results if name in sections)
    assert all(rows for rows in _tables(SECTIONS[name], result))
    figures = SECTIONS[name].figures(result)
    assert all(isinstance(figure, (Picture, Sounds)) and figure.caption for figure in figures)


@pytest.mark.parametrize("name", COMPARING)
def test_what_is_measured_is_trained_and_the_other_way_round(name, tmp_path):
    experiment = FakeScores(tmp_path)
    assert _measured(name, experiment)
    trainings = SECTIONS[name].trainings(experiment)
    recipes = [recipe for stage in in_order([*main_recipes(), *trainings]) for recipe in stage]
    trained = {recipe.name for recipe in recipes if not recipe.may_fail or experiment.is_trained(recipe)}
    assert experiment.scored <= trained
    # What only others start from is not scored.
    not_scored = {recipe.name for recipe in trainings} - experiment.scored
    assert not_scored <= {recipe.start for recipe in recipes} | {"levels_nlpd_quantizer_s10000.0_0"}


def test_all_sections_together_name_no_training_twice_with_other_flags(tmp_path):
    experiment = FakeScores(tmp_path)
    recipes = [recipe for section in SECTIONS.values() for recipe in section.trainings(experiment)]
    names = [recipe.name for stage in in_order(recipes) for recipe in stage]
    assert len(names) == len(set(names)) > 70


def test_the_help_counts_the_trainings_of_each_section(tmp_path):
    experiment = FakeScores(tmp_path)
    shared = {recipe.name for recipe in SECTIONS["paper"].trainings(experiment)}
    assert set(reproduce.SECTIONS) == set(SECTIONS) - {"paper"}
    for name, text in reproduce.SECTIONS.items():
        more = {recipe.name for recipe in SECTIONS[name].trainings(experiment)} - shared
        count = re.search(r"\((\d+) trainings more", text)
        assert int(count[1]) == len(more) if count else not more


def test_rate_has_ratios_to_mse_at_each_rate(tmp_path):
    def mse(name):
        rate_bpp = float(name.split("bpp")[1].split("_")[0]) if "bpp" in name else 0.5
        return 0.02 / rate_bpp if "nlpd" in name else 0.03

    [rows] = _measured("rate", FakeScores(tmp_path, mse))
    by_point = {tuple(row[:3]): row for row in rows}
    assert len(by_point) == len(rows) == 36
    row = by_point["2 levels", "0.125", "NLPD"]
    assert row[3:6] == ["0.490", "0.500", "0.160"] and row[-1] == number(0.16 / 0.03)
    assert by_point["entropy", "2", "NLPD"][-1] == number(0.01 / 0.03)
    assert by_point["16 levels", "0.5", "MSE"][-1] == "1.00"


def test_noise_has_a_row_a_family(tmp_path):
    [rows] = _measured("noise", FakeScores(tmp_path, lambda name: 0.01 if "nlpd" in name else 0.04))
    assert {"uniform", "streaked", "pink"} <= {row[0] for row in rows}
    assert {(row[1], row[2], row[-1]) for row in rows} == {("0.0400", "0.0100", "0.250")}


def test_the_share_of_the_distance_is_nothing_on_uniform_noise_and_all_on_natural_clips(tmp_path):
    values = {"levels_mse_0": 0.04, "entropy_mse_0": 0.04, "natural": 0.01, "nlpd_0": 0.025}
    experiment = FakeScores(tmp_path, lambda name: next((v for k, v in values.items() if k in name), 0.0025))
    result = natural_data_bound.measure(experiment)
    shares = {row["learned_from"]: row["closed"] for row in result["rows"]["levels"]}
    assert shares["uniform noise, MSE"]["mse"] == 0 and shares["natural clips, MSE"]["mse"] == 1
    assert shares["uniform noise, NLPD"]["mse"] == pytest.approx(0.5)
    assert shares["streaked noise, MSE"]["mse"] == pytest.approx(1.25)
    assert "1.25" in [row[5] for row in _tables(SECTIONS["natural_data_bound"], result)[0]]
    equal = natural_data_bound.measure(FakeScores(tmp_path))
    assert equal["rows"]["levels"][1]["closed"]["mse"] is None


def test_noise_against_clips_is_compared_over_all_seeds(tmp_path):
    def mse(name):
        return 0.1 if "streaked_2" in name else 0.005 if "streaked" in name else 0.01

    *_, rows = _measured("natural_data_bound", FakeScores(tmp_path, mse))
    assert [row[0] for row in rows] == ["MSE", "NLPD", "calibrated MSE"]
    assert rows[0][3:] == ["2 of 3", "0.00500, 0.00500, 0.100", "0.0100, 0.0100, 0.0100"]
    assert rows[0][1].startswith("3.67 (0.500 to ")


def test_an_s_whose_training_ended_has_no_scores(tmp_path):
    [rows] = _measured("quantizer_gradient", FakeScores(tmp_path))
    assert rows[-1] == ["10000", "–", "–", "–", "–", "–", "0"] and rows[0][1] == "0.0100"


def test_guidelines_have_mixtures_and_numbers_of_clips(tmp_path):
    def mse(name):
        return 0.002 if "after_noise" in name else 0.004 if "natural" in name else 0.03

    mixtures, tuned = _measured("guidelines", FakeScores(tmp_path, mse))
    assert [row[1] for row in mixtures] == 2 * ["0", "0.02", "0.1", "0.5", "1"]
    assert [[*row[:2], row[3]] for row in tuned[:3]] == [
        ["0", "noise", "0.0300"],
        ["5", "scratch", "0.00400"],
        ["5", "noise", "0.00200"],
    ]


def test_too_few_clips_to_fine_tune_on_are_refused_before_anything_is_trained(tmp_path):
    SECTIONS["guidelines"].check(FakeScores(tmp_path, clips=100))
    with pytest.raises(InputError, match="half of this data are 49"):
        SECTIONS["guidelines"].check(FakeScores(tmp_path, clips=98))
