"""The work of bin/export: a run's last checkpoint, or an exported model anew, as a servable model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from absl import flags

from tfnoise import codec, serving
from tfnoise.cli.folders import check_model_name, check_writable
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.errors import InputError, UsageError
from tfnoise.training import FINISHED_FILE, FLAGS_FILE, TrainingRun, read_settings, run_record

FLAGS = flags.FLAGS
FIXED_SUFFIX = "_fixed"


def export_from_flags() -> int:
    """Exports as the flags of bin/export say; returns the exit status."""
    if (FLAGS.run_dir is None) == (FLAGS.model is None):
        raise UsageError("give either --run_dir or --model")
    if FLAGS.overwrite and FLAGS.model is None:
        raise UsageError("--overwrite is for --model; a run's model becomes the next version")
    if FLAGS.frames is not None and FLAGS.frames < 1:
        raise UsageError(f"--frames={FLAGS.frames}: must be 1 or more")
    if FLAGS.name is not None:
        check_model_name(FLAGS.name, shipped=True)  # of what, is only known when it is read
    check_writable("export_dir", Path(FLAGS.export_dir))
    version = _export_run(Path(FLAGS.run_dir)) if FLAGS.run_dir else _export_again()
    configs = serving.write_server_config(FLAGS.export_dir)
    settings = codec.read_settings(version)
    frames = "any" if FLAGS.frames is None else FLAGS.frames
    say(table([["model", version], ["fingerprint", settings["fingerprint"]], ["frames", frames]]))
    say(f"server's configuration: {', '.join(map(str, configs))}")
    say(f"Next: bin/serve --export_dir={FLAGS.export_dir}")
    if json_requested():
        print_json({"model": version, "fingerprint": settings["fingerprint"], "configs": configs})
    return 0


def _export_run(folder: Path) -> Path:
    run_dir = folder if (folder / FLAGS_FILE).is_file() else _best_of_sweep(folder)
    settings = read_settings(run_dir)
    finished = _finished(run_dir)
    run = TrainingRun(settings, run_dir, tell=say)
    if not run.step:
        raise InputError(f"{run_dir}: no checkpoint of a trained model yet; go on with bin/train")
    if run.step < settings.steps and not finished:
        say(f"{run_dir}: at step {run.step} of {settings.steps}; this is not the finished training")
    steered = settings.early_stop > 0 or settings.export == "best"
    natural = bool(finished.get("uses_natural_data")) if finished else steered
    record = {**run_record(settings, natural), "steps": run.step}
    folder = _model_folder(run_dir.name)
    return serving.export_model(run.final_model(), settings.front_end, folder, record, FLAGS.frames)


def _export_again() -> Path:
    loaded = codec.load(FLAGS.model)
    folder = _model_folder(loaded.name, exported=True)
    version = serving.export_again(loaded, folder, FLAGS.frames)
    if not FLAGS.overwrite:
        return version
    if loaded.path.resolve().parent != folder.resolve():
        raise InputError(f"{version}: is another model's than {loaded.path}; leave --overwrite out")
    serving.replace_version(loaded.path, version)
    return loaded.path


def _model_folder(found: str, exported: bool = False) -> Path:
    """Where the model goes; the name of one for fixed frames says so.

    Args:
      found: name of the run or model.
      exported: whether it is a model, which keeps what its name means.

    Raises:
      UsageError: no model may be called so.
    """
    name = FLAGS.name or found
    check_model_name(name, shipped=exported and name == found)
    if FLAGS.frames is not None and not name.endswith(FIXED_SUFFIX):
        name += FIXED_SUFFIX
    return Path(FLAGS.export_dir) / name


def _best_of_sweep(folder: Path) -> Path:
    """The finished run that did best on natural audio, or if all have one loss on noise.

    Raises:
      InputError: there is none, or no figure that tells which is better.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the folder of a training or of a sweep")
    finished = {run: _finished(run) for run in sorted(folder.iterdir()) if (run / FLAGS_FILE).is_file()}
    finished = {run: values for run, values in finished.items() if values}
    if not finished:
        raise InputError(f"{folder}: neither a training nor a sweep with finished runs; see bin/train")
    last = {run: values.get("last", {}) for run, values in finished.items()}
    losses = {json.dumps(values.get("flags", {}).get("loss")) for values in finished.values()}
    for figure, comparable in (("natural_mse", True), ("distortion", len(losses) == 1)):
        if comparable and all(figure in values for values in last.values()):
            best = min(last, key=lambda run: last[run][figure])
            say(f"{best}: the best of {len(last)} runs by {figure.replace('_', ' ')}")
            return best
    raise InputError(f"{folder}: its runs have several losses and no natural audio; name the run itself")


def _finished(run_dir: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads((run_dir / FINISHED_FILE).read_text()))
    except (OSError, ValueError):
        return None
