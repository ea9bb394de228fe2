"""The report of an evaluation: tables and notes for people, and one object for JSON."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tfnoise
from tfnoise.evaluation.bootstrap import bootstrap_mean
from tfnoise.evaluation.scores import METRICS, GenreScores, ModelScores, SkippedClip
from tfnoise.evaluation.sounds import SOUND_METRICS, SoundScores
from tfnoise.losses import smallest_side

_TABLE_COLUMNS = 100


class Table(NamedTuple):
    """Cells for a table: its header, its rows, and a letter a column, "l" or "r", for its side."""

    header: list[str]
    rows: list[list[Any]]
    align: str


def model_names(paths: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names of models in tables and JSON.

    Args:
      paths: the models' paths, all different.
      names: the folders' names above the version, one a path.

    Returns:
      The name of each; the path where two names are equal.

    >>> model_names(["a/best/1", "b/best/1", "mse"], ["best", "best", "mse"])
    ['a/best/1', 'b/best/1', 'mse']
    """
    counts = Counter(names)
    return [name if counts[name] == 1 else path for path, name in zip(paths, names)]


def evenly_spaced_indices(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0..count-1, evenly spaced and ascending.

    >>> evenly_spaced_indices(10, 3)
    [1, 5, 8]
    """
    number = min(count, most)
    return [(2 * index + 1) * count // (2 * number) for index in range(number)]


def summary(scores: ModelScores, seed: int = 0) -> dict[str, Any]:
    """One model's scores in the form of the JSON report.

    Args:
      scores: scores of the model.
      seed: random seed of the bootstrap.

    Returns:
      clips, bpp, bpp_max, bpp_target, metrics, genres (each with clips, bpp and metrics), above_target and
      left_out; a metric is {"mean": x, "ci95": [low, high]}, NaN where no clip has it.
    """
    result = _summary(scores, METRICS, seed)
    for genre, entry in result["genres"].items():
        entry["bpp"] = _mean(scores, genre)
    return {
        **result,
        "bpp": _mean(scores, None),
        "bpp_max": _largest_bpp(scores),
        "bpp_target": scores.bpp_target,
        "above_target": [{"path": clip.path, "bpp": clip.bpp} for clip in scores.above_target],
        "left_out": len(scores.skipped),
    }


def json_report(
    models: Mapping[str, ModelScores], data: str | None, seed: int = 0, **more: Any
) -> dict[str, Any]:
    """The whole evaluation as one object.

    Args:
      models: scores by model, one or more.
      data: the folder of clips; None for synthesised ones.
      seed: random seed of the bootstrap.
      **more: further entries, as the pictures that were written.

    Returns:
      A dict for JSON; NaN where no clip has a value.
    """
    scales = next(iter(models.values())).ms_ssim_scales
    too_small = {clip.path: clip for scores in models.values() for clip in scores.ms_ssim_skipped}
    return {
        "models": {name: summary(scores, seed) for name, scores in models.items()},
        "data": data,
        "synthetic": data is None,
        "left_out": [{"path": clip.path, "problem": clip.problem} for clip in _all_skipped(models)],
        "ms_ssim_scales": scales,
        "ms_ssim_left_out": [{"path": clip.path, "frames": clip.frames} for clip in too_small.values()],
        "seed": seed,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "tfnoise": tfnoise.__version__,
        **more,
    }


def score_table(models: Mapping[str, ModelScores], seed: int = 0) -> Table:
    """One row a model: clips, metrics as "mean [low, high]" with 95 % intervals, mean and largest rate."""
    scales = next(iter(models.values())).ms_ssim_scales
    header = ["model", "clips", "MSE", "NLPD", f"MS-SSIM-{scales}", "bpp", "largest"]
    columns = [_intervals(models, metric, seed) for metric in METRICS]
    rates = [(_mean(scores, None), _largest_bpp(scores)) for scores in models.values()]
    rows = [
        [name, len(scores.clips), *cells, *(f"{rate:.3f}" for rate in row_rates)]
        for (name, scores), *cells, row_rates in zip(models.items(), *columns, rates)
    ]
    return Table(header, rows, "lrrrrrr")


def genre_tables(models: Mapping[str, ModelScores]) -> list[tuple[str, Table]]:
    """Means by genre: of one model all metrics, of several the MSE of each.

    Returns:
      Titles and tables, none where no genre is known; several where one would be wider than 100 columns.
    """
    genres = sorted({genre for scores in models.values() for genre in scores.genres})
    if not genres:
        return []
    if len(models) == 1:
        [scores] = models.values()
        header = ["genre", "clips", "MSE", "NLPD", f"MS-SSIM-{scores.ms_ssim_scales}", "bpp"]
        columns = [_column([_mean(scores, genre, name) for genre in genres]) for name in (*METRICS, "bpp")]
        rows = [[genre, _clips([scores], genre), *cells] for genre, *cells in zip(genres, *columns)]
        return [("By genre", Table(header, rows, "lrrrrr"))]
    width = _TABLE_COLUMNS - max(len(genre) for genre in [*genres, "genre"]) - len("  clips")
    names = list(models)
    columns_each = max(1, width // (2 + max(len(name) for name in [*names, "0.0000"])))
    tables = []
    for first in range(0, len(names), columns_each):
        group = names[first : first + columns_each]
        shown = [models[name] for name in group]
        columns = [_column([_mean(scores, genre, "mse") for genre in genres]) for scores in shown]
        rows = [[genre, _clips(shown, genre), *cells] for genre, *cells in zip(genres, *columns)]
        tables.append(("MSE by genre", Table(["genre", "clips", *group], rows, "lr" + "r" * len(group))))
    return tables


def sound_summary(scores: SoundScores, seed: int = 0) -> dict[str, Any]:
    """The scores of resynthesised clips in the form of the JSON report: as `summary`, without rates."""
    return _summary(scores, SOUND_METRICS, seed)


def sound_table(sounds: Mapping[str, SoundScores], seed: int = 0) -> Table:
    """One row for each that was resynthesised: its clips, and scores as "mean [low, high]"."""
    header = ["resynthesised", "clips", "log-spectral distance, dB", "spectral convergence", "mel MSE"]
    columns = [_intervals(sounds, metric, seed) for metric in SOUND_METRICS]
    rows = [[name, len(scores.clips), *cells] for (name, scores), *cells in zip(sounds.items(), *columns)]
    return Table(header, rows, "lrrrr")


def notes(models: Mapping[str, ModelScores]) -> list[str]:
    """Remarks on the tables: clips that were skipped, for all scores or MS-SSIM, or are above the target.

    Returns:
      Lines of text; those that belong to the one before start with two spaces.
    """
    lines = []
    skipped = _all_skipped(models)
    if skipped:
        some = next(iter(models.values()))
        total = len(some.clips) + len(some.skipped)
        counts = sorted({len(scores.clips) for scores in models.values()})
        scored = " or ".join(map(str, counts))
        lines.append(f"{scored} of {_count(total, 'clip')} scored; {len(skipped)} skipped:")
        lines += [f"  {clip.problem}" for clip in skipped]
    for name, scores in models.items():
        of_model = f" of {name}" if len(models) > 1 else ""
        small = scores.ms_ssim_skipped
        if small:
            side, scales = smallest_side(scores.ms_ssim_scales), scores.ms_ssim_scales
            few = _count(len(small), "image")
            lines.append(f"{few}{of_model} smaller than {side} pixels a side, skipped for MS-SSIM-{scales}:")
            lines += [f"  {clip.path} ({clip.frames} frames)" for clip in small]
        above = scores.above_target
        if above:
            target = f"{scores.bpp_target:g} bpp"
            lines.append(f"{_count(len(above), 'clip')}{of_model} above {target} even at the coarsest step:")
            lines += [f"  {clip.path} ({clip.bpp:.3f} bpp)" for clip in above]
    return lines


def _all_skipped(models: Mapping[str, ModelScores]) -> list[SkippedClip]:
    """Clips on which some model could not be scored: with other front ends other clips are too short."""
    by_path = {clip.path: clip for scores in models.values() for clip in scores.skipped}
    return list(by_path.values())


def _summary(scores: GenreScores, names: Sequence[str], seed: int) -> dict[str, Any]:
    """clips, metrics and genres, each with clips and metrics."""

    def entry(genre: str | None) -> dict[str, Any]:
        estimates = {name: bootstrap_mean(scores.values(name, genre), seed) for name in names}
        metrics = {name: {"mean": one.value, "ci95": [one.low, one.high]} for name, one in estimates.items()}
        return {"clips": len(scores.values(names[0], genre)), "metrics": metrics}

    return {**entry(None), "genres": {genre: entry(genre) for genre in scores.genres}}


def _mean(scores: ModelScores, genre: str | None, name: str = "bpp") -> float:
    values = scores.values(name, genre)
    return float(values.mean()) if len(values) else math.nan


def _largest_bpp(scores: ModelScores) -> float:
    return max((clip.bpp for clip in scores.clips), default=math.nan)


def _clips(models: Sequence[ModelScores], genre: str) -> str:
    """Number of scored clips of a genre: "4", or "3-4" where that differs from model to model."""
    counts = [len(scores.values("mse", genre)) for scores in models]
    return str(counts[0]) if min(counts) == max(counts) else f"{min(counts)}-{max(counts)}"


def _intervals(models: Mapping[str, GenreScores], metric: str, seed: int) -> list[str]:
    """A column of "mean [low, high]", a row a model."""
    estimates = [bootstrap_mean(scores.values(metric), seed) for scores in models.values()]
    decimals = _decimals([estimate.value for estimate in estimates])
    columns = [[_number(number, decimals) for number in estimate] for estimate in estimates]
    return ["-" if value == "-" else f"{value} [{low}, {high}]" for value, low, high in columns]


def _column(values: Sequence[float]) -> list[str]:
    decimals = _decimals(values)
    return [_number(value, decimals) for value in values]


def _number(value: float, decimals: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{decimals}f}"


def _decimals(values: Sequence[float]) -> int:
    """Decimals that show three digits of the smallest of a column's values: 3 to 5."""
    sizes = [abs(value) for value in values if value and not math.isnan(value)]
    return min(max(2 - math.floor(math.log10(min(sizes, default=1))), 3), 5)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
