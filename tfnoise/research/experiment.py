"""Where an experiment's models, clips and scores are: trained once, scored once, kept in a folder.

OUT/runs/NAME  OUT/models/NAME/1  OUT/logs/NAME.log   one training each, by bin/train
OUT/scores/NAME.json                                  its scores, clip by clip
OUT/sections/NAME.json                                what a section measured
OUT/figures  OUT/audio  OUT/report.{html,md,json}     the report
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise import codec
from tfnoise.audio import FrontEnd
from tfnoise.data import Clip
from tfnoise.data.splits import link_clips, odd_even_split
from tfnoise.errors import InputError
from tfnoise.evaluation import METRICS, ClipImage, clip_images, code_image, score_clips, spread
from tfnoise.files import write_json
from tfnoise.research.calibration import calibration
from tfnoise.research.recipes import BUDGETS, FEW_CLIPS, LOSSES, SPLIT, Recipe, main_recipe
from tfnoise.training import FINISHED_FILE

PICTURED_CLIPS = 3
HEARD_CLIPS = 2


class Experiment:
    """The folder of an experiment, and what sections ask of it.

    Args:
      folder: where everything is.
      clips: natural clips to test on.
      budget: a name of `BUDGETS`.
      seeds: how many trainings of each kind the paper's table has.
      train_flags: of bin/train, for all trainings; they take the place of the budget's.
      log: called with what is being worked on.

    Attributes:
      folder, clips, budget, seeds, train_flags, log: as given.
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
        self.folder, self.clips, self.budget, self.seeds = folder, list(clips), budget, seeds
        self.train_flags = dict(train_flags or {})
        self.front_end = FrontEnd()
        self.log = log
        self._last_model: tuple[str, codec.LoadedModel] | None = None

    @property
    def steps(self) -> int:
        """Training steps of each model."""
        return int(self.budget_flags["epochs"]) * int(self.budget_flags["steps_per_epoch"])

    @property
    def budget_flags(self) -> dict[str, Any]:
        """Flags of bin/train that all trainings share."""
        return {**BUDGETS[self.budget], **self.train_flags}

    @cached_property
    def images(self) -> list[ClipImage]:
        """The images of the clips that can be used, with waveforms.

        Raises:
          InputError: none can.
        """
        found = list(clip_images(self.clips, self.front_end, with_waveforms=True))
        usable = [clip for clip in found if not clip.problem]
        if not usable:
            raise InputError(f"none of {len(found)} clips can be used; the first: {found[0].problem}")
        return usable

    @cached_property
    def left_out(self) -> list[str]:
        """What is wrong with the clips that cannot be used, a line each."""
        used = {clip.path for clip in self.images}
        found = clip_images([clip for clip in self.clips if clip.path not in used], self.front_end)
        return [clip.problem for clip in found if clip.problem]

    @cached_property
    def split(self) -> tuple[list[Clip], list[Clip]]:
        """Clips to learn from and clips to be tested on (`odd_even_split`), of those that can be used."""
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
        """Makes the folders that recipes' `train_on` name: all clips to learn from, and few of them."""
        learned = self.split[0]
        link_clips(learned, self.split_folder(SPLIT))
        for count in FEW_CLIPS:
            if count <= len(learned):
                few = [learned[place] for place in spread(len(learned), count)]
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

    def scores(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """Scores of a model on all of `images`, each at or under the model's rate.

        Returns:
          "mse", "nlpd", "ms_ssim" (NaN of clips too short for it), "bpp" and "step": float64 `[clips]`.
        """
        settings = codec.read_settings(codec.resolve(self.folder / "models" / recipe.name))
        rate = float(settings["architecture"]["bpp"])
        key = {"fingerprint": settings["fingerprint"], "bpp": rate, "clips": self.clips_digest}
        path = self.folder / "scores" / f"{recipe.name}.json"
        kept = read_json(path)
        if kept is None or kept["key"] != key:
            self.log(f"scoring {recipe.name}")
            found = score_clips(self.model(recipe).module.code, self.images, rate)
            columns = {
                column: [_number(getattr(clip, column)) for clip in found.clips] for column in _COLUMNS
            }
            kept = {"key": key, "scores": columns}
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(kept, path)
        return {
            column: np.array([np.nan if value is None else value for value in values], np.float64)
            for column, values in kept["scores"].items()
        }

    def means(self, recipe: Recipe, which: np.ndarray | None = None) -> dict[str, float]:
        """Means of `scores`, and the largest rate as "bpp_max".

        Args:
          recipe: of the model.
          which: of which clips, bool `[clips]`; None: all.
        """
        scores = self.scores(recipe)
        chosen = {name: values if which is None else values[which] for name, values in scores.items()}
        means = {name: float(np.nanmean(values)) for name, values in chosen.items()}
        return {**means, "bpp_max": float(np.max(chosen["bpp"]))}

    @cached_property
    def constant_image(self) -> dict[str, float]:
        """Mean scores of images of one grey, each clip's own mean: what a model has to be better than."""
        clips = score_clips(_code_constant, self.images, 0.0).clips
        found = {metric: [getattr(clip, metric) for clip in clips] for metric in METRICS}
        return {
            metric: float(np.nanmean([np.nan if value is None else value for value in values]))
            for metric, values in found.items()
        }

    def calibrated_mse(self, recipe: Recipe, which: np.ndarray) -> np.ndarray:
        """The MSE that is left of clips after the one slope and offset for all their pixels that suit best.

        A model may be right but for its brightness, as BatchNorm's averages make it.

        Args:
          recipe: of the model.
          which: of which clips, bool `[clips]`.

        Returns:
          float64, one a clip of `which`.
        """
        self.log(f"calibrating {recipe.name}")
        model = self.model(recipe)
        originals = [self.images[place].image for place in np.flatnonzero(which)]
        made = [code_image(model.module.code, image, model.bpp)["reconstruction"] for image in originals]
        slope, offset = calibration(_pixels(originals), _pixels(made))
        errors = [np.mean((a - slope * b - offset) ** 2) for a, b in zip(originals, made)]
        return np.array(errors, np.float64)

    def by_seed(self, loss: str, bottleneck: str, metric: str) -> np.ndarray:
        """A metric of the main table's models, float64 `[seeds, clips]`."""
        return np.stack(
            [self.scores(main_recipe(loss, bottleneck, seed))[metric] for seed in range(self.seeds)]
        )

    @cached_property
    def clips_digest(self) -> str:
        """Tells sets of clips apart by their names and images."""
        digest = hashlib.sha256()
        for clip in self.images:
            digest.update(f"{clip.id}\0{clip.image.shape}\0".encode())
            digest.update(np.ascontiguousarray(clip.image).tobytes())
        return digest.hexdigest()[:16]

    def shown(self, count: int = PICTURED_CLIPS) -> list[ClipImage]:
        """Some clips to be seen or heard, spread over the set; the same in all sections."""
        return [self.images[place] for place in spread(len(self.images), count)]


_COLUMNS = (*METRICS, "bpp", "step")


def main_recipes(seeds: int, bottlenecks: Sequence[str], losses: Sequence[str] = LOSSES) -> list[Recipe]:
    """The trainings of the paper's table."""
    return [
        main_recipe(loss, bottleneck, seed)
        for bottleneck in bottlenecks
        for seed in range(seeds)
        for loss in losses
    ]


def read_json(path: Path) -> Any:
    """What a JSON file holds; None where there is none, or none that is whole."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _code_constant(images: tf.Tensor, bpp: tf.Tensor) -> dict[str, tf.Tensor]:
    """As `FrozenModel.code`, of nothing but the mean."""
    mean, nothing = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True), tf.zeros(len(images))
    return {
        "reconstruction": tf.broadcast_to(mean, tf.shape(images)),
        **dict.fromkeys(("bpp", "step", "step_index"), nothing),
    }


def _pixels(images: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([image.ravel() for image in images])


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
