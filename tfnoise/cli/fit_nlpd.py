"""Fit NLPD's normalisation to a corpus of audio: the size of its bands and their prediction by neighbours.

Writes a small file for --nlpd_parameters of bin/train, bin/evaluate and bin/correlate.

Example:
    bin/fit_nlpd --data=FOLDER_OF_AUDIO -o nlpd.json
    bin/fit_nlpd --data=pmqd --neighbourhood=5 -o nlpd_5.json
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import tfnoise
from tfnoise.cli import shared_flags
from tfnoise.cli.output import print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np

POSITIONAL = None


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/fit_nlpd."""
    define.string("data", None, "Folder of audio, or of PMQD, whose originals count.", required=True)
    define.string("output", "nlpd.json", "The file to write.", short_name="o")
    define.enum("family", "2016", ["2016", "2017"], "Pyramid of Laparra et al. 2016 or 2017.")
    define.integer("scales", 6, "Scales, the low-pass residual among them.", lower_bound=1, upper_bound=16)
    sides = ["3", "5", "none"]
    define.enum("neighbourhood", "3", sides, "Side of the matrix of weights; none fits sigma alone.")
    define.boolean("overwrite", False, "Replace the file.")
    shared_flags.define_front_end(define)


def main(arguments: list[str], values: FlagValues) -> None:
    """Fits, and shows the parameters."""
    path = Path(values.output)
    shared_flags.check_new_file("output", path, values.overwrite, "nlpd.json")
    front_end = shared_flags.front_end_from_flags(values)

    import numpy as np

    side = None if values.neighbourhood == "none" else int(values.neighbourhood)
    if side is None:
        try:
            tfnoise.losses.published_parameters(values.family, values.scales)
        except ValueError as error:
            raise UsageError(f"--neighbourhood=none keeps the published weights: {error}") from None
    clips = tfnoise.data.list_clips(values.data)
    least = tfnoise.losses.smallest_nlpd_side(values.scales, values.family)
    problems: list[str] = []

    def images(progress: Progress) -> Iterator[np.ndarray]:
        for clip in progress.count(tfnoise.evaluation.clip_images(clips, front_end)):
            mels, frames, _ = clip.image.shape
            if clip.problem:
                problems.append(clip.problem)
            elif min(mels, frames) < least:
                size = f"its image of {mels} x {frames} is under {least} pixels a side"
                problems.append(f"{clip.path}: {size}; use fewer --scales or remove it")
            else:
                yield clip.image

    with Progress(len(clips), label="fitting", unit="clip") as progress:
        try:
            fitted = tfnoise.losses.fit_nlpd(images(progress), values.family, values.scales, side)
        except ValueError as error:
            first = f"; the first problem: {problems[0]}" if problems else ""
            raise InputError(f"{values.data}: cannot be fitted to ({error}){first}") from None
    used = len(clips) - len(problems)
    fitted = dataclasses.replace(fitted, origin=f"fitted to {used} clips of {values.data}")
    path.parent.mkdir(parents=True, exist_ok=True)
    fitted.save(path)
    rows = [
        [scale, f"{sigma:.4f}", f"{np.sum(weights):.3f}"]
        for scale, (sigma, weights) in enumerate(zip(fitted.sigma, fitted.weights), 1)
    ]
    say(table(rows, ["scale", "sigma", "sum of weights"], "rrr"))
    say(f"\nFitted to {used} of {len(clips)} clips; the last scale is the low-pass residual.")
    flat = [str(scale) for scale, weights in enumerate(fitted.weights, 1) if not np.any(weights)]
    if flat:
        say(f"Scale {', '.join(flat)}: the images are too small there; use fewer --scales.")
    for line in problems:
        say(f"  skipped: {line}")
    say(f"wrote {path}")
    say(f"Next: bin/correlate --ratings=RATINGS.csv --nlpd_parameters={path}")
    print_json({"path": path, "clips": used, "left_out": problems, **fitted.to_dict()})
