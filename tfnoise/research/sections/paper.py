"""The paper's table: what losses teach that learn from noise, tested on natural audio."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfnoise.evaluation import METRICS, Panel, clip_figure, code_image, resynthesised, save_figure
from tfnoise.evaluation.bootstrap import bootstrap_crossed
from tfnoise.research.blocks import Block, Paragraph, Picture, Sounds, Table, number
from tfnoise.research.charts import line_chart
from tfnoise.research.experiment import HEARD_CLIPS, Experiment, main_recipes
from tfnoise.research.recipes import BOTTLENECKS, LOSSES, Recipe, main_recipe
from tfnoise.research.sounds import write_flac
from tfnoise.training import training_curve

TITLE = "The paper's table"
TITLES = {"mse": "MSE", "nlpd": "NLPD", "ms_ssim": "MS-SSIM"}
BOTTLENECK_TITLES = {"levels": "fixed levels, the paper's", "entropy": "entropy bottleneck"}
SURE = 0.95


def recipes(experiment: Experiment) -> list[Recipe]:
    """Three losses, two bottlenecks, all seeds."""
    return main_recipes(experiment.seeds, BOTTLENECKS)


def measure(experiment: Experiment) -> dict[str, Any]:
    """The table, the claim, pictures, sounds and training curves."""
    table, claim = {}, {}
    for bottleneck in BOTTLENECKS:
        values = {
            loss: {metric: experiment.by_seed(loss, bottleneck, metric) for metric in (*METRICS, "bpp")}
            for loss in LOSSES
        }
        table[bottleneck] = {loss: _row(found) for loss, found in values.items()}
        claim[bottleneck] = {
            loss: bootstrap_crossed(values[loss]["mse"], values["mse"]["mse"])._asdict()
            for loss in LOSSES[1:]
        }
    curves = {
        bottleneck: _curves_figure(experiment, bottleneck, f"figures/training_{bottleneck}.png")
        for bottleneck in BOTTLENECKS
    }
    pictures, sounds = [], []
    for bottleneck in BOTTLENECKS:
        more_pictures, more_sounds = _show(experiment, bottleneck)
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


def blocks(result: dict[str, Any]) -> list[Block]:
    """The section of the report."""
    found: list[Block] = [
        Paragraph(
            "Models that have seen nothing but uniform noise code natural audio. Rows: what they were "
            "trained with, and last an image of one grey, each clip's own mean; columns: what natural clips "
            "lose. Of MSE and NLPD less is better, of MS-SSIM more."
        )
    ]
    clips, seeds, steps = result["clips"], result["seeds"], result["steps"]
    for bottleneck in BOTTLENECKS:
        rows = result["table"][bottleneck]
        found.append(
            Table(
                ["trained with", *TITLES.values(), "largest bpp"],
                [
                    [
                        TITLES[loss],
                        *(_with_spread(rows[loss][metric]) for metric in TITLES),
                        number(rows[loss]["bpp_max"], 4),
                    ]
                    for loss in LOSSES
                ]
                + [["one grey", *(number(result["constant_image"][metric]) for metric in TITLES), "–"]],
                f"{BOTTLENECK_TITLES[bottleneck]}; {clips} clips, "
                + (f"mean ± standard deviation over {seeds} seeds, " if seeds > 1 else "one seed, ")
                + f"{steps:,} steps each",
            )
        )
    found += [
        Paragraph(_verdict(bottleneck, result["claim"][bottleneck], seeds)) for bottleneck in BOTTLENECKS
    ]
    found += [Picture(picture["path"], picture["caption"]) for picture in result["pictures"]]
    found += [Sounds(sounds["files"], sounds["caption"]) for sounds in result["sounds"]]
    found += [
        Picture(
            path, f"Training on noise, {BOTTLENECK_TITLES[bottleneck]}: distortion by each model's own loss"
        )
        for bottleneck, path in result["curves"].items()
    ]
    return found


def holds(claim: dict[str, Any]) -> bool:
    """Whether a perceptual loss's MSE is below that of MSE itself, and surely so."""
    return claim["confidence"] >= SURE and claim["high"] < 1


def _verdict(bottleneck: str, claim: dict[str, Any], seeds: int) -> str:
    said = []
    for loss in LOSSES[1:]:
        found = claim[loss]
        said.append(
            f"trained with {TITLES[loss]}, natural audio has {number(found['ratio'])} of the MSE that it has "
            f"after training with MSE (95 % interval {number(found['low'])} to {number(found['high'])}; "
            f"lower in {100 * found['confidence']:.1f} % of resamples of clips and seeds, and in "
            f"{found['seeds_below']} of {seeds} seeds): the claim "
            + ("holds" if holds(found) else "is not established")
        )
    text = "; ".join(said)
    return f"{BOTTLENECK_TITLES[bottleneck][0].upper()}{BOTTLENECK_TITLES[bottleneck][1:]}: {text}."


def _with_spread(found: dict[str, Any]) -> str:
    spread = "" if found["spread"] is None else f" ± {number(found['spread'], 2)}"
    return number(found["mean"]) + spread


def _row(values: dict[str, np.ndarray]) -> dict[str, Any]:
    row: dict[str, Any] = {"bpp_max": float(values["bpp"].max())}
    for metric in METRICS:
        by_seed = np.nanmean(values[metric], axis=1)
        spread = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None
        row[metric] = {"mean": float(by_seed.mean()), "spread": spread, "seeds": by_seed.tolist()}
    return row


def _curves_figure(experiment: Experiment, bottleneck: str, name: str) -> str:
    curves = {}
    for loss in LOSSES:
        points = training_curve(experiment.run_dir(main_recipe(loss, bottleneck)), "distortion")
        first = points[0][1] if points else 1.0
        curves[TITLES[loss]] = [(step, value / first) for step, value in points]
    line_chart(curves, experiment.folder / name, "step", "distortion / at first", log_y=True, marks=False)
    return name


def _show(experiment: Experiment, bottleneck: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Pictures and sounds of some clips, as the models of the first seed make them."""
    experiment.log(f"drawing clips, {bottleneck}")
    clips, front_end, rate_hz = experiment.shown(), experiment.front_end, experiment.front_end.sample_rate_hz
    panels = [[Panel(clip.image, front_end, "original")] for clip in clips]
    files: list[list[tuple[str, str]]] = [[] for _ in clips[:HEARD_CLIPS]]
    for place, clip in enumerate(clips[:HEARD_CLIPS]):
        for title, sound in {
            "original": clip.waveform,
            "front end alone": resynthesised(clip.image, clip, front_end),
        }.items():
            path = f"audio/clip{place + 1}_{title.replace(' ', '_')}.flac"
            write_flac(sound, rate_hz, experiment.folder / path)
            files[place].append((title, path))
    for loss in LOSSES:
        model = experiment.model(main_recipe(loss, bottleneck))
        for place, clip in enumerate(clips):
            image = code_image(model.module.code, clip.image, model.bpp)["reconstruction"]
            error = float(np.mean(np.square(image - clip.image)))
            panels[place].append(Panel(image, front_end, f"trained with {TITLES[loss]}", f"MSE {error:.4f}"))
            if place < HEARD_CLIPS:
                path = f"audio/clip{place + 1}_{bottleneck}_{loss}.flac"
                write_flac(resynthesised(image, clip, front_end), rate_hz, experiment.folder / path)
                files[place].append((f"trained with {TITLES[loss]}", path))
    pictures, title = [], BOTTLENECK_TITLES[bottleneck]
    (experiment.folder / "figures").mkdir(exist_ok=True)
    for place, (clip, shown) in enumerate(zip(clips, panels)):
        path = f"figures/clip{place + 1}_{bottleneck}.png"
        save_figure(clip_figure(shown, _name(clip)), experiment.folder / path)
        pictures.append({"path": path, "caption": f"{_name(clip)}; {title}, seed 0"})
    heard = [
        {"files": named, "caption": f"{_name(clip)}; {title}, seed 0, {rate_hz:,} Hz"}
        for clip, named in zip(clips, files)
    ]
    return pictures, heard


def _name(clip: Any) -> str:
    return " · ".join(part for part in (clip.genre, clip.id) if part)
