"""The work of bin/train: from flags to a trained, exported model and a word on what to do next."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from absl import flags

from tfnoise import codec, serving
from tfnoise.cli.folders import check_model_name, check_writable
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.train_settings import settings_from_flags
from tfnoise.data import Clip, list_clips, noise_images
from tfnoise.errors import InputError, UsageError
from tfnoise.evaluation import clip_images, code_image, spread, validation_scores
from tfnoise.training import (
    FINISHED_FILE,
    LOST_WORKER,
    Stopped,
    Summaries,
    TrainingRun,
    TrainingSettings,
    check_same_settings,
    faster_precision,
    is_chief,
    make_strategy,
    precision_of,
    run_record,
    workers_of,
    write_json,
    write_settings,
)

HEARD_CLIPS = 3


def train_from_flags(values: flags.FlagValues) -> int:
    """Trains, exports and reports as the flags of bin/train say; returns the exit status."""
    # First, since a strategy of several workers must be made before TensorFlow computes anything.
    strategy = make_strategy(values.strategy)
    try:
        return _train_with(strategy, values)
    except LOST_WORKER as error:
        if workers_of(strategy) == 1:
            raise
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"another worker is gone ({reason}); start all of them again with the same command, and they go "
            f"on from the last checkpoint"
        ) from None


def _train_with(strategy: tf.distribute.Strategy, values: flags.FlagValues) -> int:
    name = values.name
    run_dir = None if values.run_dir is None else Path(values.run_dir)
    settings = _settings(values, strategy, run_dir)
    name = name or settings.name()
    check_model_name(name)
    run_dir = run_dir or Path("runs") / name
    model_folder = Path(values.export_dir) / name
    chief = is_chief(strategy)
    val_clips = _validation_clips(values.val_data, settings) if values.val_data and chief else None
    if values.overwrite and chief:
        _delete_run(run_dir)
    if run_dir.exists() and any(run_dir.iterdir()):
        check_same_settings(settings, run_dir)
        finished = _read_finished(run_dir)
        if finished:
            say(f"{run_dir}: this training is finished; the model is in {finished['model']}")
            say("Begin anew with --overwrite, or train another with --name and --seed.")
            if json_requested():
                print_json(finished)
            return 0
    if chief:
        check_writable("run_dir", run_dir)
        check_writable("export_dir", model_folder)
        run_dir.mkdir(parents=True, exist_ok=True)
        write_settings(settings, run_dir)
    run = TrainingRun(settings, run_dir, strategy, say, values.steps_per_execution)
    if run.step:
        say(f"resuming from step {run.step}")
    else:
        subject = f"{settings.noise} noise" if settings.train_data is None else settings.train_data
        say(f"training on {subject} with {settings.loss}: {settings.steps} steps, run {run_dir}")
    if settings.precision != values.precision:
        say(f"precision: {settings.precision}")
    started = time.monotonic()
    try:
        last = _train(run, values, val_clips)
    except Stopped as stop:
        say(f"{stop}; the same command goes on from there")
        return 128 + stop.signal
    model = run.final_model()
    if not chief:
        say("done; the chief writes the model")
        return 0
    natural = bool(val_clips) and (settings.early_stop > 0 or settings.export == "best")
    record = run_record(settings, natural)
    version = serving.export_model(model, settings.front_end, model_folder, record)
    finished = {
        "model": str(version),
        "run_dir": str(run_dir),
        "steps": run.step,
        "seconds": round(time.monotonic() - started, 1),
        "uses_natural_data": record["uses_natural_data"],
        "bpp_on_noise": _bpp_on_noise(version, settings),
        "last": last,
        "flags": settings.to_dict(),
    }
    write_json(finished, run_dir / FINISHED_FILE)
    _say_what_next(finished, run_dir, version)
    if json_requested():
        print_json(finished)
    return 0


def _settings(
    values: flags.FlagValues, strategy: tf.distribute.Strategy, run_dir: Path | None
) -> TrainingSettings:
    settings = settings_from_flags(values, "float32")
    if values.precision != "auto":
        return settings
    if workers_of(strategy) > 1:
        raise UsageError("--precision=auto: workers could choose differently; name float32 or bfloat16")
    run_dir = run_dir or Path("runs") / (values.name or settings.name())
    # A run that is gone on with keeps what was chosen when it began.
    precision = None if values.overwrite else precision_of(run_dir)
    if precision is None:
        precision = faster_precision(
            settings.filters, settings.kernel_size, settings.patch_size, settings.batch_size
        )
    return dataclasses.replace(settings, precision=precision)


def _validation_clips(folder: str, settings: TrainingSettings) -> list[Clip]:
    """The clips of a folder that can be scored; the others are named.

    Raises:
      InputError: there is none.
    """
    clips = list_clips(folder)
    usable, problems = [], []
    for clip, image in zip(clips, clip_images(clips, settings.front_end)):
        if image.problem:
            problems.append(image.problem)
        else:
            usable.append(clip)
    for problem in problems:
        say(f"left out of validation: {problem}")
    if not usable:
        raise InputError(f"{folder}: none of its {len(clips)} clips can be scored; the first: {problems[0]}")
    say(f"validation on {len(usable)} of {len(clips)} clips after each epoch")
    return usable


def _train(run: TrainingRun, values: flags.FlagValues, val_clips: list[Clip] | None) -> dict[str, float]:
    """Trains, and gives the last logs and scores."""
    settings = run.settings
    last: dict[str, float] = {}
    with Progress(settings.steps, initial=run.step, label="training") as progress:

        def on_step(logs: dict[str, float]) -> None:
            shown = {key: f"{logs[key]:.4g}" for key in ("loss", "rate", "bpp", "multiplier") if key in logs}
            progress.update(run.step - progress.n, **shown)

        def on_epoch_end(epoch: int, logs: dict[str, float], summaries: Summaries | None) -> float | None:
            model = run.current_model()
            shown = "  ".join(f"{key} {value:.4g}" for key, value in logs.items())
            progress.write(f"epoch {epoch}/{settings.epochs}  {shown}")
            last.update(logs)
            if summaries is not None:
                summaries.pictures(run.step)
            if val_clips is None or summaries is None:
                return None
            frozen = codec.FrozenModel(model)
            scores = validation_scores(frozen, settings.front_end, val_clips, settings.bpp)
            summaries.validation(run.step, scores)
            _hear(run, frozen, val_clips, summaries)
            shown = "  ".join(f"{key} {value:.4g}" for key, value in scores.items())
            progress.write(f"  on natural audio: {shown}")
            last.update({f"natural_{key}": value for key, value in scores.items()})
            return scores["mse"]

        run.train(values.checkpoint_every, on_step, on_epoch_end)
        if run.stopped_early:
            progress.write(f"stopped early: {settings.early_stop} epochs brought nothing better")
    return last


def _hear(run: TrainingRun, model: codec.FrozenModel, clips: list[Clip], summaries: Summaries) -> None:
    """Puts some clips into TensorBoard, as pictures and sound."""
    chosen = [clips[place] for place in spread(len(clips), HEARD_CLIPS)]
    for clip in clip_images(chosen, run.settings.front_end):
        if not clip.problem:
            coded = code_image(model.code, clip.image, run.settings.bpp)
            name = f"natural {clip.id}"
            summaries.clip(run.step, name, clip.image, coded["reconstruction"], clip.reference_db)


def _bpp_on_noise(version: Path, settings: TrainingSettings) -> float:
    """The rate of fresh noise by the exported model's integer tables at the step it was trained with."""
    module = codec.load(version).module
    size = settings.patch_size
    noise = noise_images(size, size, 64, settings.seed, first_image=2**62, family=settings.noise)
    images = next(iter(noise))
    bits = module.bits_by_step(module.analyse(images)).numpy()
    column = 0 if settings.bottleneck == "levels" else int(np.argmin(np.abs(codec.step_grid() - 1)))
    return float(bits[:, column].mean() / size**2)


def _read_finished(run_dir: Path) -> dict[str, Any] | None:
    path = run_dir / FINISHED_FILE
    if not path.is_file():
        return None
    try:
        return dict(json.loads(path.read_text()))
    except ValueError:
        raise InputError(f"{path}: damaged; begin anew with --overwrite or another --name") from None


def _delete_run(run_dir: Path) -> None:
    ours = {"checkpoints", "logs", "flags.json", FINISHED_FILE}
    if not run_dir.is_dir():
        return
    strangers = sorted({entry.name for entry in run_dir.iterdir()} - ours)
    if strangers:
        raise InputError(f"{run_dir}: holds {strangers[0]}, which no training wrote; delete it by hand")
    shutil.rmtree(run_dir)


def _say_what_next(finished: dict[str, Any], run_dir: Path, version: Path) -> None:
    rows = [
        ["model", version],
        ["checkpoints, flags, logs", run_dir],
        ["rate on noise", f"{finished['bpp_on_noise']:.4f} bpp"],
        ["time", f"{finished['seconds']:.0f} s"],
    ]
    say(table(rows))
    say(f"Next: bin/evaluate --model={version.parent} --data=FOLDER_OF_AUDIO")
    say(f"      tensorboard --logdir={run_dir / 'logs'}")
