"""Export a model for serving: a SavedModel of stock operations, with the server's configuration.

Exports the last checkpoint of a training run, or the best of a sweep's finished runs. --model exports a model
again that was exported before, with the same weights, tables and fingerprint. --frames fixes the number of
frames of all images, so that a server can batch requests; NAME then ends in _fixed.
Writes EXPORT_DIR/NAME/VERSION, and models.config, batching.config, monitoring.config in EXPORT_DIR.

Example:
    bin/export --run_dir=runs/ms_ssim
    bin/export --run_dir=runs/sweep --name=mine
    bin/export --model=saved_models/best --frames=256
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tfnoise
from tfnoise.cli.output import print_json, say, table
from tfnoise.cli.shared_flags import check_model_name, check_writable
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError
from tfnoise.files import replace_folder

POSITIONAL = None
FIXED_SUFFIX = "_fixed"


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/export."""
    define.string("run_dir", None, "Folder of a training run, or of a sweep.")
    define.string("model", None, "Exported model to export again, NAME or NAME/VERSION.")
    define.string("name", None, "Name of the model. (default: that of the run or model)")
    define.string("export_dir", "saved_models", "Folder of the models.")
    frames = "Frames of all images, so that requests can be batched. (default: any number)"
    define.integer("frames", None, frames, lower_bound=1)
    define.boolean("overwrite", False, "With --model: replace that version if the fingerprint is the same.")


@dataclass(frozen=True)
class _Destination:
    """Where the model goes, and for how many frames."""

    export_dir: Path
    name: str | None
    frames: int | None

    def folder(self, default_name: str, of_model: bool = False) -> Path:
        """The model's folder; only a model, `of_model`, may keep the name of a shipped one."""
        name = self.name or default_name
        check_model_name(name, shipped=of_model and name == default_name)
        if self.frames is not None and not name.endswith(FIXED_SUFFIX):
            name += FIXED_SUFFIX
        return self.export_dir / name


def main(arguments: list[str], values: FlagValues) -> int:
    """Exports, and shows what was written."""
    if (values.run_dir is None) == (values.model is None):
        raise UsageError("give either --run_dir or --model")
    if values.overwrite and values.model is None:
        raise UsageError("--overwrite is for --model; a run's model becomes the next version")
    if values.name is not None:
        # Whether it is a shipped model's own name is known only when the model is read.
        check_model_name(values.name, shipped=True)
    destination = _Destination(Path(values.export_dir), values.name, values.frames)
    check_writable("export_dir", destination.export_dir)
    if values.run_dir:
        version = _export_run(Path(values.run_dir), destination)
    else:
        version = _export_again(values.model, destination, values.overwrite)
    configs = tfnoise.serving.write_server_config(destination.export_dir)
    fingerprint = tfnoise.codec.read_settings(version)["fingerprint"]
    frames = "any" if values.frames is None else values.frames
    say(table([["model", version], ["fingerprint", fingerprint], ["frames", frames]]))
    say(f"server's configuration: {', '.join(map(str, configs))}")
    say(f"Next: bin/serve --export_dir={values.export_dir}")
    print_json({"model": version, "fingerprint": fingerprint, "configs": configs})
    return 0


def _export_run(folder: Path, destination: _Destination) -> Path:
    is_run = (folder / tfnoise.training.FLAGS_FILE).is_file()
    run_dir = folder if is_run else _best_of_sweep(folder)
    settings, finished = tfnoise.training.read_settings(run_dir), _finished(run_dir)
    run = tfnoise.training.TrainingRun(settings, run_dir, tell=say)
    if not run.step:
        raise InputError(f"{run_dir}: has no checkpoint of a trained model yet; resume it with bin/train")
    if run.step < settings.steps and not finished:
        say(f"{run_dir}: at step {run.step} of {settings.steps}; the training is not finished")
    uses_natural = finished.get("uses_natural_data", settings.early_stop > 0 or settings.export == "best")
    record = {**tfnoise.training.run_record(settings, uses_natural), "steps": run.step}
    model, model_folder = run.final_model(), destination.folder(run_dir.name)
    return tfnoise.serving.export_model(model, settings.front_end, model_folder, record, destination.frames)


def _export_again(model: str, destination: _Destination, overwrite: bool) -> Path:
    loaded = tfnoise.codec.load(model)
    folder = destination.folder(loaded.name, of_model=True)
    if overwrite and loaded.path.resolve().parent != folder.resolve():
        raise InputError(f"{folder}: is another model's folder than {loaded.path}; leave --overwrite out")
    version = tfnoise.serving.export_again(loaded, folder, destination.frames)
    if not overwrite:
        return version
    replace_folder(loaded.path, version)
    return loaded.path


def _best_of_sweep(folder: Path) -> Path:
    """The finished run with the least error on natural audio, or if all have one loss on noise."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the folder of a training run or of a sweep")
    runs = [run for run in sorted(folder.iterdir()) if (run / tfnoise.training.FLAGS_FILE).is_file()]
    records = {run: record for run in runs if (record := _finished(run))}
    if not records:
        raise InputError(f"{folder}: neither a training run nor a sweep with finished runs; see bin/train")
    last = {run: record.get("last", {}) for run, record in records.items()}
    losses = {json.dumps(record.get("flags", {}).get("loss")) for record in records.values()}
    for figure, comparable in (("natural_mse", True), ("distortion", len(losses) == 1)):
        if comparable and all(figure in figures for figures in last.values()):
            best = min(last, key=lambda run: last[run][figure])
            say(f"{best}: the best of {len(last)} runs by {figure.replace('_', ' ')}")
            return best
    raise InputError(f"{folder}: its runs have several losses and no natural audio; name the run itself")


def _finished(run_dir: Path) -> dict[str, Any]:
    """What a finished run recorded; empty where it is not finished."""
    try:
        return dict(json.loads((run_dir / tfnoise.training.FINISHED_FILE).read_text()))
    except (OSError, ValueError):
        return {}
