"""Flags that several verbs share, and checks of their values."""

from __future__ import annotations

import dataclasses
import itertools
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError

if TYPE_CHECKING:
    from tfnoise.audio import FrontEnd

EXPORT_DIR = "saved_models"
DEFAULT_MODEL = f"{EXPORT_DIR}/best"
SHIPPED_MODELS = ("best", "paper_mse", "paper_ms_ssim", "paper_nlpd")
"""Names that always mean the models that come with tfnoise."""


def define_front_end(define: FlagDefiner, subject: str = "Front end") -> None:
    """Defines the flags of the front end; `subject` begins the first one's help."""
    define.integer("sample_rate_hz", 16000, f"{subject}: sample rate of the audio, Hz.")
    define.integer("n_fft", 1024, "Front end: samples of a frame.")
    define.integer("hop", 256, "Front end: samples from frame to frame.")
    define.integer("mels", 128, "Front end: mel bands, the height of an image; a multiple of 16.")
    define.float("f_min_hz", 0.0, "Front end: lowest frequency, Hz.")
    define.float("f_max_hz", None, "Front end: highest frequency, Hz. (default: half the sample rate)")
    define.float("power", 2.0, "Front end: exponent of the magnitudes, 1 or 2.")
    define.float("top_db", 80.0, "Front end: decibels below the clip's peak that an image spans.")
    define.boolean("centre", True, "Front end: frames centred on their time, the ends padded with zeros.")


def front_end_from_flags(values: FlagValues) -> FrontEnd:
    """The front end that the flags of `define_front_end` describe; UsageError names one out of range."""
    from tfnoise.audio import FrontEnd

    by_name = values.flag_values_dict()
    try:
        return FrontEnd(**{field.name: by_name[field.name] for field in dataclasses.fields(FrontEnd)})
    except ValueError as error:
        raise UsageError(f"front end: {error}") from None


def define_threads(define: FlagDefiner) -> None:
    """Defines --threads."""
    define.integer("threads", None, "Number of threads. (default: one a core)", lower_bound=1)


def use_threads(count: int | None) -> None:
    """Sets TensorFlow's number of threads, before it computes anything; None leaves it."""
    if count is None:
        return
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def define_plot(define: FlagDefiner, stem: str, kinds: str = "") -> None:
    """Defines --plot, whose default is STEM.png, and --overwrite of a verb that draws one picture.

    `kinds` stands before the help's text: the kinds of work that draw it, as "codec: "; "" for all.
    """
    default = f"(default: {stem}.png, or the next free name)"
    define.string("plot", None, f"{kinds}PNG file for the picture; empty for none. {default}")
    define.boolean("overwrite", False, f"{kinds}Replace the picture that --plot names.")


def picture_path(plot: str | None, overwrite: bool, stem: str) -> Path | None:
    """The file of the picture that the flags of `define_plot` name, checked to be writable; None for none."""
    if plot == "":
        return None
    if plot is None:
        names = itertools.chain([f"{stem}.png"], (f"{stem}_{number}.png" for number in itertools.count(2)))
        path = next(path for path in map(Path, names) if not path.exists())
    else:
        path = Path(plot)
        if path.suffix.lower() != ".png":
            raise UsageError(f"--plot={path}: must end in .png")
    check_new_file("plot", path, overwrite, f"{stem}.png")
    return path


def check_new_file(flag: str, path: Path, overwrite: bool, example: str) -> None:
    """Checks that a file can be written, and does not exist unless --overwrite was given.

    Raises:
      UsageError: it is a folder; the message tells to name a file in it, as `example`.
      InputError: it exists, or its folder cannot be written to.
    """
    if path.is_dir():
        raise UsageError(f"--{flag}={path}: is a folder; name a file in it, as {path / example}")
    if path.exists() and not overwrite:
        raise InputError(f"--{flag}={path}: exists; name another file or add --overwrite")
    check_writable(flag, path.parent)


def check_writable(flag: str, folder: Path) -> None:
    """Checks that `folder`, or the nearest folder above that exists, can be written to; leaves no trace.

    Raises:
      InputError: it cannot; the message names the flag, the folder and the reason.
    """
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"--{flag}={folder}: cannot be written to ({reason}); name another folder") from None


def check_model_name(name: str, shipped: bool = False) -> None:
    """Checks --name, of a model's folder below --export_dir; `shipped`: it may be a shipped model's.

    Raises:
      UsageError: it is a path, a bare number, which is a version, or the name of a shipped model.
    """
    if name != Path(name).name or name in (".", "..") or name.isdigit():
        raise UsageError(f"--name={name}: must be a folder's name, not a path or a bare number")
    if name in SHIPPED_MODELS and not shipped:
        raise UsageError(f"--name={name}: is a shipped model's name; give another, as --name=my_{name}")


def check_bpp(bpp: float | None) -> None:
    """Raises UsageError unless --bpp is above 0, or None, which requests no rate."""
    if bpp is not None and not (math.isfinite(bpp) and bpp > 0):
        raise UsageError(f"--bpp={bpp:g}: must be a rate above 0, as 0.5")


def checked_settings(path: str, bpp: float | None) -> dict[str, Any]:
    """The settings of a model that can code spectrograms, at a rate if one is requested.

    Raises:
      InputError: there is no such model, or it codes images of several channels.
      UsageError: a rate is requested of a model that has a fixed one.
    """
    from tfnoise import codec

    settings = codec.read_settings(codec.resolve(path))
    architecture = settings["architecture"]
    if architecture.get("image_channels", 1) != 1:
        raise InputError(f"{path}: codes images of several channels, and spectrograms have one")
    if bpp is not None and architecture.get("bottleneck") == "levels":
        rate = f"{architecture['bpp']:g} bpp"
        raise UsageError(f"--bpp: {path} codes with fixed levels, always at {rate}; leave --bpp out")
    return settings
