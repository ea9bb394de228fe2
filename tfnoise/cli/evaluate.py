"""Score models on natural audio: MSE, NLPD, MS-SSIM and rate, with 95 % intervals, by genre, with pictures.

Every clip is coded at or under the target rate. The audio is any folder, or the Perceived Music Quality
Dataset (PMQD), published at github.com/Peltarion/pmqd, release v1.0.0: a folder with audio/ and pmqd.csv.
Without --data, clips that sound like plucked strings, drums and voices are synthesised.

Example:
    bin/evaluate --data=FOLDER_OF_AUDIO
    bin/evaluate --model=saved_models/mse,saved_models/ms_ssim --data=pmqd --plots=pictures
    bin/evaluate --model=saved_models/nlpd --data=pmqd --audio
    bin/evaluate --model=saved_models/nlpd --bpp=0.25 --json
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfnoise
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.shared_flags import DEFAULT_MODEL, check_bpp, check_writable, checked_settings
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError

if TYPE_CHECKING:
    from tfnoise.data import Clip
    from tfnoise.evaluation import ClipImage, ModelScores, SoundScores

POSITIONAL = None
_PICTURE_PREFIX = "clip_"


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/evaluate."""
    define.multi_string("model", None, "Model folders, commas between several. (default: saved_models/best)")
    define.string("data", None, "Folder of audio, or one file. Without it, clips are synthesised.")
    define.string("degradation", "original", "Of a pmqd.csv: score clips with this degradation, or all.")
    define.float("bpp", None, "Rate that no clip may exceed, bits per pixel. (default: the model's own)")
    scales = "Scales of MS-SSIM; 4 need images of 81 pixels a side."
    define.integer("ms_ssim_scales", 4, scales, lower_bound=1, upper_bound=5)
    define.string("nlpd_parameters", None, "Parameters fitted by bin/fit_nlpd. (default: the published ones)")
    define.boolean("audio", False, "Score the resynthesised sound, too, beside the front end's alone.")
    define.string("plots", None, "Folder for pictures: originals beside reconstructions.")
    define.integer("plots_clips", 6, "Number of clips to picture, evenly spaced.", lower_bound=1)
    define.boolean("overwrite", False, "Replace pictures that are in the folder of --plots.")
    define.integer("seed", 0, "Random seed (bootstrap intervals and synthesised clips).", lower_bound=0)


def main(arguments: list[str], values: FlagValues) -> None:
    """Scores, and reports scores, skipped clips and written pictures."""
    check_bpp(values.bpp)
    if values.data is None and not values["degradation"].using_default_value:
        raise UsageError("--degradation chooses among clips on a pmqd.csv; name their folder with --data")
    if values.plots is not None:
        check_writable("plots", Path(values.plots))
        pictures = sorted(Path(values.plots).glob(f"{_PICTURE_PREFIX}*.png"))
        if pictures and not values.overwrite:
            earlier = f"holds pictures of an earlier run, as {pictures[0].name}"
            raise InputError(f"{values.plots}: {earlier}; name another folder or add --overwrite")
    from tfnoise.evaluation import report

    clips = _Clips(values.data, values.seed)
    if values.data is not None:
        clips = _Clips(values.data, values.seed, tfnoise.data.list_clips(values.data, values.degradation))
    parameters = values.nlpd_parameters
    fitted = tfnoise.losses.NLPDParameters.load(parameters) if parameters else None
    models = _load_models(values.model or [], values.bpp)
    scores = _score(models, clips, values.bpp, ms_ssim_scales=values.ms_ssim_scales, nlpd_parameters=fitted)
    sounds = _score_sounds(models, scores, clips) if values.audio else {}
    pictures = []
    if values.plots is not None:
        pictures = _write_pictures(models, scores, clips, Path(values.plots), values.plots_clips)

    _say_scores(models, scores, sounds, clips, parameters)
    for path in pictures:
        say(f"wrote {path}")
    if json_requested():
        degradation = values.degradation if values.data is not None else None
        result = report.json_report(
            scores, values.data, values.seed, degradation=degradation, pictures=pictures
        )
        if fitted is not None:
            result["nlpd_parameters"] = {"path": parameters, **fitted.to_dict()}
        audio = {name: report.sound_summary(one, values.seed) for name, one in sounds.items()}
        for name, model in models.items():
            settings = {key: model.settings[key] for key in ("fingerprint", "training")}
            result["models"][name].update(path=model.path, **settings)
            if audio:
                result["models"][name]["audio"] = audio.pop(name)
        if audio:
            result["front_end_audio"] = audio
        print_json(result)


@dataclass(frozen=True)
class _Clips:
    """The clips to score: of a folder or file, or synthesised with a seed where `data` is None."""

    data: str | None
    seed: int
    listed: Sequence[Clip] = ()

    def images(
        self, model: Any, with_waveforms: bool = False, paths: Sequence[str] | None = None
    ) -> Iterator[ClipImage]:
        """Their images by a model's front end; of synthesised clips all, of others those in `paths`."""
        if self.data is None:
            return tfnoise.evaluation.synthetic_clip_images(model.front_end, self.seed)
        clips = [clip for clip in self.listed if paths is None or clip.path in paths]
        return tfnoise.evaluation.clip_images(clips, model.front_end, with_waveforms)

    def passes(
        self, models: Mapping[str, Any], label: str, with_waveforms: bool = False
    ) -> Iterator[tuple[str, Any, Iterator[ClipImage]]]:
        """One pass over their images for each of the models, with a bar: name, model, images."""
        total = None if self.data is None else len(models) * len(self.listed)
        with Progress(total, label=label, unit="clip") as progress:
            for name, model in models.items():
                yield name, model, progress.count(self.images(model, with_waveforms), model=name)


def _load_models(names: Sequence[str], bpp: float | None) -> dict[str, Any]:
    """The models that --model names, by the names that tables and JSON give them."""
    from tfnoise.evaluation import report

    # A folder may have a comma in its name.
    parts = [[name] if Path(name).exists() else name.split(",") for name in names]
    paths = list(dict.fromkeys(path.strip() for part in parts for path in part))
    if "" in paths:
        raise UsageError("--model has an empty name; write --model=FOLDER or --model=FOLDER,FOLDER")
    if not paths:
        if not Path(DEFAULT_MODEL).is_dir():
            remedy = "train one with bin/train, and name it with --model=saved_models/NAME"
            raise InputError(f"{DEFAULT_MODEL}: there is no such model here; {remedy}")
        paths = [DEFAULT_MODEL]
    # All settings first: a wrong one is reported before the seconds that loading takes.
    for path in paths:
        checked_settings(path, bpp)
    models = [tfnoise.codec.load(path) for path in paths]
    return dict(zip(report.model_names(paths, [model.name for model in models]), models))


def _score(
    models: dict[str, Any], clips: _Clips, bpp: float | None, **options: Any
) -> dict[str, ModelScores]:
    """The scores of each model."""
    scores = {}
    for name, model, images in clips.passes(models, "scoring"):
        target_bpp = model.bpp if bpp is None else bpp
        scores[name] = tfnoise.evaluation.score_clips(model.module.code, images, target_bpp, **options)
        if not scores[name].clips:
            first = scores[name].skipped[0].problem
            source = clips.data or "synthesised clips"
            raise InputError(f"{source}: none of its clips can be scored with {name}; the first: {first}")
    return scores


def _score_sounds(
    models: dict[str, Any], scores: dict[str, ModelScores], clips: _Clips
) -> dict[str, SoundScores]:
    """The sound scores of each front end alone, and of each model."""
    front_ends: dict[Any, str] = {}
    for name, model in models.items():
        front_ends.setdefault(model.front_end, name)
    one = len(front_ends) == 1
    alone = {
        "front end alone" if one else f"front end of {name}": models[name] for name in front_ends.values()
    }
    sounds = {}
    for name, model, images in clips.passes({**alone, **models}, "resynthesising", with_waveforms=True):

        def reconstruct(image: Any, name: str = name, code: Any = model.module.code) -> Any:
            if name in alone:
                return image
            return tfnoise.evaluation.code_image(code, image, scores[name].bpp_target)["reconstruction"]

        sounds[name] = tfnoise.evaluation.score_sounds(reconstruct, images, model.front_end)
    return sounds


def _say_scores(
    models: dict[str, Any],
    scores: dict[str, ModelScores],
    sounds: dict[str, SoundScores],
    clips: _Clips,
    nlpd_parameters: str | None,
) -> None:
    from tfnoise.evaluation import report

    def say_table(cells: Any) -> None:
        say(table(cells.rows, cells.header, cells.align))

    say_table(report.score_table(scores, clips.seed))
    say("Means over clips, [95 % bootstrap interval]; bpp: mean and largest rate, bits per pixel.")
    if sounds:
        say("\nAs sound, after phase reconstruction, against the original waveform:")
        say_table(report.sound_table(sounds, clips.seed))
    for title, cells in report.genre_tables(scores):
        say(f"\n{title}:")
        say_table(cells)
    remarks = report.notes(scores)
    if len({model.front_end for model in models.values()}) > 1:
        remarks.append("These models have different front ends: each is scored on images of its own, so that")
        remarks.append("  their figures do not compare.")
    targets = {name: one.bpp_target for name, one in scores.items()}
    if len(set(targets.values())) > 1:
        listed = ", ".join(f"{name} {target:g}" for name, target in targets.items())
        remarks.append(f"These models have different target rates (bpp): {listed}; --bpp sets one for all.")
    if nlpd_parameters:
        remarks.append(f"NLPD with the parameters in {nlpd_parameters}.")
    if clips.data is None:
        remarks.append("The clips are synthetic: plucked strings, drums and voices, made by a program.")
        remarks.append("  For real audio give --data=FOLDER: any folder of audio, or PMQD, published at")
        remarks.append("  github.com/Peltarion/pmqd, release v1.0.0 (folder audio/ and pmqd.csv).")
    if remarks:
        say("\n" + "\n".join(remarks))


def _write_pictures(
    models: dict[str, Any], scores: dict[str, ModelScores], clips: _Clips, folder: Path, count: int
) -> list[Path]:
    """One picture a clip, of `count` clips that every model could be scored on."""
    from tfnoise.evaluation import Panel, clip_figure, code_image, evenly_spaced_indices, save_figure

    by_path = {name: {clip.path: clip for clip in one.clips} for name, one in scores.items()}
    common = [path for path in next(iter(by_path.values())) if all(path in one for one in by_path.values())]
    panels: dict[str, list] = {common[index]: [] for index in evenly_spaced_indices(len(common), count)}
    front_ends = set()
    for name, model in models.items():
        for clip in clips.images(model, paths=list(panels)):
            if clip.path not in panels:
                continue
            if model.front_end not in front_ends:
                panels[clip.path].append(Panel(clip.image, model.front_end, "original"))
            coded = code_image(model.module.code, clip.image, scores[name].bpp_target)
            score = by_path[name][clip.path]
            details = f"MSE {score.mse:.4f}   NLPD {score.nlpd:.3f}   {score.bpp:.3f} bpp"
            panels[clip.path].append(Panel(coded["reconstruction"], model.front_end, name, details))
        front_ends.add(model.front_end)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for number, (path, shown) in enumerate(panels.items(), 1):
        stem = re.sub(r"[^\w.-]+", "_", Path(path).stem)[:80]
        genre = next(iter(by_path.values()))[path].genre
        title = " · ".join(part for part in (genre, Path(path).name) if part)
        target = folder / f"{_PICTURE_PREFIX}{number:02d}_{stem}.png"
        pictures.append(save_figure(clip_figure(shown, title), target))
    return pictures
