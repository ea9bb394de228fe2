"""Learn to code audio from noise, watch it in TensorBoard, get a servable SavedModel.

Trains a compressive autoencoder on synthetic noise. Only the loss knows what natural signals are like.
Checkpoints, flags and TensorBoard logs go to runs/NAME, the model to saved_models/NAME/VERSION, where NAME
is the loss unless --name says otherwise. Re-running an interrupted training resumes where it stopped.

Example:
    bin/train --loss=ms_ssim
    bin/train --flagfile=configs/paper.cfg --loss=nlpd --name=paper_nlpd_0
    bin/train --loss=nlpd --val_data=FOLDER_OF_AUDIO
    bin/train --loss='0.5*ms_ssim+0.5*nlpd'
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfnoise
from tfnoise.cli import shared_flags
from tfnoise.cli.output import print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.train_flags import define_train_flags, settings_from_flags
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError
from tfnoise.files import write_json

if TYPE_CHECKING:
    import tensorflow as tf

    from tfnoise.codec import FrozenModel
    from tfnoise.data import Clip
    from tfnoise.training import Summaries, TrainingRun, TrainingSettings

POSITIONAL = None
_AUDIO_CLIPS = 3
"""Clips of --val_data that are written to TensorBoard after each epoch."""


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/train."""
    define_train_flags(define)
    define.string("run_dir", None, "Folder of checkpoints, flags and logs. (default: runs/NAME)")
    define.string("export_dir", shared_flags.EXPORT_DIR, "The model goes to EXPORT_DIR/NAME/VERSION.")
    define.string("name", None, "Name of the run and the model. (default: made from the loss)")
    define.boolean("overwrite", False, "Delete the run's folder and start over.")


@dataclass(frozen=True)
class _Job:
    """A training to run, and where its results go: the run's folder, and that of the model's versions."""

    settings: TrainingSettings
    run_dir: Path
    model_folder: Path
    overwrite: bool
    checkpoint_every: int
    steps_per_execution: int
    val_data: str | None


def main(arguments: list[str], values: FlagValues) -> int:
    """Trains, exports, and says where everything is."""
    training = tfnoise.training
    # First, since a strategy of several workers must be made before TensorFlow computes anything.
    strategy = training.make_strategy(values.strategy)
    try:
        settings = settings_from_flags(values)
        name = values.name or settings.name()
        shared_flags.check_model_name(name)
        run_dir = Path(values.run_dir or Path("runs") / name)
        if values.precision == "auto":
            if training.workers_of(strategy) > 1:
                reason = "workers could choose differently; name float32 or bfloat16"
                raise UsageError(f"--precision=auto: {reason}")
            # A resumed run keeps what was chosen when it began.
            before = None if values.overwrite else training.precision_of(run_dir)
            precision = before or training.faster_precision(settings)
            settings = dataclasses.replace(settings, precision=precision)
            say(f"precision: {precision}")
        job = _Job(
            settings=settings,
            run_dir=run_dir,
            model_folder=Path(values.export_dir) / name,
            overwrite=values.overwrite,
            checkpoint_every=values.checkpoint_every,
            steps_per_execution=values.steps_per_execution,
            val_data=values.val_data,
        )
        return _run(job, strategy)
    except training.UnusableRun as error:
        raise InputError(f"{error} with --overwrite or another --name") from None
    except training.LOST_WORKER as error:
        if training.workers_of(strategy) == 1:
            raise
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"another worker is gone ({reason}); start all of them again with the same command, and they "
            f"resume from the last checkpoint"
        ) from None


def _run(job: _Job, strategy: tf.distribute.Strategy) -> int:
    """Trains and exports; gives the exit status."""
    training = tfnoise.training
    settings, run_dir = job.settings, job.run_dir
    chief = training.is_chief(strategy)
    val_clips = _validation_clips(job.val_data, settings) if job.val_data and chief else []
    if job.overwrite and chief:
        _delete_run(run_dir)
    if run_dir.exists() and any(run_dir.iterdir()):
        try:
            training.check_same_settings(settings, run_dir)
        except UsageError as error:
            remedy = "give the run's flags to resume it, another --name, or --overwrite"
            raise UsageError(f"{error}; {remedy}") from None
        finished = read_finished(run_dir)
        if finished:
            say(f"{run_dir}: this training is finished; the model is in {finished['model']}")
            say("Start over with --overwrite, or train another with --name and --seed.")
            print_json(finished)
            return 0
    if chief:
        shared_flags.check_writable("run_dir", run_dir)
        shared_flags.check_writable("export_dir", job.model_folder)
        run_dir.mkdir(parents=True, exist_ok=True)
        training.write_settings(settings, run_dir)
    run = training.TrainingRun(settings, run_dir, strategy, say, job.steps_per_execution)
    if run.step:
        say(f"resuming from step {run.step}")
    else:
        subject = f"{settings.noise} noise" if settings.train_data is None else settings.train_data
        say(f"training on {subject} with {settings.loss}: {settings.steps} steps, run {run_dir}")
    started = time.monotonic()
    try:
        last = _train(run, job.checkpoint_every, val_clips)
    except training.Stopped as stop:
        say(f"{stop}; the same command resumes from there")
        return 128 + stop.signal
    model = run.final_model()
    if not chief:
        say("done; the chief writes the model")
        return 0
    natural = bool(val_clips) and (settings.early_stop > 0 or settings.export == "best")
    record = training.run_record(settings, natural)
    version = tfnoise.serving.export_model(model, settings.front_end, job.model_folder, record)
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
    write_json(finished, run_dir / training.FINISHED_FILE)
    rate, time_s = f"{finished['bpp_on_noise']:.4f} bpp", f"{finished['seconds']:.0f} s"
    places = [["model", version], ["checkpoints, flags, logs", run_dir]]
    say(table([*places, ["rate on noise", rate], ["time", time_s]]))
    say(f"Next: bin/evaluate --model={version.parent} --data=FOLDER_OF_AUDIO")
    say(f"      tensorboard --logdir={run_dir / 'logs'}")
    print_json(finished)
    return 0


def _validation_clips(folder: str, settings: TrainingSettings) -> list[Clip]:
    """The clips of a folder that can be scored, at least one; the others are reported."""
    clips = tfnoise.data.list_clips(folder)
    # A line a clip, "" for those that can be scored; their images would fill the memory.
    problems = [image.problem for image in tfnoise.evaluation.clip_images(clips, settings.front_end)]
    usable = [clip for clip, problem in zip(clips, problems) if not problem]
    for problem in filter(None, problems):
        say(f"skipped in validation: {problem}")
    if not usable:
        raise InputError(f"{folder}: none of its {len(clips)} clips can be scored; the first: {problems[0]}")
    say(f"validation on {len(usable)} of {len(clips)} clips after each epoch")
    return usable


def _train(run: TrainingRun, checkpoint_every: int, val_clips: list[Clip]) -> dict[str, float]:
    """Trains, and gives the last logs and scores."""
    settings = run.settings
    last: dict[str, float] = {}
    with Progress(settings.steps, initial=run.step, label="training") as progress:

        def on_step(logs: dict[str, float]) -> None:
            shown = {key: f"{logs[key]:.4g}" for key in ("loss", "rate", "bpp", "multiplier") if key in logs}
            progress.update(run.step - progress.n, **shown)

        def on_epoch_end(epoch: int, logs: dict[str, float], summaries: Summaries | None) -> float | None:
            model = run.current_model()
            progress.write(f"epoch {epoch}/{settings.epochs}  {_in_line(logs)}")
            last.update(logs)
            if summaries is None:
                return None
            summaries.pictures(run.step)
            if not val_clips:
                return None
            frozen = tfnoise.codec.FrozenModel(model)
            scores = tfnoise.evaluation.validation_scores(frozen, settings.front_end, val_clips, settings.bpp)
            summaries.validation(run.step, scores)
            _log_audio_summaries(run, frozen, val_clips, summaries)
            progress.write(f"  on natural audio: {_in_line(scores)}")
            last.update({f"natural_{key}": value for key, value in scores.items()})
            return scores["mse"]

        run.train(checkpoint_every, on_step, on_epoch_end)
        if run.stopped_early:
            progress.write(f"stopped early: {settings.early_stop} epochs brought nothing better")
    return last


def _in_line(values: dict[str, float]) -> str:
    return "  ".join(f"{key} {value:.4g}" for key, value in values.items())


def _log_audio_summaries(
    run: TrainingRun, model: FrozenModel, clips: list[Clip], summaries: Summaries
) -> None:
    """Writes some clips to TensorBoard, as pictures and sound."""
    evaluation = tfnoise.evaluation
    shown = [clips[index] for index in evaluation.evenly_spaced_indices(len(clips), _AUDIO_CLIPS)]
    for clip in evaluation.clip_images(shown, run.settings.front_end):
        if not clip.problem:
            image = evaluation.code_image(model.code, clip.image, run.settings.bpp)["reconstruction"]
            summaries.clip(run.step, f"natural {clip.id}", clip.image, image, clip.reference_db)


def _bpp_on_noise(version: Path, settings: TrainingSettings) -> float:
    """The rate of fresh noise by the exported model's integer tables at the step it was trained with."""
    import numpy as np

    module = tfnoise.codec.load(version).module
    size = settings.patch_size
    noise = tfnoise.data.noise_images(size, size, 64, settings.seed, first_image=2**62, family=settings.noise)
    bits = module.bits_by_step(module.analyse(next(iter(noise)))).numpy()
    # Fixed levels have no steps.
    levels = settings.bottleneck == "levels"
    column = 0 if levels else int(np.argmin(np.abs(tfnoise.codec.step_grid() - 1)))
    return float(bits[:, column].mean() / size**2)


def read_finished(
    run_dir: Path, remedy: str = "start over with --overwrite or another --name"
) -> dict[str, Any] | None:
    """The report of a finished training, None if it is not; InputError, with the remedy, if it is damaged."""
    path = run_dir / tfnoise.training.FINISHED_FILE
    if not path.is_file():
        return None
    try:
        finished = json.loads(path.read_text())
        return {"last": {}, **finished, "model": finished["model"]}
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{path}: damaged; {remedy}") from None


def _delete_run(run_dir: Path) -> None:
    training = tfnoise.training
    names = {"checkpoints", "logs", training.FLAGS_FILE, training.FINISHED_FILE}
    if not run_dir.is_dir():
        return
    strangers = sorted({entry.name for entry in run_dir.iterdir()} - names)
    if strangers:
        raise InputError(f"{run_dir}: holds {strangers[0]}, which no training wrote; delete it by hand")
    shutil.rmtree(run_dir)
