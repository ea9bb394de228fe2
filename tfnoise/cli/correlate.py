"""Check metrics against listeners: correlations of MSE, SSIM, MS-SSIM and NLPD with ratings, and a picture.

The metrics see mel-spectrograms of a reference and a degraded clip. Ratings come from a CSV file with the
columns reference, degraded and rating (or rating_mean), whose file names are below its folder or the audio/
in it; or from the Perceived Music Quality Dataset, whose degraded clips are paired with their originals.

Example:
    bin/correlate --ratings=ratings.csv
    bin/correlate --pmqd=FOLDER --nlpd_parameters=nlpd.json --plot=pmqd.png
    bin/correlate --ratings=ratings.csv --json
"""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfnoise
from tfnoise.cli.output import print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.shared_flags import define_front_end, define_plot, front_end_from_flags, picture_path
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError

if TYPE_CHECKING:
    from tfnoise.evaluation.bootstrap import Estimate
    from tfnoise.evaluation.correlation import Agreement

POSITIONAL = None
_SHOWN_PROBLEMS = 10
_FEW_REFERENCES = 10


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/correlate."""
    define.string("ratings", None, "CSV file of rated pairs.")
    define.string("pmqd", None, "Folder with PMQD's pmqd.csv and audio/.")
    define.string("rating_column", None, "Column of --ratings. (default: rating, or else rating_mean)")
    define.string("audio_dir", None, "Folder of the clips in --ratings. (default: the file's, or its audio/)")
    define.string("nlpd_parameters", None, "Parameters fitted by bin/fit_nlpd, beside the published ones.")
    scales = "Scales of MS-SSIM; 4 need images of 81 pixels a side."
    define.integer("ms_ssim_scales", 4, scales, lower_bound=1, upper_bound=5)
    define_plot(define, "correlation")
    define.boolean("identical", True, "Count pairs of a clip with itself, as a test's hidden references.")
    define.integer("resamples", 1000, "Resamples of the bootstrap intervals.", lower_bound=100)
    define.integer("seed", 0, "Random seed of the bootstrap.", lower_bound=0)
    define_front_end(define)


def main(arguments: list[str], values: FlagValues) -> None:
    """Correlates the metrics with the ratings, and reports with what certainty."""
    if bool(values.ratings) == bool(values.pmqd):
        raise UsageError("give either --ratings=FILE.csv or --pmqd=FOLDER")
    if values.pmqd is not None and (values.rating_column or values.audio_dir):
        raise UsageError("--rating_column and --audio_dir go with --ratings")
    front_end = front_end_from_flags(values)
    plot = picture_path(values.plot, values.overwrite, "correlation")

    from tfnoise.data.ratings import pmqd_pairs, read_ratings
    from tfnoise.evaluation import correlation

    parameters = values.nlpd_parameters
    fitted = tfnoise.losses.NLPDParameters.load(parameters) if parameters else None
    source = values.ratings or values.pmqd
    if values.pmqd is not None:
        pairs, problems = pmqd_pairs(values.pmqd)
    else:
        pairs, problems = read_ratings(values.ratings, values.rating_column, values.audio_dir)
    metrics = correlation.pair_metrics(values.ms_ssim_scales, fitted)
    with Progress(len(pairs), label="comparing", unit="pair") as progress:
        images = progress.count(correlation.pair_images(pairs, front_end))
        used, scores, unusable = correlation.metric_values(metrics, images)
    problems += unusable
    # The first metric is MSE.
    identical = scores[0] == 0
    if not values.identical:
        used = [pair for pair, same in zip(used, identical) if not same]
        scores = scores[:, ~identical]
    if len(used) < correlation.FEWEST_PAIRS:
        first = f"; the first problem: {problems[0]}" if problems else "; rate more clips"
        fewest = f"where {correlation.FEWEST_PAIRS} are needed"
        raise InputError(f"{source}: only {len(used)} usable pairs {fewest}{first}")
    if len({pair.rating for pair in used}) == 1:
        rating = f"{used[0].rating:g}"
        raise InputError(f"{source}: all {len(used)} ratings are {rating}: nothing to correlate with")
    agreements = correlation.agreements(metrics, scores, used, values.seed, values.resamples)
    references = len({pair.reference for pair in used})
    say(f"{len(used)} pairs of {references} references in {source}\n")
    _say(agreements, references, problems)
    if values.identical and identical.any():
        say(f"\n{identical.sum()} of the pairs are a clip with itself; --noidentical skips such pairs.")
    if plot is not None:
        _draw(plot, f"{Path(source).name}: {len(used)} rated pairs", agreements, scores, used)
        say(f"wrote {plot}")
    print_json(
        {
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "tfnoise": tfnoise.__version__,
            "source": source,
            "pairs": len(used),
            "references": references,
            "identical_pairs": int(identical.sum()),
            "identical_counted": values.identical,
            "left_out": problems,
            "front_end": front_end,
            "seed": values.seed,
            "resamples": values.resamples,
            "metrics": {name: agreement.as_json() for name, agreement in agreements.items()},
            "plot": plot,
        }
    )


def _title(name: str) -> str:
    """As MSE, MS-SSIM-4 and NLPD fitted."""
    family, _, variant = name.partition("nlpd_")
    return f"NLPD {variant}" if variant else family.upper().replace("_", "-")


def _say(agreements: dict[str, Agreement], references: int, problems: list[str]) -> None:
    rows = [
        [
            _title(name),
            agreement.pairs,
            *map(_interval, agreement.coefficients.values()),
            "-" if agreement.gain is None else _interval(agreement.gain, "+.3f"),
        ]
        for name, agreement in agreements.items()
    ]
    header = ["metric", "pairs", "Spearman", "Pearson", "Kendall", "|Spearman| over MSE's"]
    say(table(rows, header, "lrllll"))
    say("\n[95 % bootstrap interval, references resampled]. MSE and NLPD are distances: -1 is best for them,")
    say("1 for SSIM and MS-SSIM. Mel-spectrograms, the degraded clip on its reference's decibel scale.")
    if references < _FEW_REFERENCES:
        say(f"Of {references} references alone, intervals are rough (and there are none of one).")
    if any(math.isnan(agreement.coefficients["spearman"].value) for agreement in agreements.values()):
        say("-: the images are too small for the metric, or its values are all equal.")
    if problems:
        say(f"\n{len(problems)} skipped:")
        for line in problems[:_SHOWN_PROBLEMS]:
            say(f"  {line}")
        if len(problems) > _SHOWN_PROBLEMS:
            say(f"  ... and {len(problems) - _SHOWN_PROBLEMS} more; --json lists all")


def _interval(estimate: Estimate, form: str = ".3f") -> str:
    if math.isnan(estimate.value):
        return "-"
    if math.isnan(estimate.low):
        return f"{estimate.value:{form}}"
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


def _draw(path: Path, title: str, agreements: dict[str, Agreement], scores: Any, pairs: list) -> None:
    from tfnoise.evaluation import save_figure
    from tfnoise.evaluation.plots import scatter_figure

    spearman = [_interval(agreement.coefficients["spearman"], ".2f") for agreement in agreements.values()]
    panels = [
        (_title(name), f"Spearman {interval}", values)
        for name, interval, values in zip(agreements, spearman, scores)
    ]
    ratings, conditions = [pair.rating for pair in pairs], [pair.condition for pair in pairs]
    path.parent.mkdir(parents=True, exist_ok=True)
    save_figure(scatter_figure(panels, ratings, conditions, title), path)
