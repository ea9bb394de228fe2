"""A tiny exported model, and a folder of clips with everything that can be wrong with one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.tiny_models import exported_once
from tfnoise.audio import FrontEnd
from tfnoise.data.clip_list import COLUMNS

RATE_HZ = 16000


@pytest.fixture(scope="session")
def tiny_model(run_folder) -> Path:
    """`EXPORT_DIR/tiny`, with the version 1."""
    return exported_once(run_folder, "tiny", front_end=FrontEnd(), bpp=0.5).parent


@pytest.fixture(scope="session")
def levels_model(run_folder) -> Path:
    return exported_once(run_folder, "tiny_levels", "levels", FrontEnd(), bpp=0.5).parent


def tone(duration_s: float, hz: float) -> np.ndarray:
    time_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(int(hz)).standard_normal(len(time_s))
    return (0.3 * np.sin(2 * np.pi * hz * time_s) + 0.01 * noise).astype(np.float32)


@pytest.fixture(scope="package")
def mixed_folder(tmp_path_factory) -> Path:
    """In PMQD's layout: three good clips, one too short for MS-SSIM-4, five that cannot be used."""
    folder = tmp_path_factory.mktemp("mixed")
    audio = folder / "audio"
    audio.mkdir()
    good = {
        "low.wav": (1.6, 220),
        "high $ 1.wav": (1.6, 880),
        "long.wav": (2.2, 440),
        "brief.wav": (1.0, 330),
    }
    for name, (duration_s, hz) in good.items():
        soundfile.write(audio / name, tone(duration_s, hz), RATE_HZ)
    broken = tone(1.0, 300)
    broken[100] = np.nan
    soundfile.write(audio / "nan.wav", broken, RATE_HZ, subtype="FLOAT")
    soundfile.write(audio / "two.wav", tone(1.0, 300)[:2], RATE_HZ)
    soundfile.write(audio / "silent.wav", np.zeros(RATE_HZ), RATE_HZ)
    (audio / "garbage.wav").write_bytes(b"RIFF this is no audio")
    names = [*good, "nan.wav", "two.wav", "silent.wav", "garbage.wav", "absent.wav"]
    genres = ["Jazz", "Rock", "Rock", "", *["Rock"] * 5]
    rows = [f"{i},{genre},,,original,0.0,,0,{name}" for i, (genre, name) in enumerate(zip(genres, names))]
    rows = [",".join(COLUMNS), *rows, "99,Rock,,,noise,1.0,,0,low.wav"]
    (folder / "pmqd.csv").write_text("\n".join(rows) + "\n")
    return folder
