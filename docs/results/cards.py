#!/usr/bin/env python3
r"""Writes the model cards, saved_models/NAME/README.md, from models.json beside this script.

    bin/evaluate --model=saved_models/best,saved_models/paper_mse,... --data=FOLDER --json \
        > docs/results/models.json

Example:
    python docs/results/cards.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MODELS = HERE.parents[1] / "saved_models"
METRICS = {"mse": "MSE", "nlpd": "NLPD", "ms_ssim": "MS-SSIM-4"}
PURPOSE = {
    "best": "The default model of all tools, for files and servers, at any rate.",
    "paper_mse": "The paper's setting, trained with MSE: the reference for the perceptual losses.",
    "paper_ms_ssim": "The paper's setting, trained with MS-SSIM.",
    "paper_nlpd": "The paper's setting, trained with NLPD.",
}
CONFIGS = {"best": "best"}
RECIPE = (
    "noise loss ms_ssim_scales bottleneck bpp levels quantizer_s normalisation kernel_size filters "
    "latent_channels patch_size batch_size steps learning_rate learning_rate_schedule clip_norm precision "
    "seed"
).split()
LIMITS = [
    "It works on 16 kHz mel-spectrograms of one channel: content above 8 kHz is discarded, phase is "
    "estimated. No listening test has been run.",
    "Image codecs can code these images at the same rate: docs/results.md has the comparison.",
    "Encoding depends on the machine's floating point in the last place; decoding of symbols does not.",
]
OWN_LIMITS = {
    "best": [
        "It was never trained on audio, but its noise was designed after natural signals, and its recipe was "
        "selected by scores on every second clip of a natural set (docs/results.md).",
    ],
    "paper": [
        "It is for comparisons only: `best` reconstructs natural audio far better at the same rate.",
        "Its rate is fixed: 0.5 bits per pixel of the padded image.",
    ],
}


def main() -> None:
    """Writes a card for each model of models.json."""
    report = json.loads((HERE / "models.json").read_text())
    for name, model in report["models"].items():
        path = MODELS / name / "README.md"
        path.write_text(card(name, model, report))
        print(f"wrote {path}")


def card(name: str, model: dict[str, Any], report: dict[str, Any]) -> str:
    """The card of a model in Markdown.

    Args:
      name: name of the model.
      model: part of the report on this model.
      report: output of bin/evaluate --json.
    """
    training, version = model["training"], Path(model["path"]).name
    config = CONFIGS.get(name, "paper")
    loss = "" if name == "best" else f" --loss={training['loss']}"
    lines = [
        f"# {name}",
        "",
        f"{PURPOSE[name]} Version {version}, fingerprint `{model['fingerprint']}`.",
        "",
        f"    bin/train --flagfile=configs/{config}.cfg{loss} --seed={training['seed']} --name=my_{name}",
        "",
        "| recipe | |",
        "|---|---|",
        *(f"| {key} | {_shown(training[key])} |" for key in RECIPE if _has_effect(key, training)),
        f"| natural data in training | {'yes' if training['uses_natural_data'] else 'none'} |",
        "",
        f"On {model['clips']} natural clips (music, speech, environment), each at or below "
        f"{model['bpp_target']:g} bits per pixel, {report['date'][:10]}, mean [95 % bootstrap interval over "
        f"clips]:",
        "",
        "| | |",
        "|---|---|",
        *(f"| {title} | {_interval(model['metrics'][metric])} |" for metric, title in METRICS.items()),
        f"| bits per pixel | {model['bpp']:.4f}, at most {model['bpp_max']:.4f} |",
        "",
        "Limits:",
        "",
        *(f"- {limit}" for limit in [*OWN_LIMITS.get(name, OWN_LIMITS["paper"]), *LIMITS]),
    ]
    return "\n".join(lines) + "\n"


def _has_effect(key: str, training: dict[str, Any]) -> bool:
    """Whether a setting has an effect."""
    if key in ("levels", "quantizer_s") and training["bottleneck"] != "levels":
        return False
    if key == "ms_ssim_scales" and "ms_ssim" not in training["loss"]:
        return False
    return training.get(key) not in (None, 0.0) or key == "seed"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _interval(score: dict[str, Any]) -> str:
    low, high = score["ci95"]
    digits = 5 if score["mean"] < 0.1 else 4
    return f"{score['mean']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


if __name__ == "__main__":
    main()
