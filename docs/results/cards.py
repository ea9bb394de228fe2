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
    "best": "The model that the tools take by default: one model for any rate, of files and of a server.",
    "paper_mse": "The paper's setting, trained with MSE: what the perceptual losses are compared with.",
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
    "It codes mel-spectrograms of one channel, at 16 kHz; what is above 8 kHz is gone, and so is the phase, "
    "which is made anew. Nobody has judged it by ear.",
    "Codecs made for pictures code these images at the same rate too: README.md has the comparison.",
    "Encoding depends on the machine's floating point in the last place; decoding of symbols does not.",
]
OWN_LIMITS = {
    "best": [
        "No natural signal was in its training. But its noise was designed by people who know natural "
        "signals, and its recipe was chosen with every second clip of a natural set in view "
        "(docs/research.md).",
    ],
    "paper": [
        "It is there to be compared, not to be used: `best` loses far less of natural audio at its rate.",
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
      name: of the model.
      model: its part of the report.
      report: of bin/evaluate --json.
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
        *(f"| {key} | {_shown(training[key])} |" for key in RECIPE if _tells(key, training)),
        f"| natural data in training | {'yes' if training['uses_natural_data'] else 'none'} |",
        "",
        f"On {model['clips']} natural clips (music, speech, environment), each at or under "
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


def _tells(key: str, training: dict[str, Any]) -> bool:
    """Whether a setting had an effect."""
    if key in ("levels", "quantizer_s") and training["bottleneck"] != "levels":
        return False
    if key == "ms_ssim_scales" and "ms_ssim" not in training["loss"]:
        return False
    return training.get(key) not in (None, 0.0) or key == "seed"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _interval(found: dict[str, Any]) -> str:
    low, high = found["ci95"]
    digits = 5 if found["mean"] < 0.1 else 4
    return f"{found['mean']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


if __name__ == "__main__":
    main()
