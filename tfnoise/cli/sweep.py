"""The work of bin/sweep: a grid of trainings checked, run by bin/train, and put into one table."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl import flags

from tfnoise.cli import app, sweep_flags
from tfnoise.cli.folders import check_writable
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.sweep_jobs import Job, last_line, run_jobs, shared_environment
from tfnoise.cli.train_settings import settings_from_flags
from tfnoise.data import list_clips
from tfnoise.errors import InputError, UsageError
from tfnoise.training import FINISHED_FILE, TrainingSettings, check_same_settings, precision_of
from tfnoise.training.sweep import GridPoint, as_text, grid

FLAGS = flags.FLAGS


@dataclass
class _Training:
    """A point of the grid, where it goes, and what became of it."""

    point: GridPoint
    run_dir: Path
    log: Path
    model_folder: Path
    finished: dict[str, Any] | None = None
    trained: bool = False
    error: str | None = None


def sweep_from_flags() -> int:
    """Trains the grid that the flags of bin/sweep say and reports; returns the exit status."""
    if FLAGS.name is not None and not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", FLAGS.name):
        raise UsageError(f"--name={FLAGS.name}: begins folders' names; use letters, digits, _ - and .")
    choices = sweep_flags.choices()
    loss = choices.get("loss") or (sweep_flags.parse([]).loss,)
    points = grid(choices, FLAGS.name, only_name=loss[0])
    trainings = [
        _Training(
            point,
            run_dir=Path(FLAGS.sweep_dir) / point.name,
            log=Path(FLAGS.sweep_dir) / f"{point.name}.log",
            model_folder=Path(FLAGS.export_dir) / point.name,
        )
        for point in points
    ]
    _check(trainings)
    _say_grid(choices, trainings)
    if not _run([training for training in trainings if not training.finished], len(trainings)):
        done = sum(training.finished is not None for training in trainings)
        again = "the same command without --overwrite" if FLAGS.overwrite else "the same command"
        print(
            f"sweep: interrupted; {done} of {len(trainings)} trainings are finished; {again} goes on",
            file=sys.stderr,
        )
        return app.INTERRUPTED
    return _report(trainings)


def _check(trainings: Sequence[_Training]) -> None:
    """Sees before the first training that all of them can begin, and which are finished.

    Raises:
      InputError: one cannot; the message names it.
    """
    for training in trainings:
        try:
            settings = _settings(training)
        except flags.Error as error:
            raise UsageError(f"{training.point.name}: {error}") from None
        except InputError as error:
            raise type(error)(f"{training.point.name}: {error}") from None
        if not FLAGS.overwrite and training.run_dir.is_dir() and any(training.run_dir.iterdir()):
            try:
                check_same_settings(settings, training.run_dir)
            except InputError as error:
                # bin/train's remedies are flags that have another sense here, or none.
                reason = str(error).partition("; ")[0]
                raise type(error)(
                    f"{reason}; give the flags it was begun with, another --sweep_dir or --name, "
                    f"or --overwrite"
                ) from None
            training.finished = _read_finished(training.run_dir)
    for folder in sorted({str(training.point.flags.get("val_data", "")) for training in trainings} - {""}):
        list_clips(folder)
    check_writable("sweep_dir", Path(FLAGS.sweep_dir))
    check_writable("export_dir", Path(FLAGS.export_dir))


def _settings(training: _Training) -> TrainingSettings:
    """What bin/train would train with; refuses what it would refuse.

    Raises:
      UsageError, InputError, flags.Error: the flags do not work, or not together.
    """
    values = sweep_flags.parse(training.point.arguments())
    if values.strategy == "multi_worker":
        raise UsageError("--strategy=multi_worker: a grid is trained by one machine; use bin/train on each")
    # bin/train chooses when a run begins, and keeps to it.
    return settings_from_flags(values, precision_of(training.run_dir) or "float32")


def _say_grid(choices: Mapping[str, Sequence[Any]], trainings: Sequence[_Training]) -> None:
    axes = [
        f"{flag} {', '.join(map(as_text, values))}" for flag, values in choices.items() if len(values) > 1
    ]
    done = sum(training.finished is not None for training in trainings)
    begun = sum(training.run_dir.is_dir() for training in trainings) - done
    say(
        f"{len(trainings)} training{'s' if len(trainings) > 1 else ''} in {FLAGS.sweep_dir}"
        + (f" ({'; '.join(axes)})" if axes else "")
        + f": {done} finished already"
        + (f", {begun} begun" if begun and not FLAGS.overwrite else "")
    )
    for training in trainings:
        if not training.run_dir.is_dir() and training.model_folder.is_dir():
            say(
                f"note: {training.model_folder} holds a model of another training; "
                f"this one becomes its next version"
            )


def _run(trainings: Sequence[_Training], total: int) -> bool:
    """Runs bin/train for each; False if that was interrupted."""
    by_name = {training.point.name: training for training in trainings}
    environment = shared_environment(FLAGS.jobs)
    with Progress(total, initial=total - len(trainings), label="sweep", unit="training") as progress:

        def on_start(job: Job) -> None:
            progress.write(f"{job.name}: started, log {job.log}")

        def on_end(job: Job, status: int) -> None:
            training = by_name[job.name]
            training.trained = True
            _note_end(training, status)
            if training.finished:
                progress.write(f"{job.name}: finished, model {training.finished['model']}")
            else:
                progress.write(f"{job.name}: failed")
            progress.update(1)

        jobs = [_job(training) for training in trainings]
        return run_jobs(jobs, FLAGS.jobs, environment, on_start, on_end)


def _job(training: _Training) -> Job:
    command = [
        sys.executable,
        str(sweep_flags.TRAIN_SCRIPT),
        *training.point.arguments(),
        f"--name={training.point.name}",
        f"--run_dir={training.run_dir}",
        f"--export_dir={FLAGS.export_dir}",
        "--json",
    ]
    if FLAGS.overwrite:
        command.append("--overwrite")
    return Job(training.point.name, tuple(command), training.log)


def _note_end(training: _Training, status: int) -> None:
    """Notes what became of a training whose process has ended."""
    if status == 0:
        try:
            training.finished = _read_finished(training.run_dir)
        except InputError as error:
            training.error = str(error)
        else:
            training.error = None if training.finished else f"bin/train left no {FINISHED_FILE}"
        return
    line = last_line(training.log).removeprefix("train: ")
    ending = f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
    # Before bin/train says anything, the last line is its command.
    training.error = ending if line.startswith("$ ") else f"{line} ({ending})"


def _read_finished(run_dir: Path) -> dict[str, Any] | None:
    path = run_dir / FINISHED_FILE
    if not path.is_file():
        return None
    try:
        finished = json.loads(path.read_text())
        return {"last": {}, **finished, "model": finished["model"]}
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{path}: damaged; delete {run_dir} and train it again") from None


def _report(trainings: Sequence[_Training]) -> int:
    """Prints the table, the JSON and what failed; returns the exit status."""
    rows = [_row(training) for training in trainings]
    natural = any(row["natural_mse"] is not None for row in rows)
    columns = ["distortion", "bpp_on_noise", *(["natural_mse"] if natural else []), "seconds", "model"]
    axes = list(trainings[0].point.axes)
    say(
        table(
            [[row["name"], *row["axes"].values(), *(row[column] for column in columns)] for row in rows],
            header=["run", *axes, *(column.replace("_", " ") for column in columns)],
        )
    )
    say(f"distortion is by each training's own loss, on noise; runs and logs are in {FLAGS.sweep_dir}")
    models = [str(Path(row["model"]).parent) for row in rows if row["model"]]
    if models:
        say(f"Next: bin/evaluate --model={','.join(models)} --data=FOLDER_OF_AUDIO")
        say(f"      tensorboard --logdir={FLAGS.sweep_dir}")
    failed = [training for training in trainings if not training.finished]
    if json_requested():
        print_json(
            {
                "sweep_dir": FLAGS.sweep_dir,
                "export_dir": FLAGS.export_dir,
                "finished": len(trainings) - len(failed),
                "failed": len(failed),
                "runs": rows,
            }
        )
    for training in failed:
        print(
            f"sweep: {training.point.name} failed: {training.error}; its log is {training.log}, and the same "
            f"command tries it again",
            file=sys.stderr,
        )
    return app.FAILED if failed else 0


def _row(training: _Training) -> dict[str, Any]:
    finished = training.finished or {}
    last = finished.get("last", {})
    return {
        "name": training.point.name,
        "axes": training.point.axes,
        "status": "finished" if training.finished else "failed",
        "trained_now": training.trained,
        "error": training.error,
        "distortion": last.get("distortion"),
        "bpp_on_noise": finished.get("bpp_on_noise"),
        "natural_mse": last.get("natural_mse"),
        "last": last,
        "seconds": finished.get("seconds"),
        "model": finished.get("model"),
        "run_dir": training.run_dir,
        "log": training.log,
    }
