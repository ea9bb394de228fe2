"""Reproduce the paper's table over seeds, with confidence intervals, and extend it: one command, one report.

Trains models on uniform noise with MSE, NLPD and MS-SSIM, with both bottlenecks, tests them on natural audio,
and writes report.html (opens offline: tables, spectrograms, sounds), report.md and report.json. Re-running
resumes where it stopped: finished trainings and their scores are kept. Each further flag adds a section;
sections of earlier runs stay in the report.

Example:
    bin/reproduce
    bin/reproduce --data=FOLDER_OF_AUDIO --out=reports/mine --noise --natural_data_bound
    bin/reproduce --budget=paper --out=reports/paper
    bin/reproduce --everything
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfnoise
from tfnoise.cli import app
from tfnoise.cli.output import jsonable, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.shared_flags import check_writable
from tfnoise.cli.sweep_jobs import Job, last_line, run_jobs, shared_environment
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError
from tfnoise.files import locked

if TYPE_CHECKING:
    from tfnoise.research.experiment import Experiment, Recipe

POSITIONAL = None
SECTIONS = {
    "rate": "Section: from 0.125 to 2 bits per pixel, by levels, channels and losses (30 trainings more).",
    "noise": "Section: seven families of noise, with MSE and NLPD (12 trainings more).",
    "natural_data_bound": "Section: training on natural audio, and self-supervised (14 trainings more).",
    "generation": "Section: spectrograms and sounds decoded from random symbols.",
    "images": "Section: the same models on natural photographs.",
    "quantizer_gradient": "Section: quantizer gradients with s from 0.1 to 10,000 (5 trainings more).",
    "guidelines": "Section: mixtures of losses, and fine-tuning on 5, 20 and 50 clips (12 trainings more).",
    "sound": "Section: the models' sounds, by metrics of sound.",
    "ablation": "Section: parts of the error, gain by spatial frequency, and responses to single symbols.",
}
EXPERIMENT_FILE = "experiment.json"
EXPERIMENT_FORMAT = 2
_LOCK_FILE = ".lock"
_TRAIN_SCRIPT = Path(__file__).resolve().parents[2] / "bin" / "train"
_DATA_FOLDERS = ("pmqd", "../shared/natural")


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/reproduce."""
    define.string(
        "data", None, "Natural audio to test on: a folder. (default: pmqd, where bin/prepare_pmqd put it)"
    )
    define.string("out", "reports/reproduction", "Folder of the experiment and its report.")
    define.enum(
        "budget",
        "quick",
        ["quick", "paper"],
        "Steps of each training: quick 500, under 40 minutes for the table on two cores; paper 1,500, as "
        "configs/paper.cfg.",
    )
    define.integer("seeds", 3, "Trainings of each kind in the paper's table.", lower_bound=1)
    define.string(
        "train_flags", "", "Further flags of bin/train, for all trainings, as '--filters=64 --batch_size=8'."
    )
    define.integer("jobs", 2, "Trainings at once; they share the machine's cores.", lower_bound=1)
    for name, text in SECTIONS.items():
        define.boolean(name, False, text)
    define.boolean("everything", False, "All sections.")


def main(arguments: list[str], values: FlagValues) -> int:
    """Trains and measures what is missing, and writes the report."""
    train_flags = _parse_train_flags(values.train_flags)
    data = values.data
    if data is None:
        data = next((folder for folder in _DATA_FOLDERS if Path(folder).is_dir()), None)
    if data is None:
        raise InputError(
            "there is no natural audio to test on; fetch PMQD with bin/prepare_pmqd, or name any folder of "
            "audio with --data=FOLDER"
        )
    names = ["paper", *(name for name in SECTIONS if values.everything or values[name].value)]
    text = " ".join(values.train_flags.split())
    settings = {"budget": values.budget, "seeds": values.seeds, "train_flags": text}

    clips = tfnoise.data.list_clips(data)
    if len(clips) < 2:
        raise InputError(f"{data}: holds {len(clips)} clip; confidence over clips needs 2 or more")
    folder = Path(values.out)
    check_writable("out", folder)
    with _only_process(folder):
        before = _read_experiment(folder)
        for name, value in settings.items():
            if before is not None and before.get(name) != value:
                raise UsageError(
                    f"{folder} holds an experiment with --{name}={before.get(name)}, not {value}; give that, "
                    f"or name another --out"
                )

        from tfnoise.research.experiment import Experiment

        experiment = Experiment(folder, clips, values.budget, values.seeds, train_flags, say)
        about = {
            "experiment_format": EXPERIMENT_FORMAT,
            "data": data,
            "clips": len(experiment.images),
            "clips_digest": experiment.clips_digest,
            "steps": experiment.steps,
            **settings,
        }
        if before is not None and before.get("clips_digest") != experiment.clips_digest:
            raise UsageError(
                f"{folder} holds an experiment on {before.get('clips')} other clips ({before.get('data')}, "
                f"now {data}); give that --data, or name another --out"
            )
        return _run(experiment, about, names, values.jobs)


def _run(experiment: Experiment, about: dict[str, Any], names: Sequence[str], jobs: int) -> int:
    from tfnoise.files import write_json
    from tfnoise.research.experiment import read_json
    from tfnoise.research.report import write_report
    from tfnoise.research.sections import SECTIONS as sections

    for name in names:
        sections[name].check(experiment)
    recipes = [recipe for name in names for recipe in sections[name].trainings(experiment)]
    if any(recipe.train_on for recipe in recipes):
        experiment.link_splits()
    write_json(about, experiment.folder / EXPERIMENT_FILE)
    status = _train(experiment, recipes, jobs)
    if status:
        return status
    folder = experiment.folder / "sections"
    folder.mkdir(exist_ok=True)
    for name in names:
        say(f"measuring: {sections[name].title}")
        write_json(jsonable(sections[name].measurement(experiment)), folder / f"{name}.json")
    stored = {name: read_json(folder / f"{name}.json") for name in sections}
    results = {name: result for name, result in stored.items() if result is not None}
    chapters = [sections[name].chapter(result) for name, result in results.items()]
    remarks = [f"Skipped: {problem}" for problem in experiment.skipped]
    reports = write_report(experiment.folder, about, results, chapters, remarks)
    for shown in sections["paper"].tables(results["paper"]):
        say("\n" + textwrap.fill(f"{shown.caption[0].upper()}{shown.caption[1:]}:", 110))
        say(table(shown.rows, shown.header, "l" + "r" * (len(shown.header) - 1)))
    say()
    for path in reports:
        say(f"wrote {path}")
    print_json({**about, "reports": reports, "sections": results})
    return 0


def _train(experiment: Experiment, recipes: Sequence[Recipe], at_once: int) -> int:
    """Trains what is not trained yet; returns the exit status."""
    from tfnoise.research.experiment import in_order

    stages = in_order(recipes)
    by_name = {recipe.name: recipe for stage in stages for recipe in stage}
    _check_runs(experiment, by_name.values())
    done = sum(map(experiment.is_trained, by_name.values()))
    total = f"{len(by_name)} trainings of {experiment.steps:,} steps"
    say(f"{total} in {experiment.folder}: {done} finished already")
    failed: list[str] = []
    with Progress(len(by_name), initial=done, label="training", unit="model") as progress:

        def on_end(job: Job, status: int) -> None:
            if status:
                reason = last_line(job.log).removeprefix("train: ") or f"status {status}"
                message = f"{job.name} failed: {reason}; its log is {job.log}"
                if by_name[job.name].may_fail:
                    progress.write(message)
                else:
                    failed.append(message)
            progress.update(1, last=job.name)

        for stage in stages:
            jobs = [_job(experiment, recipe) for recipe in stage if not experiment.is_trained(recipe)]
            if not run_jobs(jobs, at_once, shared_environment(at_once), lambda job: None, on_end):
                message = f"interrupted; re-run the same command to resume in {experiment.folder}"
                print(f"reproduce: {message}", file=sys.stderr)
                return app.INTERRUPTED
            if failed:
                break
    for message in failed:
        print(f"reproduce: {message}; re-run the same command to try it again", file=sys.stderr)
    return app.FAILED if failed else 0


def _check_runs(experiment: Experiment, recipes: Iterable[Recipe]) -> None:
    """Raises InputError where an earlier run is damaged or of another version."""
    for run_dir in map(experiment.run_dir, recipes):
        if (run_dir / tfnoise.training.FLAGS_FILE).exists():
            try:
                tfnoise.training.read_settings(run_dir)
            except InputError as error:
                reason = str(error).removesuffix("; train again")
                raise InputError(f"{reason}; name another --out, or delete {run_dir}") from None


def _job(experiment: Experiment, recipe: Recipe) -> Job:
    values = {**experiment.train_flags, **recipe.flags, "name": recipe.name}
    values.update(run_dir=experiment.run_dir(recipe), export_dir=experiment.folder / "models")
    if recipe.start is not None:
        values["start"] = experiment.folder / "runs" / recipe.start
    if recipe.train_on is not None:
        values["train_data"] = experiment.split_folder(recipe.train_on)
    command = [sys.executable, str(_TRAIN_SCRIPT), *(f"--{flag}={value}" for flag, value in values.items())]
    return Job(recipe.name, (*command, "--json"), experiment.folder / "logs" / f"{recipe.name}.log")


def _parse_train_flags(text: str) -> dict[str, str]:
    """The values of --train_flags by flag."""
    values = {}
    for part in text.split():
        match = re.fullmatch(r"--(\w+)=(.+)", part)
        if not match:
            raise UsageError(f"--train_flags: {part!r}: write '--flag=value --flag=value'")
        values[match[1]] = match[2]
    return values


@contextlib.contextmanager
def _only_process(folder: Path) -> Iterator[None]:
    """Checks that the folder is new or an experiment's, and keeps other processes out of it."""
    if folder.is_dir() and not (folder / EXPERIMENT_FILE).is_file():
        others = sorted(entry.name for entry in folder.iterdir() if entry.name != _LOCK_FILE)
        if others:
            raise InputError(f"{folder}: holds {others[0]}, which is no experiment's; name another --out")
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / _LOCK_FILE))
        except BlockingIOError:
            raise InputError(
                f"{folder}: another bin/reproduce is at work there; wait for it, or name another --out"
            ) from None
        yield


def _read_experiment(folder: Path) -> dict[str, Any] | None:
    """What an experiment was started with; None if the folder is new."""
    path = folder / EXPERIMENT_FILE
    if not path.is_file():
        return None
    try:
        about = json.loads(path.read_text())
        version = about["experiment_format"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: damaged; name another --out") from None
    if version != EXPERIMENT_FORMAT:
        raise InputError(
            f"{folder}: an experiment of another version of tfnoise (format {version}, not "
            f"{EXPERIMENT_FORMAT}); name another --out"
        )
    return about
