"""Makes mel_golden.npz: mel-spectrograms and filterbanks of librosa, which the front end must equal.

librosa is no dependency of tfnoise, so run this in an environment of its own:

    python -m venv /tmp/golden && /tmp/golden/bin/pip install librosa==0.11.0 "numpy<2"
    /tmp/golden/bin/python tests/golden/make_mel_golden.py

The file holds, to stay small, every few frames of each spectrogram and every few filters (the strides below),
and the maximum and the shape of the whole spectrogram.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("mel_golden.npz")
SECONDS = 1.0
#: Settings of the front end, by name.
SETTINGS = {
    "default": dict(sample_rate_hz=16000, n_fft=1024, hop=256, mels=128, power=2.0, centre=True),
    "fine": dict(
        sample_rate_hz=16050, n_fft=2048, hop=64, mels=512, power=1.0, centre=False, f_max_hz=8025.0
    ),
}
#: Every how many frames, and every how many filters, are kept.
STRIDES = {"default": (4, 16), "fine": (24, 64)}


def signal(sample_rate_hz: int) -> np.ndarray:
    """A chirp, a chord, clicks and noise: float32 `[samples]`, the same on every machine."""
    time_s = np.arange(round(SECONDS * sample_rate_hz)) / sample_rate_hz
    chirp = 0.4 * np.sin(2 * np.pi * (100 * time_s + 3500 * time_s**2))
    chord = sum(0.1 * np.sin(2 * np.pi * hz * time_s + hz) for hz in (220.0, 277.2, 329.6, 4321.0))
    clicks = 0.3 * (np.arange(len(time_s)) % 3001 == 17)
    noise = 0.01 * np.random.RandomState(0).uniform(-1, 1, len(time_s))
    return (chirp + chord + clicks + noise).astype(np.float32)


def main() -> None:
    """Writes the file."""
    import librosa

    arrays = {"librosa": np.array(librosa.__version__)}
    for name, settings in SETTINGS.items():
        frame_stride, filter_stride = STRIDES[name]
        rate = settings["sample_rate_hz"]
        mel = librosa.feature.melspectrogram(
            y=signal(rate),
            sr=rate,
            n_fft=settings["n_fft"],
            hop_length=settings["hop"],
            n_mels=settings["mels"],
            fmin=0.0,
            fmax=settings.get("f_max_hz"),
            power=settings["power"],
            center=settings["centre"],
            pad_mode="constant",
        )
        filters = librosa.filters.mel(
            sr=rate, n_fft=settings["n_fft"], n_mels=settings["mels"], fmin=0.0, fmax=settings.get("f_max_hz")
        )
        arrays[f"{name}_mel"] = mel[:, ::frame_stride].astype(np.float32)
        arrays[f"{name}_shape"] = np.array(mel.shape)
        arrays[f"{name}_max"] = np.array(mel.max())
        arrays[f"{name}_filters"] = filters[::filter_stride]
    np.savez_compressed(GOLDEN, **arrays)
    print(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
