"""The work of bin/evaluate: models are scored, what was scored and left out is told, pictures are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import flags

from tfnoise.cli.folders import check_writable
from tfnoise.cli.models import DEFAULT_MODEL, check_bpp, checked_settings
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.errors import InputError, UsageError

PICTURE_PREFIX = "clip_"
FLAGS = flags.FLAGS


def evaluate_from_flags() -> int:
    """Scores as the flags of bin/evaluate say; returns the exit status."""
    check_bpp(FLAGS.bpp)
    if FLAGS.data is None and not FLAGS["degradation"].using_default_value:
        raise UsageError("--degradation chooses among clips on a pmqd.csv; name their folder with --data")
    if FLAGS.plots is not None:
        _check_pictures(Path(FLAGS.plots))

    from tfnoise import evaluation
    from tfnoise.data import list_clips
    from tfnoise.losses import NLPDParameters

    clips = list_clips(FLAGS.data, FLAGS.degradation) if FLAGS.data is not None else None
    fitted = NLPDParameters.load(FLAGS.nlpd_parameters) if FLAGS.nlpd_parameters else None
    models = _load_models()
    scores = _score(models, clips, fitted)
    sounds = _score_sounds(models, scores, clips) if FLAGS.audio else {}
    pictures = _write_pictures(models, scores, clips) if FLAGS.plots is not None else []

    _say_scores(models, scores, sounds)
    for path in pictures:
        say(f"wrote {path}")
    if json_requested():
        chosen = {"degradation": FLAGS.degradation if clips is not None else None, "pictures": pictures}
        report = evaluation.json_report(scores, FLAGS.data, FLAGS.seed, **chosen)
        if fitted is not None:
            report["nlpd_parameters"] = {"path": FLAGS.nlpd_parameters, **fitted.to_dict()}
        for name, model in models.items():
            settings = {key: model.settings[key] for key in ("fingerprint", "training")}
            report["models"][name].update(path=model.path, **settings)
        if sounds:
            found = {name: evaluation.sound_summary(sound, FLAGS.seed) for name, sound in sounds.items()}
            for name in models:
                report["models"][name]["audio"] = found.pop(name)
            report["front_end_audio"] = found
        print_json(report)
    return 0


def _model_paths() -> list[str]:
    paths = []
    for value in FLAGS.model or []:
        # A folder may have a comma in its name.
        parts = [value] if Path(value).exists() else value.split(",")
        paths += [part.strip() for part in parts]
    if "" in paths:
        raise UsageError("--model has an empty name; write --model=FOLDER or --model=FOLDER,FOLDER")
    return list(dict.fromkeys(paths))


def _load_models() -> dict:
    """The models by the names that they are called here."""
    from tfnoise import codec
    from tfnoise.evaluation import model_names

    paths = _model_paths()
    if not paths:
        if not Path(DEFAULT_MODEL).is_dir():
            remedy = "train one with bin/train, and name it with --model=saved_models/NAME"
            raise InputError(f"{DEFAULT_MODEL}: there is no such model here; {remedy}")
        paths = [DEFAULT_MODEL]
    # All settings first: a wrong one is told before the seconds that loading takes.
    for path in paths:
        checked_settings(path, FLAGS.bpp)
    models = [codec.load(path) for path in paths]
    return dict(zip(model_names(paths, [model.name for model in models]), models))


def _score(models: dict, clips: list | None, nlpd_parameters: Any) -> dict:
    """`ModelScores` by model."""
    from tfnoise import evaluation

    scores = {}
    total = len(clips) * len(models) if clips is not None else None
    with Progress(total, label="scoring", unit="clip") as progress:
        for name, model in models.items():
            scores[name] = evaluation.score_clips(
                model.module.code,
                _images(model, clips),
                model.bpp if FLAGS.bpp is None else FLAGS.bpp,
                FLAGS.ms_ssim_scales,
                lambda _, name=name: progress.update(model=name),
                nlpd_parameters,
            )
            if not scores[name].clips:
                first = scores[name].left_out[0].problem
                where = FLAGS.data or "synthesised clips"
                raise InputError(f"{where}: none of its clips can be scored with {name}; the first: {first}")
    return scores


def _score_sounds(models: dict, scores: dict, clips: list | None) -> dict:
    """`SoundScores` of each front end alone, and by model."""
    from tfnoise import evaluation

    front_ends: dict = {}
    for name, model in models.items():
        front_ends.setdefault(model.front_end, (f"front end of {name}", model))
    if len(front_ends) == 1:
        [(front_end, (_, model))] = front_ends.items()
        front_ends = {front_end: ("front end alone", model)}
    parts = [(name, model, lambda image: image) for name, model in front_ends.values()]
    for name, model in models.items():

        def coded(image: Any, code: Any = model.module.code, bpp: float = scores[name].bpp_target) -> Any:
            return evaluation.code_image(code, image, bpp)["reconstruction"]

        parts.append((name, model, coded))
    total = len(clips) * len(parts) if clips is not None else None
    with Progress(total, label="resynthesising", unit="clip") as progress:
        return {
            name: evaluation.score_sounds(
                reconstruct,
                _images(model, clips, with_waveforms=True),
                model.front_end,
                lambda _, name=name: progress.update(of=name),
            )
            for name, model, reconstruct in parts
        }


def _images(model: Any, clips: list | None, with_waveforms: bool = False) -> Iterator:
    """The images that a model is scored on; of synthesised clips where there is no list."""
    from tfnoise import evaluation

    if clips is None:
        return evaluation.synthetic_clip_images(model.front_end, FLAGS.seed)
    return evaluation.clip_images(clips, model.front_end, with_waveforms)


def _say_scores(models: dict, scores: dict, sounds: dict) -> None:
    from tfnoise import evaluation

    header, rows, align = evaluation.score_table(scores, FLAGS.seed)
    say(table(rows, header, align))
    say("Means over clips, [95 % bootstrap interval]; bpp: mean and largest rate, bits per pixel.")
    if sounds:
        header, rows, align = evaluation.sound_table(sounds, FLAGS.seed)
        say("\nAs sound, after phase reconstruction, against the original waveform:")
        say(table(rows, header, align))
    for title, (header, rows, align) in evaluation.genre_tables(scores):
        say(f"\n{title}:")
        say(table(rows, header, align))
    remarks = evaluation.notes(scores)
    if len({model.front_end for model in models.values()}) > 1:
        remarks.append("These models have different front ends: each is scored on images of its own, so that")
        remarks.append("  their figures do not compare.")
    targets = {name: found.bpp_target for name, found in scores.items()}
    if len(set(targets.values())) > 1:
        told = ", ".join(f"{name} {target:g}" for name, target in targets.items())
        remarks.append(f"These models have different target rates (bpp): {told}; --bpp sets one for all.")
    if FLAGS.nlpd_parameters:
        remarks.append(f"NLPD with the parameters in {FLAGS.nlpd_parameters}.")
    if FLAGS.data is None:
        remarks.append("The clips are synthetic: plucked strings, drums and voices, made by a program.")
        remarks.append("  For real audio give --data=FOLDER: any folder of audio, or PMQD, published at")
        remarks.append("  github.com/Peltarion/pmqd, release v1.0.0 (folder audio/ and pmqd.csv).")
    if remarks:
        say()
    for line in remarks:
        say(line)


def _check_pictures(folder: Path) -> None:
    """Sees that pictures can be written and would replace none, before minutes of scoring."""
    check_writable("plots", folder)
    found = sorted(folder.glob(f"{PICTURE_PREFIX}*.png"))
    if found and not FLAGS.overwrite:
        remedy = "name another folder or add --overwrite"
        raise InputError(f"{folder}: holds pictures of an earlier run, as {found[0].name}; {remedy}")


def _write_pictures(models: dict, scores: dict, clips: list | None) -> list[Path]:
    """One picture a clip, of clips that every model could be scored on."""
    from tfnoise import evaluation

    everywhere = set.intersection(*({clip.path for clip in found.clips} for found in scores.values()))
    usable = {clip.path: clip for found in scores.values() for clip in found.clips if clip.path in everywhere}
    chosen = [list(usable)[place] for place in evaluation.spread(len(usable), FLAGS.plots_clips)]
    wanted = None if clips is None else [clip for clip in clips if clip.path in chosen]
    panels: dict[str, list] = {path: [] for path in chosen}
    front_ends = set()
    for name, model in models.items():
        by_path = {clip.path: clip for clip in scores[name].clips}
        for clip in _images(model, wanted):
            if clip.path not in panels:
                continue
            if model.front_end not in front_ends:
                panels[clip.path].append(evaluation.Panel(clip.image, model.front_end, "original"))
            coded = evaluation.code_image(model.module.code, clip.image, scores[name].bpp_target)
            score = by_path[clip.path]
            details = f"MSE {score.mse:.4f}   NLPD {score.nlpd:.3f}   {score.bpp:.3f} bpp"
            panel = evaluation.Panel(coded["reconstruction"], model.front_end, name, details)
            panels[clip.path].append(panel)
        front_ends.add(model.front_end)
    Path(FLAGS.plots).mkdir(parents=True, exist_ok=True)
    written = []
    for number, (path, shown) in enumerate(panels.items(), 1):
        stem = re.sub(r"[^\w.-]+", "_", Path(path).stem)[:80]
        title = " · ".join(part for part in (usable[path].genre, Path(path).name) if part)
        target = Path(FLAGS.plots) / f"{PICTURE_PREFIX}{number:02d}_{stem}.png"
        written.append(evaluation.save_figure(evaluation.clip_figure(shown, title), target))
    return written
