"""Hear the effect of an autoencoder on a sound: to a spectrogram, through the model, and back to audio.

IN is one audio file or more, or folders of them. The channels are averaged; the output has the input's sample
rate and length. Without -o it is written beside the input, as STEM.MODEL.wav. --front_end_only uses no model:
it shows the cost of the spectrogram and its estimated phase alone. The scores of a sound longer than a minute
are means over its minutes.

Example:
    bin/resynthesize song.flac -o coded.wav --model=saved_models/nlpd
    bin/resynthesize song.flac -o plain.wav --front_end_only
    bin/resynthesize FOLDER -o sounds --model=saved_models/nlpd --bpp=0.25 --picture
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tfnoise
from tfnoise.cli.output import print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.shared_flags import (
    DEFAULT_MODEL,
    check_bpp,
    checked_settings,
    define_front_end,
    front_end_from_flags,
)
from tfnoise.cli.sound_files import FORMATS, targets, write_sound
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from tfnoise.audio import FrontEnd

POSITIONAL = "IN..."
_SCORED_S = 60
_PICTURED_FRAMES = 1024


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/resynthesize."""
    output = "File to write (.wav or .flac), or a folder. (default: beside IN)"
    define.string("output", None, output, short_name="o")
    define.string("model", None, "Model's NAME or NAME/VERSION. (default: saved_models/best)")
    define.float("bpp", None, "Rate that no file may exceed, bits per pixel. (default: the model's own)")
    define.boolean("front_end_only", False, "Use no model.")
    define.integer("iterations", 32, "Iterations of the phase estimate.", lower_bound=0, upper_bound=10_000)
    define.boolean("picture", False, "Also write a picture: spectrograms of original and result.")
    define.boolean("overwrite", False, "Replace files that are there.")
    define_front_end(define, "With --front_end_only")


def main(arguments: list[str], values: FlagValues) -> None:
    """Resynthesises, and shows the scores of the sounds."""
    check_bpp(values.bpp)
    if values.front_end_only and values.bpp is not None:
        raise UsageError("--bpp: with --front_end_only nothing is coded; omit one of them")
    if values.front_end_only and values.model is not None:
        raise UsageError("--model: with --front_end_only there is none; omit one of them")
    if values.front_end_only:
        model, front_end, suffix = None, front_end_from_flags(values), "front_end"
    else:
        model = _load_model(values.model or DEFAULT_MODEL, values)
        front_end, suffix = model.front_end, model.name
    paths = _targets(arguments, suffix, values.output, values.picture, values.overwrite)
    rows, problems = [], []
    with Progress(len(paths), label="resynthesising", unit="file") as progress:
        resynthesis = _Resynthesis(front_end, model, values.bpp, values.iterations, values.picture, progress)
        for source, target in paths.items():
            try:
                rows.append(resynthesis.run(source, target))
            except InputError as error:
                problems.append(str(error))
            progress.update(1)
    if not rows:
        raise InputError(problems[0] if len(problems) == 1 else f"no file could be used; {problems[0]}")
    _say(rows, problems)
    print_json({"files": rows, "left_out": problems, "front_end": front_end.to_dict()})


def _load_model(path: str, values: FlagValues) -> Any:
    if not Path(path).exists() and path == DEFAULT_MODEL:
        remedy = "train one with bin/train and name it with --model, or add --front_end_only"
        raise InputError(f"{path}: there is no such model here; {remedy}")
    for name, setting in checked_settings(path, values.bpp)["front_end"].items():
        if not values[name].using_default_value and values[name].value != setting:
            raise UsageError(f"--{name}={values[name].value}: {path} was made with {setting}; omit the flag")
    return tfnoise.codec.load(path)


def _targets(
    arguments: list[str], suffix: str, output: str | None, picture: bool, overwrite: bool
) -> dict[str, Path]:
    """Where the sound of each input goes; neither it nor its picture may exist, unless overwritten."""
    from tfnoise.data import list_clips

    replace = None if overwrite else "--overwrite"
    paths = targets(
        arguments,
        output,
        lambda argument: [clip.path for clip in list_clips(argument, "all")],
        lambda source: f"{Path(source).stem}.{suffix}.wav",
        tuple(FORMATS),
        replace,
    )
    for path in paths.values():
        if picture and replace and path.with_suffix(".png").exists():
            raise InputError(f"{path.with_suffix('.png')}: exists; name another output or add {replace}")
    return paths


@dataclasses.dataclass(frozen=True)
class _Resynthesis:
    """Resynthesises files through a front end and, unless it is None, a model."""

    front_end: FrontEnd
    model: Any
    bpp: float | None
    iterations: int
    picture: bool
    progress: Progress

    def run(self, source: str, target: Path) -> dict[str, Any]:
        """Writes one file's sound, and picture; returns its entry of the report."""
        import numpy as np

        from tfnoise.audio import read, recording_to_image, resample, to_mono, waveform_chunks
        from tfnoise.audio.resample import fitted
        from tfnoise.codec.blocks import code_in_blocks

        begin_s = time.monotonic()
        front_end, model = self.front_end, self.model
        samples, rate_hz = read(source)
        original = resample(to_mono(samples), rate_hz, front_end.sample_rate_hz)
        if front_end.frames(len(original)) == 0:
            least_s = front_end.samples(1) / front_end.sample_rate_hz
            raise InputError(f"{source}: is too short for this front end; use {least_s:.3f} s or more")
        image, reference_db = recording_to_image(original, front_end)
        row: dict[str, Any] = {"path": source, "output": str(target), "duration_s": len(samples) / rate_hz}
        row.update(channels=samples.shape[1], sample_rate_hz=rate_hz)

        def synthesise(image: np.ndarray) -> np.ndarray:
            pieces, done, length = [], 0, len(original)
            for piece in waveform_chunks(image, reference_db, front_end, self.iterations, length):
                pieces.append(piece)
                done += len(piece)
                self.progress.update(0, file=Path(source).name, done=f"{100 * done // length} %")
            return np.concatenate(pieces)

        sounds = {}
        if model is None or self.picture:
            sounds["front end alone"] = synthesise(image)
        if model is not None:
            row["bpp_target"] = model.bpp if self.bpp is None else self.bpp
            coded = code_in_blocks(model.module, image, row["bpp_target"])
            row.update(model=model.name, bpp=coded.bpp)
            row["image_mse"] = float(np.mean(np.square(coded.reconstruction - image)))
            sounds[model.name] = synthesise(coded.reconstruction)
        sound = list(sounds.values())[-1]
        row.update(_scores(original, sound, front_end))
        if self.picture:
            title = f"{Path(source).name}, as sound"
            row["picture"] = str(_draw(target.with_suffix(".png"), title, original, sounds, front_end))
        written = fitted(resample(sound, front_end.sample_rate_hz, rate_hz), len(samples))
        row["turned_down_db"] = write_sound(target, written, rate_hz)
        row["seconds"] = time.monotonic() - begin_s
        return row


def _draw(
    path: Path, title: str, original: np.ndarray, sounds: dict[str, np.ndarray], front_end: FrontEnd
) -> Path:
    """Draws spectrograms of the original and of each sound, as far as a picture has room."""
    from tfnoise.audio import mel_spectrogram, mel_to_image, reference_db
    from tfnoise.evaluation import Panel, clip_figure, save_figure

    length = front_end.samples(_PICTURED_FRAMES)
    begin = original[:length]
    mel = mel_spectrogram(begin, front_end)
    level = reference_db(mel, front_end)
    panels = [Panel(mel_to_image(mel, level, front_end).numpy(), front_end, "original")]
    for name, sound in sounds.items():
        image = mel_to_image(mel_spectrogram(sound[:length], front_end), level, front_end)
        scores = _scores(begin, sound[:length], front_end)
        details = (
            f"{scores['log_spectral_distance_db']:.1f} dB   "
            f"convergence {scores['spectral_convergence']:.2f}   mel MSE {scores['mel_mse']:.4f}"
        )
        panels.append(Panel(image.numpy(), front_end, name, details))
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_figure(clip_figure(panels, title), path)


def _scores(original: np.ndarray, sound: np.ndarray, front_end: FrontEnd) -> dict[str, float]:
    """Scores of the sound, of long ones the mean over minutes."""
    import numpy as np

    from tfnoise.evaluation import sound_scores

    length = _SCORED_S * front_end.sample_rate_hz
    # A rest too short to be judged by itself is skipped, unless it is all there is.
    starts = range(0, max(1, len(original) - length // 2), length)
    scores = [
        sound_scores(original[start : start + length], sound[start : start + length], front_end)
        for start in starts
    ]
    return {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}


def _say(rows: list[dict[str, Any]], problems: list[str]) -> None:
    header = ["file", "s", "bpp", "MSE", "log-spectral distance, dB", "spectral convergence", "mel MSE"]
    cells = []
    for row in rows:
        coded = [f"{row['bpp']:.3f}", f"{row['image_mse']:.5f}"] if "bpp" in row else [None, None]
        sound = [f"{row['log_spectral_distance_db']:.2f}", f"{row['spectral_convergence']:.3f}"]
        name, duration = Path(row["path"]).name, f"{row['duration_s']:.1f}"
        cells.append([name, duration, *coded, *sound, f"{row['mel_mse']:.5f}"])
    say(table(cells, header, "lrrrrrr"))
    say("MSE: of the model's image; the last three: of the sound, against the original's one channel.")
    if any(row["channels"] > 1 for row in rows):
        say("Several channels were averaged to one.")
    for row in rows:
        if row.get("bpp", 0.0) > row.get("bpp_target", 0.0) * (1 + 1e-6):
            above = f"above {row['bpp_target']:g} even at the coarsest step."
            say(f"{row['path']}: {row['bpp']:.3f} bpp, {above}")
        if row["turned_down_db"] > 0:
            say(f"{row['output']}: turned down by {row['turned_down_db']:.1f} dB, so that it does not clip.")
    for problem in problems:
        say(f"skipped: {problem}")
    for row in rows:
        say(f"wrote {row['output']}" + (f" and {row['picture']}" if "picture" in row else ""))
