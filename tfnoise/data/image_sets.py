"""Sets of audio as `tf.data.Dataset`s of mel-spectrogram images with the metadata of each clip.

Audio is decoded once: the images are cached on disk, by the files' content and the settings.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfnoise.audio.files import is_remote
from tfnoise.audio.front_end import FrontEnd
from tfnoise.data.cache import cache_path, cached
from tfnoise.data.clip_list import (
    ORIGINAL,
    Clip,
    list_clips,
    list_path,
    list_problems,
    odd_files,
    originals_of,
)
from tfnoise.data.clips import SILENT, natural_images
from tfnoise.data.splits import PMQD_CLIP_S, cut_clips
from tfnoise.errors import InputError

_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class _Options:
    front_end: FrontEnd
    multiple: int
    on_problem: str
    cache: bool
    cache_dir: str | os.PathLike[str] | None
    on_clip: Callable[[], Any]

    def __post_init__(self) -> None:
        if self.on_problem not in ("raise", "skip"):
            raise ValueError(f"on_problem must be one of raise, skip, not {self.on_problem!r}")


def pmqd(
    folder: str | os.PathLike[str],
    degradation: str = ORIGINAL,
    front_end: FrontEnd | None = None,
    multiple: int = 16,
    with_originals: bool = False,
    on_problem: str | None = None,
    cache: bool = True,
    cache_dir: str | os.PathLike[str] | None = None,
    on_clip: Callable[[], Any] = lambda: None,
) -> tf.data.Dataset:
    """The clips of PMQD, or of another set with a list in its form, in the list's order.

    >>> for clip in pmqd("pmqd"):  # doctest: +SKIP
    ...     clip["image"], clip["genre"], clip["id"]

    Args:
      folder: holds pmqd.csv and audio/; a folder, or its URL. `bin/prepare_pmqd` makes one. A folder without
        a list is cut into clips as `recordings` does.
      degradation: "original" (the paper's test set), "distortion", "limiter", "lowpass", "noise" or "all".
      front_end: the settings of the images; None: the default ones.
      multiple: frames that an image is cut to a whole multiple of.
      with_originals: whether each clip comes with the image of the original that it was made of.
      on_problem: "raise" refuses a set with a clip that is not as it should be; "skip" skips such clips
        with a warning, as silent ones are in any case. None: "raise", and "skip" without a list.
      cache: whether to keep the images on disk.
      cache_dir: where; None: $XDG_CACHE_HOME/tfnoise or ~/.cache/tfnoise.
      on_clip: called after each clip that is decoded for the cache, to show progress.

    Returns:
      A dataset, in a deterministic order and of known cardinality where it is cached, of dictionaries:
        image: float32 `[mels, frames, 1]` in [0, 1].
        reference_db: float32 `[]`, dB: what the image's 1 stands for.
        id, path, genre, degradation: strings `[]`; "" where absent.
        intensity: float32 `[]`, how strongly it is degraded; 0 for originals.
        rating: float32 `[]`, 1 to 5; NaN where there is none.
        original_id: string `[]`, the id of the clip that it was made of: the original of the same artist,
          title and start; its own id for an original; "" where the list has none.
      and, with the originals:
        original_image, original_reference_db: as image and reference_db.

    Raises:
      InputError: the list cannot be used: a row without a file, a file without a row, an id twice, a rating
        out of 1 to 5; or a clip is missing, damaged, or of another rate or length than the others; or the
        cache cannot be written. The message names the first and counts the others.
      ValueError: on_problem or multiple is out of range.
    """
    folder = os.fspath(folder)
    has_list = is_remote(folder) or os.path.isfile(list_path(folder))
    on_problem = on_problem or ("raise" if has_list else "skip")
    options = _Options(front_end or FrontEnd(), multiple, on_problem, cache, cache_dir, on_clip)
    clips = list_clips(folder, degradation)
    if not has_list:
        clips = cut_clips(clips)
        return _image_set(list(zip(clips, clips)), with_originals, options)
    listed = list_clips(folder, "all")
    pairs = list(zip(clips, originals_of(listed, clips)))

    def paths(pair: tuple[Clip, Clip | None]) -> list[str]:
        return [clip.path for clip in (pair if with_originals else pair[:1]) if clip is not None]

    odd = odd_files([path for pair in pairs for path in paths(pair)])
    check_list = options.on_problem == "raise" and not is_remote(folder)
    problems = list_problems(folder, listed) if check_list else []
    _report([*problems, *odd.values()], options, f"{folder}: ")
    pairs = [pair for pair in pairs if odd.keys().isdisjoint(paths(pair))]
    if not pairs:
        raise InputError(f"{folder}: none of its clips can be used; the first: {next(iter(odd.values()))}")
    return _image_set(pairs, with_originals, options)


def recordings(
    folder: str | os.PathLike[str],
    clip_duration_s: float = PMQD_CLIP_S,
    front_end: FrontEnd | None = None,
    multiple: int = 16,
    on_problem: str = "skip",
    cache: bool = True,
    cache_dir: str | os.PathLike[str] | None = None,
    on_clip: Callable[[], Any] = lambda: None,
) -> tf.data.Dataset:
    """Any audio in a folder, cut into clips of one length, sorted by path.

    >>> import numpy as np, soundfile, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", np.sin(np.arange(16000)), 16000)
    ...     [clip["id"] for clip in recordings(folder, 0.5, cache=False).as_numpy_iterator()]
    [b'a.wav#0', b'a.wav#1']

    Args:
      folder: a folder of audio files, read recursively; or one file; or the URL of a file, or of a folder
        with a pmqd.csv, since others cannot be listed.
      clip_duration_s: of a clip; PMQD's by default. What is left at a file's end is not used.
      on_problem: "skip" skips clips that cannot be used, as damaged or silent ones, with a warning; "raise"
        refuses them, but for silent ones.
      front_end, multiple, cache, cache_dir, on_clip: as in `pmqd`.

    Returns:
      A dataset as `pmqd` gives.

    Raises:
      InputError: no clip can be used; or with "raise", one cannot; or the cache cannot be written.
      ValueError: an argument is out of range.
    """
    options = _Options(front_end or FrontEnd(), multiple, on_problem, cache, cache_dir, on_clip)
    clips = cut_clips(list_clips(folder, "all"), clip_duration_s)
    return _image_set(list(zip(clips, originals_of(clips, clips))), False, options)


def _image_set(
    pairs: Sequence[tuple[Clip, Clip | None]], with_originals: bool, options: _Options
) -> tf.data.Dataset:
    clips = [clip for clip, _ in pairs]
    dataset, problems = _images(clips, options)
    if with_originals:
        # A clip whose original is not on the list is reported as one whose file is absent.
        originals = [
            original
            or dataclasses.replace(clip, path=f"{clip.path} (its original, which is not on the list)")
            for clip, original in pairs
        ]
        second, more = _images(originals, options)
        problems = {**more, **problems}
        dataset = tf.data.Dataset.zip((dataset, second)).map(_with_original)
    silent = [problem for problem in problems.values() if problem.endswith(SILENT)]
    _report([problem for problem in problems.values() if problem not in silent], options)
    _report(silent, dataclasses.replace(options, on_problem="skip"))
    metadata = {
        "id": tf.constant([clip.id for clip in clips]),
        "path": tf.constant([os.fsencode(clip.path) for clip in clips]),
        "genre": tf.constant([clip.genre or "" for clip in clips]),
        "degradation": tf.constant([clip.degradation for clip in clips]),
        "intensity": tf.constant([clip.intensity for clip in clips], tf.float32),
        "rating": tf.constant([math.nan if clip.rating is None else clip.rating for clip in clips]),
        "original_id": tf.constant([original.id if original else "" for _, original in pairs]),
    }

    def with_metadata(item: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        kept = {name: value for name, value in item.items() if name not in ("index", "problem")}
        return {**kept, **{name: tf.gather(values, item["index"]) for name, values in metadata.items()}}

    dataset = dataset.filter(lambda item: tf.equal(_or_error(item["problem"], options), ""))
    dataset = dataset.map(with_metadata)
    if options.cache:
        usable = len(clips) - len(problems)
        if not usable:
            raise InputError(f"none of {len(clips)} clips can be used; the first: {problems[min(problems)]}")
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(usable))
    return dataset.prefetch(tf.data.AUTOTUNE)


def _images(clips: Sequence[Clip], options: _Options) -> tuple[tf.data.Dataset, dict[int, str]]:
    """The images, and by a clip's index what is wrong with it, where they are cached."""
    decoded = functools.partial(natural_images, clips, options.front_end, options.multiple)
    if not options.cache:
        return decoded(), {}
    path = cache_path(clips, options.front_end, options.multiple, options.cache_dir)
    dataset = cached(decoded, path, len(clips), options.front_end.mels, options.on_clip)
    bad = dataset.filter(lambda item: item["problem"] != "")
    bad = bad.map(lambda item: (item["index"], item["problem"])).as_numpy_iterator()
    return dataset, {int(place): text.decode("utf-8", "replace") for place, text in bad}


def _with_original(item: dict[str, tf.Tensor], original: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    problem = tf.where(item["problem"] == "", original["problem"], item["problem"])
    return {
        **item,
        "problem": problem,
        "original_image": original["image"],
        "original_reference_db": original["reference_db"],
    }


def _or_error(problem: tf.Tensor, options: _Options) -> tf.Tensor:
    """The problem; where one must not be, an error when the clip is reached."""
    if options.cache or options.on_problem == "skip":
        return problem
    passes = (problem == "") | tf.strings.regex_full_match(problem, f"(?s).*{SILENT}")
    with tf.control_dependencies([tf.debugging.Assert(passes, [problem])]):
        return tf.identity(problem)


def _report(problems: Sequence[str], options: _Options, where: str = "") -> None:
    if not problems:
        return
    shown = "; ".join(problems[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more like these" if len(problems) > _SHOWN else ""
    if options.on_problem == "raise":
        raise InputError(f'{where}{shown}{more}; fix them, or skip them with on_problem="skip"')
    warnings.warn(f"skipped: {where}{shown}{more}", stacklevel=4)
