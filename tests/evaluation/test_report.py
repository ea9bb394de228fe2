"""Tables fit a terminal, JSON has its form, and every skipped clip is reported."""

from __future__ import annotations

import json

import pytest

from tfnoise.cli.output import jsonable, table
from tfnoise.evaluation import ClipScores, ModelScores, SkippedClip, bootstrap_mean, evenly_spaced_indices
from tfnoise.evaluation.report import genre_tables, json_report, model_names, notes, score_table


def clip(number: int, genre: str | None = "Rock", ms_ssim: float | None = 0.5, bpp: float = 0.49):
    path, error = f"audio/{number}.wav", 0.01 * (number + 1)
    return ClipScores(str(number), path, genre, 256, error, 0.9, ms_ssim, bpp, 1.0)


SCORES = ModelScores(
    0.5,
    4,
    (clip(0), clip(1, "Jazz"), clip(2, None, ms_ssim=None), clip(3, bpp=0.6)),
    (SkippedClip("audio/9.wav", "audio/9.wav: is silent"),),
)


@pytest.mark.parametrize(
    ("paths", "names", "expected"),
    [
        (["m/best", "m/mse/2"], ["best", "mse"], ["best", "mse"]),
        (["a/best", "b/best/1", "m/mse"], ["best", "best", "mse"], ["a/best", "b/best/1", "mse"]),
        (["m/mse/1", "m/mse/2"], ["mse", "mse"], ["m/mse/1", "m/mse/2"]),
    ],
)
def test_models_of_one_name_are_called_by_their_paths(paths, names, expected):
    assert model_names(paths, names) == expected


def test_json_has_its_form():
    report = json_report({"best": SCORES}, "pmqd", seed=7, pictures=["a.png"])
    report = json.loads(json.dumps(jsonable(report), allow_nan=False))
    model = report["models"]["best"]
    assert (model["clips"], model["bpp_target"], model["bpp_max"]) == (4, 0.5, 0.6)
    assert model["bpp"] == pytest.approx((3 * 0.49 + 0.6) / 4)
    estimate = bootstrap_mean([0.01, 0.02, 0.03, 0.04], seed=7)
    assert model["metrics"]["mse"] == {"mean": estimate.value, "ci95": [estimate.low, estimate.high]}
    assert set(model["metrics"]) == {"mse", "nlpd", "ms_ssim"}
    assert set(model["genres"]) == {"Rock", "Jazz"}
    assert model["genres"]["Rock"]["clips"] == 2
    assert model["genres"]["Jazz"]["metrics"]["mse"] == {"mean": 0.02, "ci95": [0.02, 0.02]}
    assert model["above_target"] == [{"path": "audio/3.wav", "bpp": 0.6}]
    assert report["left_out"] == [{"path": "audio/9.wav", "problem": "audio/9.wav: is silent"}]
    assert report["ms_ssim_left_out"] == [{"path": "audio/2.wav", "frames": 256}]
    assert (report["data"], report["synthetic"], report["seed"]) == ("pmqd", False, 7)
    assert report["ms_ssim_scales"] == 4 and report["pictures"] == ["a.png"] and report["date"][:2] == "20"
    assert json_report({"best": SCORES}, None)["synthetic"] is True
    # A metric that no clip has is a dash and null.
    scores = {"best": ModelScores(0.5, 5, (clip(0, ms_ssim=None),))}
    assert score_table(scores).rows[0][4] == "-"
    metrics = jsonable(json_report(scores, None))["models"]["best"]["metrics"]
    assert metrics["ms_ssim"] == {"mean": None, "ci95": [None, None]}


def test_the_table_has_one_row_a_model_and_fits_a_terminal():
    header, rows, align = score_table({"ms_ssim": SCORES, "nlpd": SCORES})
    text = table(rows, header, align)
    assert header[4] == "MS-SSIM-4" and [row[0] for row in rows] == ["ms_ssim", "nlpd"]
    assert rows[0][1] == 4 and rows[0][2].startswith("0.0250 [0.01") and rows[0][-1] == "0.600"
    assert max(map(len, text.splitlines())) <= 100


def test_genres_show_every_metric_of_one_model_and_many_models_in_tables_that_fit():
    [(title, (header, rows, _))] = genre_tables({"best": SCORES})
    assert title == "By genre" and header[2:] == ["MSE", "NLPD", "MS-SSIM-4", "bpp"]
    assert rows == [
        ["Jazz", "1", "0.0200", "0.900", "0.500", "0.490"],
        ["Rock", "2", "0.0250", "0.900", "0.500", "0.545"],
    ]
    assert genre_tables({"best": ModelScores(0.5, 4, (clip(0, None),))}) == []
    models = {f"saved_models/a_rather_long_name_{number}": SCORES for number in range(7)}
    tables = [columns for _, columns in genre_tables(models)]
    assert [name for header, _, _ in tables for name in header[2:]] == list(models) and len(tables) == 4
    for header, rows, align in tables:
        assert max(map(len, table(rows, header, align).splitlines())) <= 100


def test_notes_name_every_clip_that_is_skipped_or_above_the_target():
    text = "\n".join(notes({"best": SCORES}))
    assert "4 of 5 clips scored; 1 skipped:\n  audio/9.wav: is silent" in text
    assert "skipped for MS-SSIM-4:\n  audio/2.wav (256 frames)" in text
    assert "1 clip above 0.5 bpp even at the coarsest step:\n  audio/3.wav (0.600 bpp)" in text
    assert notes({"best": ModelScores(0.5, 4, (clip(0),))}) == []
    assert "1 clip of b above" in "\n".join(notes({"a": SCORES, "b": SCORES}))


def test_indices_are_evenly_spaced():
    assert evenly_spaced_indices(5, 9) == [0, 1, 2, 3, 4]
    assert evenly_spaced_indices(100, 4) == [12, 37, 62, 87]
    assert evenly_spaced_indices(0, 3) == [] and evenly_spaced_indices(1, 1) == [0]
