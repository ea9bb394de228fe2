"""Train a grid of models: bin/train for every combination of the values that flags are given, and a table.

Every flag of bin/train may be given here. One whose value holds commas is an axis of the grid, the others are
the same for all trainings. Checkpoints, flags and TensorBoard logs go to SWEEP_DIR/NAME, the messages of
bin/train to SWEEP_DIR/NAME.log and the model to EXPORT_DIR/NAME/VERSION, where NAME is made from the values,
as nlpd_seed1. The whole grid is checked before the first training starts. Re-running resumes a sweep:
finished trainings are skipped; one that fails does not stop the others.

With several jobs each gets its share of the cores by TF_NUM_INTRAOP_THREADS and TF_NUM_INTEROP_THREADS,
unless these are set. Weights depend in their last bits on the number of threads, and so on --jobs.

Example:
    bin/sweep --flagfile=configs/quick.cfg --loss=mse,ms_ssim,nlpd --seed=0,1,2
    bin/sweep --loss=nlpd --bpp=0.25,0.5,1 --jobs=2 --sweep_dir=runs/rates --name=rates
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

import tfnoise
from tfnoise.cli import app, shared_flags
from tfnoise.cli.output import print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.sweep_jobs import Job, last_line, run_jobs, shared_environment
from tfnoise.cli.train import read_finished
from tfnoise.cli.train_flags import define_train_flags, settings_from_flags
from tfnoise.cli.verb import FlagDefiner
from tfnoise.errors import InputError, UsageError

if TYPE_CHECKING:
    from tfnoise.training.sweep import GridPoint

POSITIONAL = None
_TRAIN_SCRIPT = Path(__file__).resolve().parents[2] / "bin" / "train"


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/sweep, and those of a training, each for one value or several."""
    define.integer("jobs", 1, "Trainings at once.", lower_bound=1)
    define.string(
        "sweep_dir", "runs/sweep", "Runs go to SWEEP_DIR/NAME, their messages to SWEEP_DIR/NAME.log."
    )
    define.string("export_dir", shared_flags.EXPORT_DIR, "Models go to EXPORT_DIR/NAME/VERSION.")
    define.string("name", None, "Begins the names of all runs and models. (default: nothing)")
    define.boolean("overwrite", False, "Delete the folders of the grid's runs and start all of them over.")
    define.string("run_dir", None, "Not here: each training has its own, below --sweep_dir.")
    single = _train_flags()
    for name in single:
        define.flag(_several(single[name]), module_name=single.find_module_defining_flag(name))


def main(arguments: list[str], values: flags.FlagValues) -> int:
    """Trains the grid, and prints the table."""
    if values.name is not None and not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", values.name):
        raise UsageError(f"--name={values.name}: begins folders' names; use letters, digits, _ - and .")
    if values.run_dir is not None:
        raise UsageError(f"--run_dir={values.run_dir}: each training has its own, below --sweep_dir")
    from tfnoise.training.sweep import grid

    single = _train_flags()
    choices: dict[str, Any] = {name: values[name].value for name in single if values[name].present}
    points = grid(choices, values.name, only_name=choices.get("loss", (single["loss"].default,))[0])
    sweep = _Sweep(Path(values.sweep_dir), Path(values.export_dir), values.jobs, values.overwrite)
    trainings = [_Training(point, sweep.folder / point.name) for point in points]
    sweep.check(trainings)
    sweep.say_grid(choices, trainings)
    if not sweep.run([training for training in trainings if not training.finished], len(trainings)):
        done = sum(training.finished is not None for training in trainings)
        again = "the same command without --overwrite" if values.overwrite else "the same command"
        print(
            f"sweep: interrupted; {done} of {len(trainings)} trainings are finished; {again} resumes",
            file=sys.stderr,
        )
        return app.INTERRUPTED
    return sweep.report(trainings)


@dataclass
class _Training:
    """A point of the grid, its run's folder, and what became of it."""

    point: GridPoint
    run_dir: Path
    finished: dict[str, Any] | None = None
    trained: bool = False
    error: str | None = None

    @property
    def log(self) -> Path:
        """The file of its messages."""
        return self.run_dir.with_name(f"{self.run_dir.name}.log")

    def arguments(self) -> list[str]:
        """The flags of bin/train that the grid sets."""
        from tfnoise.training.sweep import as_text

        return [f"--{name}={as_text(value)}" for name, value in self.point.values.items()]

    def read_finished(self) -> None:
        """Reads the report of the run, if it is finished."""
        self.finished = read_finished(self.run_dir, f"delete {self.run_dir} and train it again")

    def note_end(self, status: int) -> None:
        """Notes what became of it when its process has ended."""
        self.trained = True
        if status == 0:
            try:
                self.read_finished()
                self.error = None if self.finished else "bin/train left no report"
            except InputError as error:
                self.error = str(error)
            return
        line = last_line(self.log).removeprefix("train: ")
        ending = f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        # Before bin/train says anything, the last line is its command.
        self.error = ending if line.startswith("$ ") else f"{line} ({ending})"

    def table_row(self) -> dict[str, Any]:
        """What --json says of it."""
        finished = self.finished or {"last": {}}
        return {
            "name": self.point.name,
            "axes": self.point.axes,
            "status": "finished" if self.finished else "failed",
            "trained_now": self.trained,
            "error": self.error,
            **{key: finished.get(key) for key in ("bpp_on_noise", "last", "seconds", "model")},
            **{key: finished["last"].get(key) for key in ("distortion", "natural_mse")},
            "run_dir": self.run_dir,
            "log": self.log,
        }


@dataclass(frozen=True)
class _Sweep:
    """Where a grid's runs and logs go, and its models; trainings at once; whether all are started over."""

    folder: Path
    export_dir: Path
    jobs: int
    overwrite: bool

    def check(self, trainings: Sequence[_Training]) -> None:
        """Checks before the first training that all of them can begin, and which are finished."""
        for training in trainings:
            values = _train_flags()
            try:
                values(["train", *training.arguments()])
                if values.strategy == "multi_worker":
                    reason = "a grid is trained by one machine; use bin/train on each"
                    raise UsageError(f"--strategy=multi_worker: {reason}")
                # bin/train chooses when a run begins, and keeps to it.
                precision = tfnoise.training.precision_of(training.run_dir) or "float32"
                settings = settings_from_flags(values, precision)
            except flags.Error as error:
                raise UsageError(f"{training.point.name}: {error}") from None
            except InputError as error:
                raise type(error)(f"{training.point.name}: {error}") from None
            if not self.overwrite and training.run_dir.is_dir() and any(training.run_dir.iterdir()):
                try:
                    tfnoise.training.check_same_settings(settings, training.run_dir)
                except InputError as error:
                    reason = str(error).partition("; ")[0]
                    remedy = "use its flags as before, another --sweep_dir or --name, or --overwrite"
                    raise type(error)(f"{reason}; {remedy}") from None
                training.read_finished()
        folders = {str(training.point.values.get("val_data", "")) for training in trainings}
        for folder in sorted(folders - {""}):
            tfnoise.data.list_clips(folder)
        shared_flags.check_writable("sweep_dir", self.folder)
        shared_flags.check_writable("export_dir", self.export_dir)

    def say_grid(self, choices: Mapping[str, Sequence[Any]], trainings: Sequence[_Training]) -> None:
        """Says which trainings there are, and how many are finished."""
        from tfnoise.training.sweep import as_text

        axes = [f"{flag} {', '.join(map(as_text, each))}" for flag, each in choices.items() if len(each) > 1]
        done = sum(training.finished is not None for training in trainings)
        begun = sum(training.run_dir.is_dir() for training in trainings) - done
        say(
            f"{len(trainings)} training{'s' if len(trainings) > 1 else ''} in {self.folder}"
            + (f" ({'; '.join(axes)})" if axes else "")
            + f": {done} finished already"
            + (f", {begun} begun" if begun and not self.overwrite else "")
        )
        for training in trainings:
            model_folder = self.export_dir / training.point.name
            if not training.run_dir.is_dir() and model_folder.is_dir():
                say(f"note: {model_folder} holds another training's model; this one becomes its next version")

    def run(self, trainings: Sequence[_Training], total: int) -> bool:
        """Runs bin/train for each; False if that was interrupted."""
        by_name = {training.point.name: training for training in trainings}
        environment = shared_environment(self.jobs)
        with Progress(total, initial=total - len(trainings), label="sweep", unit="training") as progress:

            def on_start(job: Job) -> None:
                progress.write(f"{job.name}: started, log {job.log}")

            def on_end(job: Job, status: int) -> None:
                training = by_name[job.name]
                training.note_end(status)
                model = training.finished and f"finished, model {training.finished['model']}"
                progress.write(f"{job.name}: {model or 'failed'}")
                progress.update(1)

            jobs = [Job(training.point.name, self._command(training), training.log) for training in trainings]
            return run_jobs(jobs, self.jobs, environment, on_start, on_end)

    def _command(self, training: _Training) -> tuple[str, ...]:
        places = [f"--run_dir={training.run_dir}", f"--export_dir={self.export_dir}"]
        arguments = [*training.arguments(), f"--name={training.point.name}", *places, "--json"]
        overwrite = ["--overwrite"] if self.overwrite else []
        return (sys.executable, str(_TRAIN_SCRIPT), *arguments, *overwrite)

    def report(self, trainings: Sequence[_Training]) -> int:
        """Prints the table, the JSON and what failed; returns the exit status."""
        rows = [training.table_row() for training in trainings]
        natural = any(row["natural_mse"] is not None for row in rows)
        columns = ["distortion", "bpp_on_noise", *(["natural_mse"] if natural else []), "seconds", "model"]
        header = ["run", *trainings[0].point.axes, *(column.replace("_", " ") for column in columns)]
        cells = [[row["name"], *row["axes"].values(), *(row[column] for column in columns)] for row in rows]
        say(table(cells, header))
        say(f"distortion is by each training's own loss, on noise; runs and logs are in {self.folder}")
        models = [str(Path(row["model"]).parent) for row in rows if row["model"]]
        if models:
            say(f"Next: bin/evaluate --model={','.join(models)} --data=FOLDER_OF_AUDIO")
            say(f"      tensorboard --logdir={self.folder}")
        failed = [training for training in trainings if not training.finished]
        counts = {"finished": len(trainings) - len(failed), "failed": len(failed)}
        print_json({"sweep_dir": self.folder, "export_dir": self.export_dir, **counts, "runs": rows})
        for training in failed:
            print(
                f"sweep: {training.point.name} failed: {training.error}; its log is {training.log}, and the "
                f"same command tries it again",
                file=sys.stderr,
            )
        return app.FAILED if failed else 0


def _train_flags() -> flags.FlagValues:
    """New flags of one training."""
    values = flags.FlagValues()
    define_train_flags(FlagDefiner(values))
    return values


def _several(single: flags.Flag) -> flags.Flag:
    """A training's flag for several values; None unless it is given."""
    default = (single.default_as_str or "").strip("'")
    note = f" (default: {default})" if default and "(default: " not in single.help else ""
    parser = _SeveralParser(single.parser)
    return flags.Flag(parser, None, single.name, None, single.help + note, boolean=single.boolean)


class _SeveralParser(flags.ArgumentParser):
    """Splits a text at its commas and gives each part to the parser of one value."""

    def __init__(self, single: flags.ArgumentParser):
        self._single = single
        # The help lists them.
        self.enum_values = getattr(single, "enum_values", None)

    def parse(self, argument: str) -> tuple[Any, ...]:
        """One value or more; raises ValueError for one that is missing or that the single parser refuses."""
        parts = flags.ListParser().parse(argument) if "," in argument else [argument]
        if len(parts) > 1 and "" in parts:
            raise ValueError("a value is missing beside a comma")
        return tuple(self._single.parse(part) for part in parts)
