"""The work of bin/reproduce: what is missing is trained and measured, and one report is written."""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tfnoise.cli import app
from tfnoise.cli.folders import check_writable
from tfnoise.cli.output import json_requested, jsonable, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.sweep_jobs import Job, last_line, run_jobs, shared_environment
from tfnoise.data import Clip, list_clips
from tfnoise.errors import InputError, UsageError

FLAGS = flags.FLAGS
EXPERIMENT_FILE = "experiment.json"
EXPERIMENT_FORMAT = 1
_LOCK_FILE = ".lock"
_TRAIN_SCRIPT = Path(__file__).resolve().parents[2] / "bin" / "train"
_DATA_FOLDERS = ("pmqd", "../shared/natural")
_FEWEST_CLIPS = 2


def reproduce_from_flags(sections: Sequence[str]) -> int:
    """Runs the experiment as the flags of bin/reproduce say; returns the exit status.

    Args:
      sections: those that were asked for, beside the paper's table.
    """
    if FLAGS.seeds < 1:
        raise UsageError(f"--seeds={FLAGS.seeds}: must be 1 or more; the claim wants 3")
    if FLAGS.jobs < 1:
        raise UsageError(f"--jobs={FLAGS.jobs}: must be 1 or more")
    folder = Path(FLAGS.out)
    data = _data_folder()
    clips = list_clips(data)
    if len(clips) < _FEWEST_CLIPS:
        raise InputError(
            f"{data}: holds {len(clips)} clip; confidence over clips needs {_FEWEST_CLIPS} or more"
        )
    check_writable("out", folder)
    asked = {"budget": FLAGS.budget, "seeds": FLAGS.seeds, "train_flags": " ".join(FLAGS.train_flags.split())}
    train_flags = _train_flags()
    with _only_here(folder):
        before = _experiment(folder, asked)
        return _reproduce(folder, data, clips, asked, train_flags, before, ["paper", *sections])


def _reproduce(
    folder: Path,
    data: str,
    clips: list[Clip],
    settings: dict[str, Any],
    train_flags: dict[str, str],
    before: dict[str, Any] | None,
    asked: list[str],
) -> int:
    from tfnoise.research.lab import Lab
    from tfnoise.research.report import write_report
    from tfnoise.research.sections import SECTIONS
    from tfnoise.training import write_json

    lab = Lab(folder, clips, FLAGS.budget, FLAGS.seeds, train_flags, say)
    about = {
        "experiment_format": EXPERIMENT_FORMAT,
        "data": data,
        "clips": len(lab.images),
        "clips_digest": lab.clips_digest,
        "steps": lab.steps,
        **settings,
    }
    if before is not None and before.get("clips_digest") != about["clips_digest"]:
        raise UsageError(
            f"{folder} holds an experiment on {before.get('clips')} other clips ({before.get('data')}, now "
            f"{data}); give that --data, or name another --out"
        )
    for name in asked:
        getattr(SECTIONS[name], "check", lambda lab: None)(lab)
    if any(recipe.train_on for name in asked for recipe in SECTIONS[name].recipes(lab)):
        _make_splits(lab)
    write_json(about, folder / EXPERIMENT_FILE)
    status = _train(lab, [recipe for name in asked for recipe in SECTIONS[name].recipes(lab)])
    if status:
        return status
    for name in asked:
        say(f"measuring: {SECTIONS[name].TITLE}")
        (folder / "sections").mkdir(exist_ok=True)
        write_json(jsonable(SECTIONS[name].measure(lab)), folder / "sections" / f"{name}.json")
    results = _results(folder, SECTIONS)
    remarks = [f"Left out: {problem}" for problem in lab.left_out]
    written = write_report(folder, about, results, remarks)
    _say_table(results["paper"])
    for path in written:
        say(f"wrote {path}")
    if json_requested():
        print_json({**about, "reports": written, "sections": results})
    return 0


def _train_flags() -> dict[str, str]:
    """The values of --train_flags by flag.

    Raises:
      UsageError: it is not written as --flag=value --flag=value.
    """
    found = {}
    for part in FLAGS.train_flags.split():
        match = re.fullmatch(r"--(\w+)=(.+)", part)
        if not match:
            raise UsageError(f"--train_flags: {part!r}: write '--flag=value --flag=value'")
        found[match[1]] = match[2]
    return found


def _data_folder() -> str:
    if FLAGS.data is not None:
        return FLAGS.data
    found = next((folder for folder in _DATA_FOLDERS if Path(folder).is_dir()), None)
    if found is None:
        raise InputError(
            "there is no natural audio to test on; fetch PMQD with bin/prepare_pmqd, or name any folder of "
            "audio with --data=FOLDER"
        )
    return found


@contextlib.contextmanager
def _only_here(folder: Path) -> Iterator[None]:
    """Sees that the folder is an experiment's or new, and that no other process is at work in it.

    Raises:
      InputError: it is something else's, or in use.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / EXPERIMENT_FILE).is_file():
        strangers = sorted(entry.name for entry in folder.iterdir() if entry.name != _LOCK_FILE)
        if strangers:
            raise InputError(f"{folder}: holds {strangers[0]}, which is no experiment's; name another --out")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{folder}: another bin/reproduce is at work there; wait for it, or name another --out"
            ) from None
        except OSError:
            pass  # a file system without locks; most often nobody else is there
        yield


def _experiment(folder: Path, asked: dict[str, Any]) -> dict[str, Any] | None:
    """What the folder was begun with; None if it is new.

    Raises:
      InputError: it is of another version, or damaged.
      UsageError: it was begun with other flags; the message names the first that differs.
    """
    path = folder / EXPERIMENT_FILE
    if not path.is_file():
        return None
    try:
        before = json.loads(path.read_text())
        found = before["experiment_format"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: damaged; name another --out") from None
    if found != EXPERIMENT_FORMAT:
        raise InputError(
            f"{folder}: an experiment of another version of tfnoise (format {found}, not "
            f"{EXPERIMENT_FORMAT}); name another --out"
        )
    for name, value in asked.items():
        if before.get(name) != value:
            raise UsageError(
                f"{folder} holds an experiment with --{name}={before.get(name)}, not {value}; give that, or "
                f"name another --out"
            )
    return before


def _make_splits(lab: Any) -> None:
    from tfnoise.data.splits import link_clips
    from tfnoise.evaluation import spread
    from tfnoise.research.sections import ceiling, practice

    learned = lab.split[0]
    link_clips(learned, lab.split_folder(ceiling.SPLIT))
    for count in practice.TUNED_CLIPS:
        if count <= len(learned):
            chosen = [learned[place] for place in spread(len(learned), count)]
            link_clips(chosen, lab.split_folder(practice.split_name(count)))


def _train(lab: Any, recipes: list[Any]) -> int:
    """Trains what is not trained yet; gives the exit status."""
    from tfnoise.research.recipes import in_order

    stages = in_order(recipes)
    _check_runs(lab, [recipe for stage in stages for recipe in stage])
    total = sum(map(len, stages))
    done = sum(lab.is_trained(recipe) for stage in stages for recipe in stage)
    say(f"{total} trainings of {lab.steps:,} steps in {lab.folder}: {done} finished already")
    environment = shared_environment(FLAGS.jobs)
    failed: list[str] = []
    by_name = {recipe.name: recipe for stage in stages for recipe in stage}
    with Progress(total, initial=done, label="training", unit="model") as progress:

        def on_end(job: Job, status: int) -> None:
            if status:
                reason = last_line(job.log).removeprefix("train: ")
                said = f"{job.name} failed: {reason or f'status {status}'}; its log is {job.log}"
                if by_name[job.name].may_fail:
                    progress.write(said)
                else:
                    failed.append(said)
            progress.update(1, last=job.name)

        for stage in stages:
            jobs = [_job(lab, recipe) for recipe in stage if not lab.is_trained(recipe)]
            if not run_jobs(jobs, FLAGS.jobs, environment, lambda job: None, on_end):
                print(f"reproduce: interrupted; the same command goes on in {lab.folder}", file=sys.stderr)
                return app.INTERRUPTED
            if failed:
                break
    for line in failed:
        print(f"reproduce: {line}, and the same command tries it again", file=sys.stderr)
    return app.FAILED if failed else 0


def _check_runs(lab: Any, recipes: list[Any]) -> None:
    """Sees that what was trained before can be used and gone on with.

    Raises:
      InputError: a run is damaged or of another version.
    """
    from tfnoise.training import FLAGS_FILE, read_settings

    for recipe in recipes:
        run_dir = lab.run_dir(recipe)
        if (run_dir / FLAGS_FILE).exists():
            try:
                read_settings(run_dir)
            except InputError as error:
                reason = str(error).removesuffix("; train anew")
                raise InputError(f"{reason}; name another --out, or delete {run_dir}") from None


def _job(lab: Any, recipe: Any) -> Job:
    from tfnoise.research.recipes import BUDGETS

    values = {**BUDGETS[lab.budget], **lab.train_flags, **recipe.flags, "name": recipe.name}
    values.update(run_dir=lab.run_dir(recipe), export_dir=lab.folder / "models")
    if recipe.start is not None:
        values["start"] = lab.folder / "runs" / recipe.start
    if recipe.train_on is not None:
        values["train_data"] = lab.split_folder(recipe.train_on)
    command = [sys.executable, str(_TRAIN_SCRIPT), *(f"--{flag}={value}" for flag, value in values.items())]
    return Job(recipe.name, (*command, "--json"), lab.folder / "logs" / f"{recipe.name}.log")


def _results(folder: Path, sections: dict[str, Any]) -> dict[str, Any]:
    """All that was measured, now or before."""
    from tfnoise.research.lab import read_json

    found = {name: read_json(folder / "sections" / f"{name}.json") for name in sections}
    return {name: result for name, result in found.items() if result is not None}


def _say_table(result: dict[str, Any]) -> None:
    from tfnoise.research.blocks import Paragraph, Table
    from tfnoise.research.sections import paper

    for block in paper.blocks(result):
        if isinstance(block, Table):
            say(f"\n{block.caption[0].upper()}{block.caption[1:]}:")
            say(table(block.rows, block.header, "l" + "r" * (len(block.header) - 1)))
        elif isinstance(block, Paragraph) and "claim" in block.text:
            say(f"\n{re.sub(r'; (?=trained)', ';' + chr(10) + '  ', block.text)}")
    say()
