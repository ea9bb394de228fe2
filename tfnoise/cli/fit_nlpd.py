"""The work of bin/fit_nlpd: NLPD's parameters from the mel-spectrograms of a folder of audio."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags

from tfnoise.cli.folders import check_writable
from tfnoise.cli.front_end_flags import front_end_from_flags
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.errors import InputError, UsageError

FLAGS = flags.FLAGS


def fit_from_flags() -> int:
    """Fits as the flags of bin/fit_nlpd say; returns the exit status."""
    path = Path(FLAGS.output)
    if path.is_dir():
        raise UsageError(f"--output={path}: is a folder; name a file in it, as {path / 'nlpd.json'}")
    if path.exists() and not FLAGS.overwrite:
        raise InputError(f"--output={path}: exists; name another file or add --overwrite")
    check_writable("output", path.parent)
    front_end = front_end_from_flags(FLAGS)

    from tfnoise.data import list_clips
    from tfnoise.evaluation import clip_images
    from tfnoise.losses import fit_nlpd, published_parameters, smallest_nlpd_side

    side = None if FLAGS.neighbourhood == "none" else int(FLAGS.neighbourhood)
    if side is None:
        try:
            published_parameters(FLAGS.family, FLAGS.scales)
        except ValueError as error:
            raise UsageError(f"--neighbourhood=none keeps the published weights: {error}") from None
    clips = list_clips(FLAGS.data)
    least = smallest_nlpd_side(FLAGS.scales, FLAGS.family)
    problems: list[str] = []

    def images() -> Iterator[np.ndarray]:
        for clip in clip_images(clips, front_end):
            if not clip.problem and min(clip.image.shape[:2]) < least:
                mels, frames = clip.image.shape[:2]
                problems.append(
                    f"{clip.path}: its image of {mels} x {frames} is under {least} pixels a side; "
                    f"use fewer --scales or leave it out"
                )
            elif clip.problem:
                problems.append(clip.problem)
            else:
                yield clip.image
            progress.update()

    with Progress(len(clips), label="fitting", unit="clip") as progress:
        try:
            fitted = fit_nlpd(images(), FLAGS.family, FLAGS.scales, side)
        except ValueError as error:
            first = f"; the first problem: {problems[0]}" if problems else ""
            raise InputError(f"{FLAGS.data}: cannot be fitted to ({error}){first}") from None
    used = len(clips) - len(problems)
    fitted = dataclasses.replace(fitted, origin=f"fitted to {used} clips of {FLAGS.data}")
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
        say(f"  left out: {line}")
    say(f"wrote {path}")
    say(f"Next: bin/correlate --ratings=RATINGS.csv --nlpd_parameters={path}")
    if json_requested():
        print_json({"path": path, "clips": used, "left_out": problems, **fitted.to_dict()})
    return 0
