"""Correlations of metrics with ratings: SciPy's values, intervals over references, images of pairs."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from scipy import stats

from tfnoise.audio import FrontEnd
from tfnoise.data.ratings import RatedPair
from tfnoise.evaluation.correlation import PairMetric, agreements, metric_values, pair_images, pair_metrics
from tfnoise.losses import published_parameters

BASE = PairMetric("base", lambda a, b: tf.zeros([1]))
OTHER = PairMetric("other", lambda a, b: tf.zeros([1]))


def rated(ratings, per_reference: int = 2) -> list[RatedPair]:
    return [RatedPair(f"{place // per_reference}.wav", "x", rating) for place, rating in enumerate(ratings)]


def test_coefficients_are_scipys_and_intervals_hold_them():
    random = np.random.default_rng(0)
    ratings = np.round(random.uniform(0, 10, 60))  # with ties
    values = np.stack([-ratings + random.normal(0, 3, 60), ratings**3 + random.normal(0, 100, 60)])
    result = agreements([BASE, OTHER], values, rated(ratings), resamples=200)
    functions = {"spearman": stats.spearmanr, "pearson": stats.pearsonr, "kendall": stats.kendalltau}
    for row, name in zip(values, ("base", "other")):
        for coefficient, function in functions.items():
            value, estimate = function(row, ratings).statistic, result[name].coefficients[coefficient]
            assert estimate.value == pytest.approx(value, abs=1e-12)
            assert estimate.low < value < estimate.high
    gain = result["other"].gain
    base, other = (abs(result[name].coefficients["spearman"].value) for name in ("base", "other"))
    assert result["base"].gain is None and gain.value == pytest.approx(other - base) and gain.low < gain.high
    assert result == agreements([BASE, OTHER], values, rated(ratings), resamples=200)


def test_references_are_resampled_with_all_their_pairs():
    # Two references with the same pairs: every resample has the coefficients of the whole.
    ratings = np.tile(np.arange(5.0), 2)
    values = np.stack([ratings**2, np.sin(ratings)])
    result = agreements([BASE, OTHER], values, rated(ratings, 5), resamples=50)["other"]
    estimate = result.coefficients["pearson"]
    assert estimate.low == pytest.approx(estimate.value) == pytest.approx(estimate.high)


def test_what_cannot_be_correlated_is_nan_and_one_reference_gives_no_interval():
    ratings = np.arange(10.0)
    estimate = agreements([BASE], ratings[None] ** 2, rated(ratings, 10), resamples=50)["base"]
    assert estimate.coefficients["spearman"].value == pytest.approx(1)
    assert np.isnan(estimate.coefficients["spearman"].low)
    values = np.stack([np.ones(6), [1.0, 2.0, np.nan, np.nan, np.nan, np.nan]])
    result = agreements([BASE, OTHER], values, rated(ratings[:6]), resamples=20)
    assert np.isnan(result["base"].coefficients["spearman"].value)
    assert result["other"].pairs == 2 and np.isnan(result["other"].coefficients["kendall"].low)
    same = agreements([BASE], np.arange(6.0)[None], rated(np.full(6, 3.0)), resamples=20)
    assert np.isnan(same["base"].coefficients["pearson"].value)


@pytest.fixture
def clips(tmp_path):
    random = np.random.default_rng(0)
    reference = random.normal(0, 0.1, 48000) * np.linspace(0.1, 1, 48000)
    files = {
        "reference": reference,
        "noisy": reference + random.normal(0, 0.02, 48000),
        "quiet": 0.5 * reference,
        "shorter": reference[:40000],
        "short": reference[:15000],
        "silent": np.zeros(48000),
        "blip": reference[:500],
    }
    for name, samples in files.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, 16000)
    return tmp_path


def test_images_share_the_references_scale_and_are_cut_to_the_shorter(clips):
    names = ["noisy", "quiet", "shorter", "reference"]
    pairs = [RatedPair(str(clips / "reference.wav"), str(clips / f"{name}.wav"), 1) for name in names]
    noisy, quiet, shorter, same = pair_images(pairs, FrontEnd())
    assert not any(item.problem for item in (noisy, quiet, shorter, same))
    assert noisy.reference.shape == noisy.degraded.shape == (1, 128, 188, 1)
    inside = (quiet.degraded > 0) & (quiet.reference < 1)
    drop_db = 80 * (quiet.reference - quiet.degraded)[inside]
    np.testing.assert_allclose(drop_db, 20 * np.log10(2), atol=0.2)  # 16-bit files
    assert shorter.reference.shape[2] == shorter.degraded.shape[2] == 157
    np.testing.assert_array_equal(same.reference, same.degraded)


def test_pairs_that_cannot_be_compared_are_reported(clips):
    (clips / "noise.wav").write_bytes(b"no audio")
    problems = {"short": "reference's length", "silent": "", "blip": "too short", "noise": "noise.wav"}
    pairs = [RatedPair(str(clips / "reference.wav"), str(clips / f"{name}.wav"), 1) for name in problems]
    pairs.append(RatedPair(str(clips / "silent.wav"), str(clips / "noisy.wav"), 1))
    problem_lines = [item.problem for item in pair_images(pairs, FrontEnd())]
    for problem, words in zip(problem_lines, problems.values()):
        assert words in problem and bool(problem) == bool(words)
    assert "is silent" in problem_lines[-1]


def test_all_metrics_order_images_by_what_was_added(clips):
    reference = soundfile.read(clips / "reference.wav")[0]
    random = np.random.default_rng(1)
    pairs = []
    for level in range(5):
        path = clips / f"noise_{level}.wav"
        soundfile.write(path, reference + 0.02 * level * random.normal(0, 1, 48000), 16000)
        pairs.append(RatedPair(str(clips / "reference.wav"), str(path), 5 - level))
    metrics = pair_metrics(4, published_parameters("2016", 4))
    used, values, problems = metric_values(metrics, pair_images(pairs, FrontEnd()))
    assert len(used) == 5 and not problems and values.shape == (6, 5)
    for metric, row in zip(metrics, values):
        rank = stats.spearmanr(row, [pair.rating for pair in used]).statistic
        assert rank == pytest.approx(1 if "ssim" in metric.name else -1), metric.name


def test_images_that_are_too_small_for_a_metric_are_skipped_by_it_alone(clips):
    soundfile.write(clips / "brief.wav", soundfile.read(clips / "reference.wav")[0][:17000], 16000)
    pair = RatedPair(str(clips / "brief.wav"), str(clips / "brief.wav"), 1)
    metrics = pair_metrics(4)
    _, values, _ = metric_values(metrics, pair_images([pair], FrontEnd()))
    assert {m.name for m, value in zip(metrics, values[:, 0]) if np.isnan(value)} == {"ms_ssim_4"}
