"""The front end both ways against librosa: speed in turns, and quality, on the same clips."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.librosa_process import LibrosaProcess
from benchmarks.measuring import compare, range_text
from tfnoise.audio import (
    FrontEnd,
    griffin_lim,
    image_to_mel,
    image_to_waveform,
    magnitude_spectrogram,
    mel_filterbank,
    mel_spectrogram,
    mel_to_image,
    mel_to_magnitude,
    read,
    reference_db,
    resample,
    to_mono,
    waveform_to_image,
)
from tfnoise.audio.phase import ITERATIONS
from tfnoise.cli.output import say, table
from tfnoise.cli.progress import Progress
from tfnoise.data import list_clips, synthetic_clips
from tfnoise.errors import InputError
from tfnoise.evaluation import evenly_spaced_indices, log_spectral_distance_db, mel_mse, spectral_convergence
from tfnoise.evaluation.sounds import convergence, level_distance_db

_BATCH = 16
_TITLES = {"mel": "mel", "mel_inverse": "mel inverse", "griffin_lim": "phase, 32 iterations"}
RATES_HZ = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
# So many calls are a turn: of a short one alone, waking a processor that idled takes a good part.
_REPEATS = {"mel": 50, "mel_inverse": 1, "griffin_lim": 1}
SPEED_CALLS = tuple(_REPEATS)
FAST_GRIFFIN_LIM = {"start": "random", "momentum": 0.99, "relaxation": 1.0}
"""The settings of fast Griffin-Lim as published, which librosa's is, too."""


def report(data: str | None, clips: int | None, rounds: int, librosa_python: str) -> dict[str, Any]:
    """Measures the front end against librosa, and prints tables.

    Args:
      data: folder of audio; None: synthesised clips.
      clips: number of clips in a batch; None: 16.
      rounds: timings of each, in turns.
      librosa_python: interpreter that has librosa.
    """
    front_end = FrontEnd()
    waveforms, rate_hz = _waveforms(data, clips or _BATCH)
    batch = np.stack([resample(clip, rate_hz, front_end.sample_rate_hz) for clip in waveforms])
    steps = 2 * len(SPEED_CALLS) * rounds + len(RATES_HZ) + 3
    with LibrosaProcess(librosa_python) as librosa:
        with Progress(steps, label="measuring", unit="round") as progress:
            tables = {
                "speed": speed(batch, front_end, librosa, rounds, progress.update),
                "equality": equality(waveforms, rate_hz, librosa, progress.update),
            }
            for what in (magnitudes, phases, round_trip):
                tables[what.__name__] = what(batch, front_end, librosa)
                progress.update()
        versions = librosa.versions
    duration_s = batch.shape[1] / front_end.sample_rate_hz
    say(f"{len(batch)} clips of {duration_s:.2f} s at 16 kHz; librosa {versions['librosa']}.\n")
    _say_tables(tables)
    return {
        "clips": len(batch),
        "samples": batch.shape[1],
        "data": data,
        "versions": versions,
        **tables,
    }


def _waveforms(data: str | None, count: int) -> tuple[np.ndarray, int]:
    """Clips of one length `[clips, samples]`, mono, and their sample rate in Hz."""
    if data is None:
        waveforms = [clip[2] for clip in synthetic_clips(48_000, seed=0)]
        return np.stack([np.asarray(waveforms[n % len(waveforms)], np.float32) for n in range(count)]), 48_000
    clips = list_clips(data)
    sounds = [read(clips[place].path) for place in evenly_spaced_indices(len(clips), count)]
    rates = {rate for _, rate in sounds}
    if len(rates) > 1:
        raise InputError(f"{data}: its clips have several sample rates; name a folder with one")
    length = min(len(samples) for samples, _ in sounds)
    return np.stack([to_mono(samples[:length]) for samples, _ in sounds]), rates.pop()


def _say_tables(tables: dict[str, list[dict[str, Any]]]) -> None:
    rows = [
        [
            _TITLES[row["what"]],
            row["librosa"],
            f"{row['speedup']:.2f} x",
            range_text(row["speedup_range"]),
            f"{1e3 * row['seconds']:.1f}",
            f"{1e3 * row['baseline_seconds']:.1f}",
        ]
        for row in tables["speed"]
    ]
    say("Speed of ours in one batch, medians:\n")
    say(table(rows, ["what", "librosa in", "speed-up", "range", "ms", "ms of librosa"], "llrrrr"))
    say("\nLargest differences from librosa's mel-spectrogram, relative to the clip's maximum, and image:\n")
    rows = [[row["sample_rate_hz"], f"{row['mel']:.1e}", f"{row['image']:.1e}"] for row in tables["equality"]]
    say(table(rows, ["Hz", "mel", "image"], "rrr"))
    titles = {
        "magnitudes": "From the image to magnitudes, without a phase:",
        "phases": "From true magnitudes to sound:",
        "round_trip": "From the image to sound:",
    }
    for name, title in titles.items():
        header = list(tables[name][0])
        say(f"\n{title}\n")
        rows = [[_cell(row[key]) for key in header] for row in tables[name]]
        say(table(rows, [key.replace("_", " ") for key in header], "l" + "r" * (len(header) - 1)))


def _cell(value: Any) -> str:
    return f"{value:.5f}" if isinstance(value, float) else str(value)


def speed(
    waveforms: np.ndarray,
    front_end: FrontEnd,
    librosa: LibrosaProcess,
    rounds: int,
    on_round: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """Our functions in one batch against librosa's, in one batch and clip by clip: a row each.

    Args:
      waveforms: float32 `[clips, samples]` at the front end's rate.
      front_end: the front end of both.
      librosa: the process to compare with.
      rounds: timings of each, in turns.
      on_round: called after each round.

    Returns:
      Rows with `what`, `librosa` ("one batch" or "clip by clip"), `speedup` (the median over rounds),
      `speedup_range`, `seconds`, `baseline_seconds`, `rounds`.
    """
    samples = waveforms.shape[1]
    inputs = {
        "mel": waveforms,
        "mel_inverse": mel_spectrogram(waveforms, front_end).numpy(),
        "griffin_lim": magnitude_spectrogram(waveforms, front_end).numpy(),
    }
    ours = {
        "mel": lambda x: mel_spectrogram(x, front_end),
        "mel_inverse": lambda x: mel_to_magnitude(x, front_end),
        "griffin_lim": lambda x: griffin_lim(x, front_end, ITERATIONS, samples),
    }
    rows = []
    for what in SPEED_CALLS:
        librosa.load(what, inputs[what])
        settings = _settings(what, front_end, samples)
        # With an input that is no constant, or there would be nothing left to do.
        compiled, data = tf.function(ours[what]), tf.constant(inputs[what])
        for one_by_one in (False, True):

            def librosa_run(what: str = what, one: bool = one_by_one, settings: dict = settings) -> float:
                return librosa.seconds(what, what, one, _REPEATS[what], **settings)

            def our_run(what: str = what, compiled: Callable = compiled, data: tf.Tensor = data) -> None:
                for _ in range(_REPEATS[what]):
                    compiled(data).numpy()

            comparison = compare(our_run, librosa_run, rounds, on_round, baseline_returns_seconds=True)
            row = dataclasses.asdict(comparison)
            for key in ("seconds", "baseline_seconds"):
                row[key] /= _REPEATS[what]
            rows.append({"what": what, "librosa": "clip by clip" if one_by_one else "one batch", **row})
    return rows


def _settings(what: str, front_end: FrontEnd, samples: int) -> dict[str, Any]:
    """librosa's names for the settings that one of its functions takes."""
    shared = {"n_fft": front_end.n_fft}
    if what == "griffin_lim":
        return {**shared, "hop_length": front_end.hop, "n_iter": ITERATIONS, "length": samples}
    shared.update(sr=front_end.sample_rate_hz, power=front_end.power)
    if what == "mel":
        limits = {"fmin": front_end.f_min_hz, "fmax": front_end.upper_hz}
        return {**shared, "hop_length": front_end.hop, "n_mels": front_end.mels, **limits}
    if what == "mel_to_audio":
        return {**shared, "hop_length": front_end.hop, "n_iter": ITERATIONS, "length": samples}
    return shared


def equality(
    waveforms: np.ndarray, rate_hz: int, librosa: LibrosaProcess, on_round: Callable[[], object]
) -> list[dict[str, Any]]:
    """How far our mel-spectrograms and images are from librosa's, at several sample rates.

    Returns:
      Rows with `sample_rate_hz`, `mel` (the largest difference, relative to the clip's maximum), `image`.
    """
    rows = []
    for to_hz in RATES_HZ:
        front_end = FrontEnd(sample_rate_hz=to_hz)
        clips = np.stack([resample(clip, rate_hz, to_hz) for clip in waveforms])
        librosa.load("mel", clips)
        reference = librosa.result("mel", "mel", **_settings("mel", front_end, 0))
        ours = mel_spectrogram(clips, front_end)
        peak = reference.max(axis=(1, 2), keepdims=True)
        images = [
            mel_to_image(mel, reference_db(reference, front_end), front_end) for mel in (ours, reference)
        ]
        rows.append(
            {
                "sample_rate_hz": to_hz,
                "mel": float(np.max(np.abs(ours - reference) / peak)),
                "image": float(np.max(np.abs(images[0] - images[1]))),
            }
        )
        on_round()
    return rows


def magnitudes(waveforms: np.ndarray, front_end: FrontEnd, librosa: LibrosaProcess) -> list[dict[str, Any]]:
    """Ways from an image's mel-spectrogram to magnitudes, against the true ones: means over clips.

    Returns:
      Rows with `method`, `spectral_convergence`, `log_spectral_distance_db` and `mel_mse`, of the magnitudes
      themselves, without any phase.
    """
    true = magnitude_spectrogram(waveforms, front_end).numpy()
    image, reference = waveform_to_image(waveforms, front_end)
    mel = image_to_mel(image, reference, front_end).numpy()
    librosa.load("mel", mel)
    inverse = np.linalg.pinv(mel_filterbank(front_end).astype(np.float64))
    clipped = np.maximum(inverse @ mel, 0) ** (1 / front_end.power)
    by_method = {
        "pseudo-inverse, clipped": clipped.astype(np.float32),
        "librosa (non-negative least squares)": librosa.result(
            "mel_inverse", "mel", **_settings("mel_inverse", front_end, 0)
        ),
        "ours": mel_to_magnitude(mel, front_end).numpy(),
    }
    rows = []
    for method, magnitude in by_method.items():
        mel_again = mel_filterbank(front_end) @ magnitude**front_end.power
        difference = mel_to_image(mel_again, reference, front_end) - image
        rows.append(
            {
                "method": method,
                "spectral_convergence": _mean(convergence(true, magnitude)),
                "log_spectral_distance_db": _mean(level_distance_db(true, magnitude)),
                "mel_mse": float(np.mean(np.square(difference))),
            }
        )
    return rows


def phases(waveforms: np.ndarray, front_end: FrontEnd, librosa: LibrosaProcess) -> list[dict[str, Any]]:
    """Phase reconstruction from the true magnitudes at equal iterations: a row a method, means over clips.

    Returns:
      Rows with `method`, `iterations`, `spectral_convergence`.
    """
    samples = waveforms.shape[1]
    magnitude = magnitude_spectrogram(waveforms, front_end)
    librosa.load("magnitude", magnitude.numpy())
    settings = _settings("griffin_lim", front_end, samples)
    sounds = {
        ("librosa, fast Griffin-Lim", ITERATIONS): librosa.result("griffin_lim", "magnitude", **settings)
    }
    seeds = list(range(len(waveforms)))
    ways: Sequence[tuple[str, dict[str, Any]]] = (
        ("fast Griffin-Lim, random start", FAST_GRIFFIN_LIM),
        ("fast Griffin-Lim, gradient start", {**FAST_GRIFFIN_LIM, "start": "gradient"}),
        ("accelerated, random start", {"start": "random"}),
        ("accelerated, gradient start (ours)", {}),
    )
    for iterations in (ITERATIONS // 4, ITERATIONS // 2, ITERATIONS):
        for method, options in ways:
            sound = griffin_lim(magnitude, front_end, iterations, samples, seeds=seeds, **options)
            sounds[(method, iterations)] = sound.numpy()
    return [
        {
            "method": method,
            "iterations": iterations,
            "spectral_convergence": _mean(spectral_convergence(waveforms, sound, front_end)),
        }
        for (method, iterations), sound in sounds.items()
    ]


def round_trip(waveforms: np.ndarray, front_end: FrontEnd, librosa: LibrosaProcess) -> list[dict[str, Any]]:
    """Image to waveform to image at equal iterations: ours and librosa's `mel_to_audio`, means over clips.

    Returns:
      Rows with `method`, `mel_mse`, `mel_mse_largest` (of a clip), `spectral_convergence`,
      `log_spectral_distance_db`.
    """
    samples = waveforms.shape[1]
    image, reference = waveform_to_image(waveforms, front_end)
    librosa.load("mel", image_to_mel(image, reference, front_end).numpy())
    settings = _settings("mel_to_audio", front_end, samples)
    sounds = {
        "librosa": librosa.result("mel_to_audio", "mel", **settings),
        "ours": image_to_waveform(image, reference, front_end, ITERATIONS, samples).numpy(),
    }
    rows = []
    for method, sound in sounds.items():
        errors = mel_mse(waveforms, sound, front_end).numpy()
        rows.append(
            {
                "method": method,
                "mel_mse": _mean(errors),
                "mel_mse_largest": float(errors.max()),
                "spectral_convergence": _mean(spectral_convergence(waveforms, sound, front_end)),
                "log_spectral_distance_db": _mean(log_spectral_distance_db(waveforms, sound, front_end)),
            }
        )
    return rows


def _mean(values: Any) -> float:
    return statistics.fmean(np.asarray(values, np.float64).tolist())
