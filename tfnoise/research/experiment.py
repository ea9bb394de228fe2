"""An experiment: its trainings, and a folder that keeps models, scores and results.

OUT/runs/NAME  OUT/models/NAME/1  OUT/logs/NAME.log   one training each, by bin/train
OUT/splits/NAME                                       links to the clips of a training on natural audio
OUT/scores/NAME.json                                  a model's scores, clip by clip
OUT/sections/NAME.json                                what a section measured
OUT/figures  OUT/audio  OUT/report.{html,md,json}     the report
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
import tensorflow as tf

from tfnoise import codec, evaluation
from tfnoise.audio import FrontEnd
from tfnoise.data import Clip
from tfnoise.data.splits import link_clips, odd_even_split
from tfnoise.errors import InputError
from tfnoise.files import replacing, write_json
from tfnoise.research.image_statistics import calibration
from tfnoise.research.report import Chapter, Picture, Sounds, Table
from tfnoise.training import FINISHED_FILE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUDGETS: dict[str, dict[str, Any]] = {
    "quick": {"epochs": 5, "steps_per_epoch": 100},
    "paper": {"epochs": 5, "steps_per_epoch": 300},
}
"""Flags of bin/train by budget; with "paper" all is as in configs/paper.cfg, and bin/train's defaults."""

LOSSES = ("mse", "nlpd", "ms_ssim")
TITLES = {"mse": "MSE", "nlpd": "NLPD", "ms_ssim": "MS-SSIM"}
BOTTLENECKS = {"levels": "fixed levels, the paper's", "entropy": "entropy bottleneck"}
SPLIT, FEW_CLIPS = "learned", (5, 20, 50)
"""Name of the split of all clips to train on; with "_5" and so on the splits of a few of them."""

_COLUMNS = (*evaluation.METRICS, "bpp", "step")


@dataclass(frozen=True)
class Recipe:
    """One training.

    Attributes:
      name: of its run and model, safe as a folder's name.
      flags: of bin/train, beside those of the budget and of where things go.
      start: name of the recipe whose weights it is initialised with.
      train_on: name of the split of natural clips to train on; None: noise.
      may_fail: whether a training that ends before its last step is a result, not a failure.
    """

    name: str
    flags: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    train_on: str | None = None
    may_fail: bool = False


def main_recipe(loss: str, bottleneck: str, seed: int = 0, **flags: Any) -> Recipe:
    """A training on noise; without further flags, or with None, one of the paper's table."""
    flags = {name: value for name, value in flags.items() if value is not None}
    more = "".join(f"_{name}{value}" for name, value in flags.items())
    name = f"{bottleneck}_{loss}{more}_{seed}"
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    return Recipe(safe, {"loss": loss, "bottleneck": bottleneck, "seed": seed, **flags})


def main_recipes(seeds: int = 1) -> list[Recipe]:
    """The trainings of the paper's table with this many seeds."""
    return [
        main_recipe(loss, bottleneck, seed)
        for bottleneck in BOTTLENECKS
        for seed in range(seeds)
        for loss in LOSSES
    ]


def in_order(recipes: Iterable[Recipe]) -> list[list[Recipe]]:
    """Each recipe once, in stages: those of a stage start from weights that earlier stages have trained.

    Raises:
      ValueError: one starts from a recipe that is not among them, or two of one name differ.
    """
    by_name: dict[str, Recipe] = {}
    for recipe in recipes:
        if by_name.setdefault(recipe.name, recipe) != recipe:
            raise ValueError(f"two trainings are called {recipe.name}")
    stages: list[list[Recipe]] = []
    waiting = list(by_name.values())
    while waiting:
        done = {recipe.name for stage in stages for recipe in stage}
        ready = [recipe for recipe in waiting if recipe.start is None or recipe.start in done]
        if not ready:
            raise ValueError(f"{waiting[0].name} starts from {waiting[0].start}, which is not trained")
        stages.append(ready)
        waiting = [recipe for recipe in waiting if recipe not in ready]
    return stages


class Experiment:
    """The folder of an experiment, and what sections ask of it.

    Args:
      folder: where everything is.
      clips: natural clips to test on.
      budget: a name of `BUDGETS`.
      seeds: number of trainings of each kind in the paper's table.
      train_flags: of bin/train, for all trainings; they take the place of the budget's.
      log: called with a line on what is being worked on.

    Attributes:
      folder, clips, seeds, log: as passed.
      train_flags: flags of bin/train that all trainings share.
      steps: training steps of each model.
      front_end: of all models.
    """

    def __init__(
        self,
        folder: Path,
        clips: Sequence[Clip],
        budget: str = "quick",
        seeds: int = 3,
        train_flags: Mapping[str, str] | None = None,
        log: Callable[[str], None] = lambda text: None,
    ):
        self.folder, self.clips, self.seeds, self.log = folder, list(clips), seeds, log
        self.train_flags = {**BUDGETS[budget], **(train_flags or {})}
        self.steps = int(self.train_flags["epochs"]) * int(self.train_flags["steps_per_epoch"])
        self.front_end = FrontEnd()
        self._last_model: tuple[str, codec.LoadedModel] | None = None

    @cached_property
    def _all_images(self) -> list[evaluation.ClipImage]:
        return list(evaluation.clip_images(self.clips, self.front_end, with_waveforms=True))

    @cached_property
    def images(self) -> list[evaluation.ClipImage]:
        """The images of the usable clips, with waveforms.

        Raises:
          InputError: no clip is usable.
        """
        usable = [clip for clip in self._all_images if not clip.problem]
        if not usable:
            first = self._all_images[0].problem
            raise InputError(f"none of {len(self.clips)} clips can be used; the first: {first}")
        return usable

    @property
    def skipped(self) -> list[str]:
        """A line on each clip that is not usable."""
        return [clip.problem for clip in self._all_images if clip.problem]

    @cached_property
    def split(self) -> tuple[list[Clip], list[Clip]]:
        """The usable clips to train on and to test on (`splits.odd_even_split`)."""
        usable = {clip.path for clip in self.images}
        return odd_even_split([clip for clip in self.clips if clip.path in usable])

    @cached_property
    def tested(self) -> np.ndarray:
        """Which of `images` are of the split's second half: bool `[clips]`."""
        paths = {clip.path for clip in self.split[1]}
        return np.array([clip.path in paths for clip in self.images])

    def split_folder(self, name: str) -> Path:
        """The folder of links that a recipe's `train_on` names."""
        return self.folder / "splits" / name

    def link_splits(self) -> None:
        """Makes the folders that `train_on` of recipes names: of all clips to train on, and of a few."""
        clips = self.split[0]
        link_clips(clips, self.split_folder(SPLIT))
        for count in FEW_CLIPS:
            if count <= len(clips):
                few = [clips[index] for index in evaluation.evenly_spaced_indices(len(clips), count)]
                link_clips(few, self.split_folder(f"{SPLIT}_{count}"))

    def run_dir(self, recipe: Recipe) -> Path:
        """The folder of a training."""
        return self.folder / "runs" / recipe.name

    def is_trained(self, recipe: Recipe) -> bool:
        """Whether a training is finished and its model there."""
        finished = self.run_dir(recipe) / FINISHED_FILE
        return finished.is_file() and (self.folder / "models" / recipe.name).is_dir()

    def model(self, recipe: Recipe) -> codec.LoadedModel:
        """A trained model; the last one is kept.

        Raises:
          InputError: it is not there.
        """
        if self._last_model is None or self._last_model[0] != recipe.name:
            self._last_model = recipe.name, codec.load(self.folder / "models" / recipe.name)
        return self._last_model[1]

    def code(self, recipe: Recipe, image: np.ndarray) -> dict[str, Any]:
        """Codes an image `[mels, frames, 1]` with a model at its rate; as `evaluation.code_image`."""
        model = self.model(recipe)
        return evaluation.code_image(model.module.code, image, model.bpp)

    def scores(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """Scores of a model on all of `images`, each at or under the model's rate.

        Returns:
          "mse", "nlpd", "ms_ssim" (NaN of clips too short for it), "bpp" and "step": float64 `[clips]`.
        """
        settings = codec.read_settings(codec.resolve(self.folder / "models" / recipe.name))
        rate = float(settings["architecture"]["bpp"])
        key = {"fingerprint": settings["fingerprint"], "bpp": rate, "clips": self.clips_digest}
        path = self.folder / "scores" / f"{recipe.name}.json"
        stored = read_json(path)
        if stored is None or stored["key"] != key:
            self.log(f"scoring {recipe.name}")
            clips = evaluation.score_clips(self.model(recipe).module.code, self.images, rate).clips
            columns = {
                name: [value if np.isfinite(value) else None for value in _column(clips, name).tolist()]
                for name in _COLUMNS
            }
            stored = {"key": key, "scores": columns}
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(stored, path)
        return {name: np.array(values, np.float64) for name, values in stored["scores"].items()}

    def means(self, recipe: Recipe, which: np.ndarray | None = None) -> dict[str, Any]:
        """Means of `scores` over the clips `which`, bool `[clips]`, or all; the largest rate, "bpp_max"."""
        scores = self.scores(recipe)
        if which is not None:
            scores = {name: values[which] for name, values in scores.items()}
        means = {name: float(np.nanmean(values)) for name, values in scores.items()}
        return {**means, "bpp_max": float(np.max(scores["bpp"]))}

    def by_seed(self, loss: str, bottleneck: str, metric: str) -> np.ndarray:
        """A metric of the paper's table, float64 `[seeds, clips]`."""
        recipes = [main_recipe(loss, bottleneck, seed) for seed in range(self.seeds)]
        return np.stack([self.scores(recipe)[metric] for recipe in recipes])

    @cached_property
    def constant_image(self) -> dict[str, float]:
        """The baseline: mean scores of a constant image at each clip's mean."""
        clips = evaluation.score_clips(_code_constant, self.images, 0.0).clips
        return {name: float(np.nanmean(_column(clips, name))) for name in evaluation.METRICS}

    def calibrated_mse(self, recipe: Recipe, which: np.ndarray) -> np.ndarray:
        """The MSE of clips after the one slope and offset for all their pixels that fit best, float64.

        A model may be right but for its brightness, as BatchNorm's averages make it. The clips are `which`,
        bool `[clips]`.
        """
        self.log(f"calibrating {recipe.name}")
        originals = [self.images[index].image for index in np.flatnonzero(which)]
        decoded = [self.code(recipe, image)["reconstruction"] for image in originals]
        pixels = [np.concatenate([image.ravel() for image in images]) for images in (originals, decoded)]
        slope, offset = calibration(*pixels)
        errors = [np.mean((a - slope * b - offset) ** 2) for a, b in zip(originals, decoded)]
        return np.array(errors, np.float64)

    @cached_property
    def clips_digest(self) -> str:
        """Identifies the set of clips by their names and images."""
        digest = hashlib.sha256()
        for clip in self.images:
            digest.update(f"{clip.id}\0{clip.image.shape}\0".encode())
            digest.update(np.ascontiguousarray(clip.image).tobytes())
        return digest.hexdigest()[:16]

    def evenly_spaced(self, count: int) -> list[evaluation.ClipImage]:
        """Some of `images`, evenly spaced over the set; the same in all sections."""
        return [self.images[index] for index in evaluation.evenly_spaced_indices(len(self.images), count)]

    def save_figure(self, figure: Figure, name: str) -> str:
        """Writes figures/NAME.png; returns its path below the folder."""
        path = f"figures/{name}.png"
        (self.folder / "figures").mkdir(parents=True, exist_ok=True)
        evaluation.save_figure(figure, self.folder / path)
        return path

    def save_sound(self, waveform: np.ndarray, name: str) -> str:
        """Writes a waveform `[samples]` as audio/NAME.flac, 16 bit; returns its path below the folder.

        It is turned down where it exceeds full scale.
        """
        path = f"audio/{name}.flac"
        (self.folder / "audio").mkdir(parents=True, exist_ok=True)
        peak = float(np.max(np.abs(waveform), initial=1.0))
        options = {"format": "FLAC", "subtype": "PCM_16"}
        with replacing(self.folder / path) as temporary:
            soundfile.write(temporary, waveform / peak, self.front_end.sample_rate_hz, **options)
        return path


@dataclass(frozen=True)
class Section:
    """A part of the report, one question.

    Attributes:
      name: of its flag, and of its result in report.json.
      title: its heading.
      measurement: measures the trained models, and writes pictures and sounds; the result must be JSON.
      tables: of such a result.
      figures: the pictures and sounds of such a result.
      trainings: those that it needs; by default the paper's table's.
      check: raises InputError where the clips do not suffice, before anything is trained.
    """

    name: str
    title: str
    measurement: Callable[[Experiment], dict[str, Any]]
    tables: Callable[[Any], list[Table]]
    figures: Callable[[Any], Sequence[Picture | Sounds]] = lambda result: ()
    trainings: Callable[[Experiment], list[Recipe]] = lambda experiment: main_recipes(experiment.seeds)
    check: Callable[[Experiment], None] = lambda experiment: None

    def chapter(self, result: Any) -> Chapter:
        """What the report shows of a result."""
        return Chapter(self.title, [*self.tables(result), *self.figures(result)])


def read_json(path: Path) -> Any:
    """What a JSON file holds; None where there is none, or none that is whole."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _code_constant(images: tf.Tensor, bpp: tf.Tensor) -> dict[str, tf.Tensor]:
    """As `FrozenModel.code`, of nothing but the mean."""
    mean, zeros = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True), tf.zeros(len(images))
    return {
        "reconstruction": tf.broadcast_to(mean, tf.shape(images)),
        **dict.fromkeys(("bpp", "step", "step_index"), zeros),
    }


def _column(clips: Sequence[evaluation.ClipScores], name: str) -> np.ndarray:
    """A score of each clip, float64; of None NumPy makes NaN."""
    return np.array([getattr(clip, name) for clip in clips], np.float64)
