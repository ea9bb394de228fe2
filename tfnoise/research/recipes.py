"""Trainings that an experiment needs: what each is called, its flags of bin/train, and its budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

BUDGETS: dict[str, dict[str, Any]] = {
    "quick": {"epochs": 5, "steps_per_epoch": 100},
    "paper": {"epochs": 5, "steps_per_epoch": 300},
}
"""Flags of bin/train by budget; with "paper" all is as in configs/paper.cfg, and bin/train's defaults."""

LOSSES = ("mse", "nlpd", "ms_ssim")
BOTTLENECKS = ("levels", "entropy")

SPLIT, FEW_CLIPS = "learned", (5, 20, 50)
"""The split of all clips to learn from; with "_5" and so on those of few of them."""


@dataclass(frozen=True)
class Recipe:
    """One training.

    Attributes:
      name: of its run and model, safe as a folder's name.
      flags: of bin/train, beside those of the budget and of where things go.
      start: name of the recipe whose weights it begins with.
      train_on: name of the split whose clips it learns from; None: noise.
      may_fail: whether a training that ends before its last step is a finding, not a failure.
    """

    name: str
    flags: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    train_on: str | None = None
    may_fail: bool = False


def main_recipe(loss: str, bottleneck: str, seed: int = 0, **flags: Any) -> Recipe:
    """A training on noise; without further flags one of the paper's table, which all sections share."""
    more = "".join(f"_{name}{value}" for name, value in flags.items())
    name = f"{bottleneck}_{loss}{more}_{seed}"
    return Recipe(_safe(name), {"loss": loss, "bottleneck": bottleneck, "seed": seed, **flags})


def in_order(recipes: Iterable[Recipe]) -> list[list[Recipe]]:
    """Each recipe once, in stages: those of a stage begin with what the stages before have trained.

    Raises:
      ValueError: one begins with a recipe that is not among them, or two of one name differ.
    """
    by_name: dict[str, Recipe] = {}
    for recipe in recipes:
        if by_name.setdefault(recipe.name, recipe) != recipe:
            raise ValueError(f"two trainings are called {recipe.name}")
    stages: list[list[Recipe]] = []
    done: set[str] = set()
    while len(done) < len(by_name):
        ready = [
            recipe
            for recipe in by_name.values()
            if recipe.name not in done and (recipe.start is None or recipe.start in done)
        ]
        if not ready:
            missing = next(recipe for recipe in by_name.values() if recipe.name not in done)
            raise ValueError(f"{missing.name} begins with {missing.start}, which is not trained")
        stages.append(ready)
        done |= {recipe.name for recipe in ready}
    return stages


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
