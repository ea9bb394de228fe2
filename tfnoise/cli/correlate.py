"""The work of bin/correlate: metrics of rated pairs, their agreement with the ratings, and a picture."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

import tfnoise
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.shared_flags import front_end_from_flags, picture_path
from tfnoise.errors import InputError, UsageError

FLAGS = flags.FLAGS
_TITLES = {
    "mse": "MSE",
    "ssim": "SSIM",
    "nlpd_2016": "NLPD 2016",
    "nlpd_2017": "NLPD 2017",
    "nlpd_fitted": "NLPD fitted",
}
_SHOWN_PROBLEMS = 10
_FEW_REFERENCES = 10


def correlate_from_flags() -> int:
    """Correlates as the flags of bin/correlate say; returns the exit status."""
    if bool(FLAGS.ratings) == bool(FLAGS.pmqd):
        raise UsageError("give either --ratings=FILE.csv or --pmqd=FOLDER")
    if FLAGS.pmqd is not None and (FLAGS.rating_column or FLAGS.audio_dir):
        raise UsageError("--rating_column and --audio_dir go with --ratings")
    front_end = front_end_from_flags(FLAGS)
    plot = picture_path(FLAGS.plot, FLAGS.overwrite, "correlation")

    from tfnoise.data.ratings import pmqd_pairs, read_ratings
    from tfnoise.evaluation import correlation
    from tfnoise.losses import NLPDParameters

    fitted = NLPDParameters.load(FLAGS.nlpd_parameters) if FLAGS.nlpd_parameters else None
    source = FLAGS.ratings or FLAGS.pmqd
    if FLAGS.pmqd is not None:
        pairs, problems = pmqd_pairs(FLAGS.pmqd)
    else:
        pairs, problems = read_ratings(FLAGS.ratings, FLAGS.rating_column, FLAGS.audio_dir)
    metrics = correlation.pair_metrics(FLAGS.ms_ssim_scales, fitted)
    with Progress(len(pairs), label="comparing", unit="pair") as progress:
        images = correlation.pair_images(pairs, front_end)
        used, values, unusable = correlation.metric_values(metrics, images, progress.update)
    problems += unusable
    # The first metric is MSE.
    identical = values[0] == 0 if used else np.zeros(0, bool)
    if not FLAGS.identical:
        used = [pair for pair, same in zip(used, identical) if not same]
        values = values[:, ~identical]
    if len(used) < correlation.FEWEST_PAIRS:
        first = f"; the first problem: {problems[0]}" if problems else "; rate more clips"
        raise InputError(
            f"{source}: only {len(used)} usable pairs where {correlation.FEWEST_PAIRS} are needed{first}"
        )
    if len({pair.rating for pair in used}) == 1:
        raise InputError(
            f"{source}: all {len(used)} ratings are {used[0].rating:g}: nothing to correlate with"
        )
    found = correlation.agreements(metrics, values, used, FLAGS.seed, FLAGS.resamples)
    references = len({pair.reference for pair in used})
    _say(source, found, len(used), references, problems)
    if FLAGS.identical and identical.any():
        say(f"\n{identical.sum()} of the pairs are a clip with itself; --noidentical leaves such pairs out.")
    if plot is not None:
        _draw(plot, source, found, values, used)
        say(f"wrote {plot}")
    if json_requested():
        print_json(
            {
                "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "tfnoise": tfnoise.__version__,
                "source": source,
                "pairs": len(used),
                "references": references,
                "identical_pairs": int(identical.sum()),
                "identical_counted": FLAGS.identical,
                "left_out": problems,
                "front_end": front_end,
                "seed": FLAGS.seed,
                "resamples": FLAGS.resamples,
                "metrics": {name: _as_json(agreement) for name, agreement in found.items()},
                "plot": plot,
            }
        )
    return 0


def _title(name: str) -> str:
    return _TITLES.get(name) or name.upper().replace("MS_SSIM_", "MS-SSIM-")


def _say(source: str, found: dict, pairs: int, references: int, problems: list[str]) -> None:
    from tfnoise.evaluation.correlation import COEFFICIENTS

    say(f"{pairs} pairs of {references} references in {source}\n")
    rows = [
        [
            _title(name),
            agreement.pairs,
            *(_interval(agreement.coefficients[coefficient]) for coefficient in COEFFICIENTS),
            "-" if agreement.gain is None else _interval(agreement.gain, "+.3f"),
        ]
        for name, agreement in found.items()
    ]
    header = ["metric", "pairs", *(name.capitalize() for name in COEFFICIENTS), "|Spearman| over MSE's"]
    say(table(rows, header, "lrllll"))
    say("\n[95 % bootstrap interval, references resampled]. MSE and NLPD are distances: -1 is best for them,")
    say("1 for SSIM and MS-SSIM. Mel-spectrograms, the degraded clip on its reference's decibel scale.")
    if references < _FEW_REFERENCES:
        say(f"Of {references} references alone, intervals are rough (and there are none of one).")
    if any(math.isnan(agreement.coefficients["spearman"].value) for agreement in found.values()):
        say("-: the images are too small for the metric, or its values are all equal.")
    if problems:
        say(f"\n{len(problems)} left out:")
        for line in problems[:_SHOWN_PROBLEMS]:
            say(f"  {line}")
        if len(problems) > _SHOWN_PROBLEMS:
            say(f"  ... and {len(problems) - _SHOWN_PROBLEMS} more; --json lists all")


def _interval(estimate: Any, form: str = ".3f") -> str:
    if math.isnan(estimate.value):
        return "-"
    if math.isnan(estimate.low):
        return f"{estimate.value:{form}}"
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


def _as_json(agreement: Any) -> dict[str, Any]:
    report = {"pairs": agreement.pairs}
    report.update({name: estimate.as_json() for name, estimate in agreement.coefficients.items()})
    report["spearman_gain_over_mse"] = None if agreement.gain is None else agreement.gain.as_json()
    return report


def _draw(path: Path, source: str, found: dict, values: Any, used: list) -> None:
    from tfnoise.evaluation import save_figure
    from tfnoise.evaluation.scatter import scatter_figure

    titles = [_title(name) for name in found]
    figure = scatter_figure(
        dict(zip(titles, values)),
        [pair.rating for pair in used],
        [pair.condition for pair in used],
        {
            title: f"Spearman {_interval(agreement.coefficients['spearman'], '.2f')}"
            for title, agreement in zip(titles, found.values())
        },
        f"{Path(source).name}: {len(used)} rated pairs",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    save_figure(figure, path)
