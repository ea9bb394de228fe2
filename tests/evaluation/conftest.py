"""A tiny exported model, and a folder of clips with everything that can be wrong with one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from tfnoise.audio import FrontEnd
from tfnoise.autoencoder import Autoencoder
from tfnoise.data.clip_list import COLUMNS
from tfnoise.serving import export_model

RATE_HZ = 16000


@pytest.fixture(scope="package")
def tiny_autoencoder() -> Autoencoder:
    tf.keras.utils.set_random_seed(0)
    model = Autoencoder(filters=8)
    model(tf.zeros([1, 64, 64, 1]))
    return model


@pytest.fixture(scope="package")
def tiny_model(tiny_autoencoder, tmp_path_factory) -> Path:
    """`EXPORT_DIR/tiny`, with the version 1."""
    folder = tmp_path_factory.mktemp("export") / "tiny"
    export_model(tiny_autoencoder, FrontEnd(), folder, training={})
    return folder


@pytest.fixture(scope="package")
def levels_model(tmp_path_factory) -> Path:
    model = Autoencoder(filters=8, bottleneck="levels")
    model(tf.zeros([1, 64, 64, 1]))
    folder = tmp_path_factory.mktemp("export") / "levels"
    export_model(model, FrontEnd(), folder, training={})
    return folder


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
    genres = ["Jazz", "Rock", "Rock", ""]
    rows = [",".join(COLUMNS)]
    for number, name in enumerate(names):
        genre = genres[number] if number < len(genres) else "Rock"
        rows.append(f"{number},{genre},,,original,0.0,,0,{name}")
    rows.append("99,Rock,,,noise,1.0,,0,low.wav")
    (folder / "pmqd.csv").write_text("\n".join(rows) + "\n")
    return folder
