"""The work of bin/resynthesize: sounds through a front end, a model or none, and back."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from tfnoise.audio import FrontEnd, read, resample, to_mono
from tfnoise.audio.resample import fitted
from tfnoise.cli.front_end_flags import front_end_from_flags
from tfnoise.cli.models import DEFAULT_MODEL, check_bpp, checked_settings
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.sound_files import FORMATS, targets, write_sound
from tfnoise.data import list_clips
from tfnoise.errors import InputError, UsageError

FLAGS = flags.FLAGS
_SCORED_S = 60
_PICTURED_FRAMES = 1024


def resynthesize_from_flags(arguments: Sequence[str]) -> int:
    """Resynthesises as the arguments and flags of bin/resynthesize say; returns the exit status."""
    check_bpp(FLAGS.bpp)
    if FLAGS.front_end_only and FLAGS.bpp is not None:
        raise UsageError("--bpp: with --front_end_only nothing is coded; leave one of them out")
    if FLAGS.front_end_only and FLAGS.model is not None:
        raise UsageError("--model: with --front_end_only there is none; leave one of them out")
    model = None if FLAGS.front_end_only else _load_model(FLAGS.model or DEFAULT_MODEL)
    front_end = front_end_from_flags(FLAGS) if model is None else model.front_end
    chosen = _targets(arguments, "front_end" if model is None else model.name)
    rows, problems = [], []
    with Progress(len(chosen), label="resynthesising", unit="file") as progress:
        for source, target in chosen.items():
            try:
                rows.append(_resynthesize(source, target, front_end, model, progress))
            except InputError as error:
                problems.append(str(error))
            progress.update(1)
    if not rows:
        raise InputError(problems[0] if len(problems) == 1 else f"no file could be used; {problems[0]}")
    _say(rows, problems)
    if json_requested():
        print_json({"files": rows, "left_out": problems, "front_end": front_end.to_dict()})
    return 0


def _load_model(path: str) -> Any:
    from tfnoise import codec

    if not Path(path).exists() and path == DEFAULT_MODEL:
        remedy = "train one with bin/train and name it with --model, or add --front_end_only"
        raise InputError(f"{path}: there is no such model here; {remedy}")
    own = checked_settings(path, FLAGS.bpp)["front_end"]
    for field in dataclasses.fields(FrontEnd):
        flag = FLAGS[field.name]
        if not flag.using_default_value and flag.value != own[field.name]:
            raise UsageError(
                f"--{field.name}={flag.value}: {path} was made with {own[field.name]}; leave the flag out"
            )
    return codec.load(path)


def _targets(arguments: Sequence[str], suffix: str) -> dict[str, Path]:
    """Where the sound of each input goes; neither it nor its picture must be there."""
    replace = None if FLAGS.overwrite else "--overwrite"
    found = targets(
        arguments,
        FLAGS.output,
        lambda argument: [clip.path for clip in list_clips(argument, "all")],
        lambda source: f"{Path(source).stem}.{suffix}.wav",
        tuple(FORMATS),
        replace,
    )
    for picture in map(_picture_path, found.values()):
        if FLAGS.picture and picture.exists() and replace:
            raise InputError(f"{picture}: exists; name another output or add {replace}")
    return found


def _resynthesize(
    source: str, target: Path, front_end: FrontEnd, model: Any, progress: Progress
) -> dict[str, Any]:
    from tfnoise.audio import recording_to_image, waveform_chunks
    from tfnoise.codec.blocks import code_in_blocks

    begin_s = time.monotonic()
    samples, rate_hz = read(source)
    original = resample(to_mono(samples), rate_hz, front_end.sample_rate_hz)
    if front_end.frames(len(original)) == 0:
        least_s = front_end.samples(1) / front_end.sample_rate_hz
        raise InputError(f"{source}: is too short for this front end; use {least_s:.3f} s or more")
    image, reference_db = recording_to_image(original, front_end)
    duration_s = len(samples) / rate_hz
    row: dict[str, Any] = {"path": source, "output": str(target), "duration_s": duration_s}
    row.update(channels=samples.shape[1], sample_rate_hz=rate_hz)
    shown, title = image, "front end alone"
    if model is not None:
        target_bpp = model.bpp if FLAGS.bpp is None else FLAGS.bpp
        coded = code_in_blocks(model.module, image, target_bpp)
        row["bpp_target"] = target_bpp
        shown, title = coded.reconstruction, model.name
        row.update(model=model.name, bpp=coded.bpp)
        row["image_mse"] = float(np.mean(np.square(shown - image)))

    def synthesised(image: np.ndarray) -> np.ndarray:
        pieces, done = [], 0
        for piece in waveform_chunks(image, reference_db, front_end, FLAGS.iterations, len(original)):
            pieces.append(piece)
            done += len(piece)
            progress.update(0, file=Path(source).name, done=f"{100 * done // len(original)} %")
        return np.concatenate(pieces)

    sound = synthesised(shown)
    row.update(_scores(original, sound, front_end))
    if FLAGS.picture:
        sounds = {} if model is None else {"front end alone": synthesised(image)}
        sounds[title] = sound
        row["picture"] = str(_picture(source, target, original, sounds, front_end))
    written = fitted(resample(sound, front_end.sample_rate_hz, rate_hz), len(samples))
    row["turned_down_db"] = write_sound(target, written, rate_hz)
    row["seconds"] = time.monotonic() - begin_s
    return row


def _picture_path(target: Path) -> Path:
    return target.with_suffix(".png")


def _picture(
    source: str, target: Path, original: np.ndarray, sounds: dict[str, np.ndarray], front_end: FrontEnd
) -> Path:
    """Draws spectrograms of the original and of each sound, as far as a picture has room."""
    from tfnoise.audio import mel_spectrogram, mel_to_image, reference_db
    from tfnoise.evaluation import Panel, clip_figure, save_figure

    length = front_end.samples(_PICTURED_FRAMES)
    begin = original[:length]
    mel = mel_spectrogram(begin, front_end)
    level = reference_db(mel, front_end)
    panels = [Panel(mel_to_image(mel, level, front_end).numpy(), front_end, "original")]
    for title, sound in sounds.items():
        image = mel_to_image(mel_spectrogram(sound[:length], front_end), level, front_end)
        found = _scores(begin, sound[:length], front_end)
        details = (
            f"{found['log_spectral_distance_db']:.1f} dB   "
            f"convergence {found['spectral_convergence']:.2f}   mel MSE {found['mel_mse']:.4f}"
        )
        panels.append(Panel(image.numpy(), front_end, title, details))
    target.parent.mkdir(parents=True, exist_ok=True)
    return save_figure(clip_figure(panels, f"{Path(source).name}, as sound"), _picture_path(target))


def _scores(original: np.ndarray, sound: np.ndarray, front_end: FrontEnd) -> dict[str, float]:
    """Scores of the sound, of long ones the mean over minutes."""
    from tfnoise.evaluation import sound_scores

    length = _SCORED_S * front_end.sample_rate_hz
    # A rest too short to be judged by itself is left out, unless it is all there is.
    ends = range(0, max(1, len(original) - length // 2), length)
    found = [sound_scores(original[a : a + length], sound[a : a + length], front_end) for a in ends]
    return {name: float(np.mean([each[name] for each in found])) for name in found[0]}


def _say(rows: list[dict[str, Any]], problems: list[str]) -> None:
    header = ["file", "s", "bpp", "MSE", "log-spectral distance, dB", "spectral convergence", "mel MSE"]
    cells = [
        [
            Path(row["path"]).name,
            f"{row['duration_s']:.1f}",
            f"{row['bpp']:.3f}" if "bpp" in row else None,
            f"{row['image_mse']:.5f}" if "bpp" in row else None,
            f"{row['log_spectral_distance_db']:.2f}",
            f"{row['spectral_convergence']:.3f}",
            f"{row['mel_mse']:.5f}",
        ]
        for row in rows
    ]
    say(table(cells, header, "lrrrrrr"))
    say("MSE: of the model's image; the last three: of the sound, against the original's one channel.")
    if any(row["channels"] > 1 for row in rows):
        say("Several channels were averaged to one.")
    for row in rows:
        if row.get("bpp", 0.0) > row.get("bpp_target", 0.0) * (1 + 1e-6):
            say(
                f"{row['path']}: {row['bpp']:.3f} bpp, above {row['bpp_target']:g} even at the coarsest step."
            )
        if row["turned_down_db"] > 0:
            say(f"{row['output']}: turned down by {row['turned_down_db']:.1f} dB, so that it does not clip.")
    for problem in problems:
        say(f"left out: {problem}")
    for row in rows:
        say(f"wrote {row['output']}" + (f" and {row['picture']}" if "picture" in row else ""))
