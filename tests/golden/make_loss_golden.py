"""Makes loss_golden.json: MS-SSIM, SSIM and NLPD of a few image pairs by independent implementations.

These are written in torch, which is no dependency of tfnoise, so run this in an environment of its own:

    python3.11 -m venv /tmp/golden
    /tmp/golden/bin/pip install torch==2.14.1 plenoptic==2.1.1 piq==0.8.0 pytorch-msssim==1.0.0
    /tmp/golden/bin/python tests/golden/make_loss_golden.py

All values are computed in float64, from the same float32 images.  Where tfnoise's differ on purpose:

- "odd" sides.  Before halving an odd side tfnoise repeats its last pixel, as TensorFlow does.  piq repeats
  the first one, and on both axes where one is odd; pytorch-msssim surrounds the image with zeros.  On even
  sides all agree.
- plenoptic's NLPD has the parameters of the same publication in another pyramid: the binomial low-pass filter
  [1 4 6 4 1] / 16, borders mirrored, enlargement by inserting zeros, and one more weight at the finest scale,
  .0072 for the pixel two to the right.  tests/losses/numpy_twins.py can express both pyramids.
"""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("loss_golden.json")
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
#: Height and width of the pairs, by name; every side of "odd" is odd at some scale.
PAIRS = {
    "noise": (176, 192),
    "noisy": (176, 192),
    "blurred": (192, 176),
    "bright": (176, 176),
    "odd": (183, 190),
}


def spectrogram(height: int, width: int) -> np.ndarray:
    """Harmonics that glide and fade, over a floor: an image in [0, 1] that looks like a spectrogram."""
    row, column = np.mgrid[:height, :width].astype(np.float64)
    image = 0.15 + 0.1 * np.cos(row / 37) * np.cos(column / 23)
    for harmonic in range(1, 8):
        centre = harmonic * (12 + 4 * np.sin(column / 19))
        fading = np.exp(-(column % 48) / 30) / harmonic**0.5
        image += 0.6 * fading * np.exp(-(((row - centre) / 1.7) ** 2))
    return np.clip(image, 0, 1)


def pair(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The two images `[height, width]` of a name, float32, the same on every machine."""
    height, width = PAIRS[name]
    random = np.random.RandomState(sum(map(ord, name)))
    a = spectrogram(height, width)
    if name == "noise":
        a = random.uniform(size=(height, width))
        b = 0.7 * a + 0.3 * random.uniform(size=(height, width))
    elif name == "blurred":
        b = sum(np.roll(a, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-2, 0, 2)) / 9
    elif name == "bright":
        a = 0.97 + 0.02 * a
        b = a - 0.01 + 0.004 * random.uniform(size=(height, width))
    else:
        b = np.clip(a + 0.1 * random.standard_normal((height, width)), 0, 1)
    return a.astype(np.float32), b.astype(np.float32)


def main() -> None:
    """Writes the file."""
    import piq
    import plenoptic
    import pytorch_msssim
    import torch

    values = {}
    for name in PAIRS:
        a, b = (torch.tensor(image, dtype=torch.float64)[None, None] for image in pair(name))
        values[name] = {
            "piq_ssim": piq.ssim(a, b, downsample=False),
            "pytorch_msssim_ssim": pytorch_msssim.ssim(a, b, data_range=1.0),
            "plenoptic_nlpd": plenoptic.metric.nlpd(a, b),
        }
        for scales in (3, 5):
            weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
            values[name][f"piq_ms_ssim_{scales}"] = piq.multi_scale_ssim(
                a, b, scale_weights=torch.tensor(weights)
            )
            values[name][f"pytorch_msssim_ms_ssim_{scales}"] = pytorch_msssim.ms_ssim(
                a, b, data_range=1.0, weights=list(weights)
            )
    packages = ("torch", "plenoptic", "piq", "pytorch-msssim")
    golden = {
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "values": {
            name: {key: float(value) for key, value in sorted(row.items())} for name, row in values.items()
        },
    }
    GOLDEN.write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")
    print(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
