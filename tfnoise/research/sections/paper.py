"""The paper's table: models trained on noise with three losses, tested on natural audio."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfnoise.evaluation import METRICS, Panel, bootstrap_crossed, clip_figure, resynthesised
from tfnoise.research.experiment import BOTTLENECKS, LOSSES, TITLES, Experiment, Section, main_recipe
from tfnoise.research.report import (
    CLAIM_HEADER,
    Picture,
    Sounds,
    Table,
    claim_cells,
    line_chart,
    number,
    numbers,
)
from tfnoise.training import training_curve

_PICTURED_CLIPS, _PLAYED_CLIPS = 3, 2


def measure(experiment: Experiment) -> dict[str, Any]:
    """The table, the claim, pictures, sounds and training curves."""
    table, claim, curves, pictures, sounds = {}, {}, {}, [], []
    for bottleneck in BOTTLENECKS:
        values = {
            loss: {metric: experiment.by_seed(loss, bottleneck, metric) for metric in (*METRICS, "bpp")}
            for loss in LOSSES
        }
        table[bottleneck] = {loss: _row(scores) for loss, scores in values.items()}
        claim[bottleneck] = {
            loss: bootstrap_crossed(values[loss]["mse"], values["mse"]["mse"])._asdict()
            for loss in LOSSES[1:]
        }
        curves[bottleneck] = _training_chart(experiment, bottleneck)
        more_pictures, more_sounds = _reconstructions(experiment, bottleneck)
        pictures += more_pictures
        sounds += more_sounds
    return {
        "clips": len(experiment.images),
        "seeds": experiment.seeds,
        "steps": experiment.steps,
        "table": table,
        "constant_image": experiment.constant_image,
        "claim": claim,
        "pictures": pictures,
        "sounds": sounds,
        "curves": curves,
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """One for each bottleneck: scores by training loss, and the ratio to the model trained with MSE."""
    clips, seeds, steps = result["clips"], result["seeds"], result["steps"]
    header = ["trained with", *TITLES.values(), *CLAIM_HEADER, "largest bpp"]
    over = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"
    shown = []
    for bottleneck, title in BOTTLENECKS.items():
        rows = []
        for loss in LOSSES:
            row, claim = result["table"][bottleneck][loss], result["claim"][bottleneck].get(loss)
            means = [_mean_cell(row[metric]) for metric in METRICS]
            rows.append([TITLES[loss], *means, *claim_cells(claim, seeds), number(row["bpp_max"], 4)])
        rows.append(["constant image", *numbers(result["constant_image"], METRICS), *["–"] * 4])
        caption = (
            f"{title}: {clips} natural clips, {over}, {steps:,} steps on uniform noise; of MSE and NLPD less "
            "is better, of MS-SSIM more; ratio to the model trained with MSE, with a 95 % interval over "
            "resamples of clips and seeds; baseline: a constant image at each clip's mean"
        )
        shown.append(Table(header, rows, caption))
    return shown


def figures(result: dict[str, Any]) -> list[Picture | Sounds]:
    """Reconstructions, their sounds, training curves."""
    curves = [
        Picture(path, f"Training on noise, {BOTTLENECKS[bottleneck]}: distortion by each model's own loss")
        for bottleneck, path in result["curves"].items()
    ]
    pictures = [Picture(**picture) for picture in result["pictures"]]
    return [*pictures, *(Sounds(**sounds) for sounds in result["sounds"]), *curves]


PAPER = Section("paper", "The paper's table", measure, tables, figures)


def _mean_cell(row: dict[str, Any]) -> str:
    return number(row["mean"]) + ("" if row["spread"] is None else f" ± {number(row['spread'], 2)}")


def _row(values: dict[str, np.ndarray]) -> dict[str, Any]:
    row: dict[str, Any] = {"bpp_max": float(values["bpp"].max())}
    for metric in METRICS:
        by_seed = np.nanmean(values[metric], axis=1)
        deviation = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None
        row[metric] = {"mean": float(by_seed.mean()), "spread": deviation, "seeds": by_seed.tolist()}
    return row


def _training_chart(experiment: Experiment, bottleneck: str) -> str:
    curves = {}
    for loss in LOSSES:
        points = training_curve(experiment.run_dir(main_recipe(loss, bottleneck)), "distortion")
        curves[TITLES[loss]] = [(step, value / points[0][1]) for step, value in points]
    chart = line_chart(curves, "step", "distortion / at first", log_y=True, markers=False)
    return experiment.save_figure(chart, f"training_{bottleneck}")


def _reconstructions(experiment: Experiment, bottleneck: str) -> tuple[list[Any], list[Any]]:
    """Pictures and sounds of some clips, as the models of the first seed reconstruct them."""
    experiment.log(f"drawing clips, {bottleneck}")
    front_end, clips = experiment.front_end, experiment.evenly_spaced(_PICTURED_CLIPS)
    decoded = {}
    for loss in LOSSES:
        recipe = main_recipe(loss, bottleneck)
        decoded[loss] = [experiment.code(recipe, clip.image)["reconstruction"] for clip in clips]
    pictures, sounds = [], []
    for place, clip in enumerate(clips):
        name = " · ".join(part for part in (clip.genre, clip.id) if part)
        caption = f"{name}; {BOTTLENECKS[bottleneck]}, seed 0"
        images = {f"trained with {TITLES[loss]}": decoded[loss][place] for loss in LOSSES}
        panels = [Panel(clip.image, front_end, "original")]
        for title, image in images.items():
            panels.append(Panel(image, front_end, title, f"MSE {np.mean(np.square(image - clip.image)):.4f}"))
        path = experiment.save_figure(clip_figure(panels, name), f"clip{place + 1}_{bottleneck}")
        pictures.append({"path": path, "caption": caption})
        if place < _PLAYED_CLIPS:
            images = {"front end alone": clip.image, **images}
            assert clip.waveform is not None
            waveforms = {"original": clip.waveform}
            for title, image in images.items():
                waveforms[title] = resynthesised(image, clip, front_end)
            names = {title: f"clip{place + 1}_{bottleneck}_{title.replace(' ', '_')}" for title in waveforms}
            files = [(title, experiment.save_sound(waveforms[title], name)) for title, name in names.items()]
            sounds.append({"files": files, "caption": f"{caption}, {front_end.sample_rate_hz:,} Hz"})
    return pictures, sounds
