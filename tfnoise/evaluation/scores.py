"""Scores of a codec on images of clips: MSE, NLPD, MS-SSIM and rate, clip by clip.

    model = tfnoise.codec.load("saved_models/best")
    images = clip_images(list_clips("pmqd"), model.front_end)
    scores = score_clips(model.module.code, images, model.bpp)
    scores.values("mse").mean()

A clip that cannot be scored is skipped and reported, so that one bad file does not end the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.audio import FrontEnd, waveform_to_image
from tfnoise.data import Clip, natural_images, synthetic_clips
from tfnoise.errors import InputError
from tfnoise.losses import NLPDParameters, ms_ssim, mse, nlpd, smallest_side

METRICS = ("mse", "nlpd", "ms_ssim")
"""The names of the distortion metrics; of MSE and NLPD less is better, of MS-SSIM more."""

MS_SSIM_SCALES = 4
"""What images of 128 mels have room for."""

FRAMES_MULTIPLE = 16
"""Images are cut to whole multiples of this, so that padding plays no part in a score."""

Code = Callable[[tf.Tensor, tf.Tensor], "dict[str, tf.Tensor]"]
"""As `FrozenModel.code`: images `[batch, mels, frames, 1]` and bpp `[]` to a dict of results."""


@dataclass(frozen=True, eq=False)
class ClipImage:
    """The image of a clip, or the reason why there is none.

    Attributes:
      id: the clip's name in its set.
      path: its file, or the id of a synthesised clip.
      genre: the genre, or None.
      image: float32 `[mels, frames, 1]` in [0, 1]; no frames where there is a problem.
      problem: "" or one line that names the file and the problem.
      reference_db: level in dB of the image's value 1.
      waveform: float32 `[samples]` at the front end's rate, as far as the image goes; None if not requested.
    """

    id: str
    path: str
    genre: str | None
    image: np.ndarray
    problem: str = ""
    reference_db: float = 0.0
    waveform: np.ndarray | None = None


@dataclass(frozen=True)
class ClipScores:
    """The scores of one clip.

    Attributes:
      id, path, genre: as in `ClipImage`.
      frames: the width of its image.
      mse: mean squared error, of values in [0, 1].
      nlpd: normalised Laplacian pyramid distance, 0 for identical images.
      ms_ssim: the MS-SSIM index, 1 for identical images; None where the image is too small.
      bpp: rate in bits per pixel.
      step: quantization step.
    """

    id: str
    path: str
    genre: str | None
    frames: int
    mse: float
    nlpd: float
    ms_ssim: float | None
    bpp: float
    step: float


@dataclass(frozen=True)
class SkippedClip:
    """A clip that could not be scored: its path and one line that says why."""

    path: str
    problem: str


class GenreScores:
    """Scores of clips, each with a genre or None."""

    clips: tuple[Any, ...]

    def values(self, name: str, genre: str | None = None) -> np.ndarray:
        """One score, the attribute `name`, of all clips or of a genre's, that have it: float64 `[clips]`."""
        values = [getattr(clip, name) for clip in self.clips if genre is None or clip.genre == genre]
        return np.array([value for value in values if value is not None], np.float64)

    @property
    def genres(self) -> list[str]:
        """The genres of the clips, sorted."""
        return sorted({clip.genre for clip in self.clips if clip.genre is not None})


@dataclass(frozen=True)
class ModelScores(GenreScores):
    """The scores of one model on a set of clips.

    Attributes:
      bpp_target: the rate that no clip should exceed, bits per pixel.
      ms_ssim_scales: scales of MS-SSIM.
      clips: the scored clips, in their order.
      skipped: the clips that could not be scored.

    >>> clip = ClipScores("1", "1.wav", None, 96, mse=0.01, nlpd=0.2, ms_ssim=None, bpp=0.4, step=2.0)
    >>> scores = ModelScores(0.5, 4, (clip,))
    >>> scores.values("mse"), scores.values("ms_ssim")
    (array([0.01]), array([], dtype=float64))
    """

    bpp_target: float
    ms_ssim_scales: int
    clips: tuple[ClipScores, ...]
    skipped: tuple[SkippedClip, ...] = ()

    @property
    def above_target(self) -> list[ClipScores]:
        """Clips above the target: no quantization step of the model is coarse enough for them."""
        # The rate is a float32, as a target like 0.3 is not.
        return [clip for clip in self.clips if clip.bpp > self.bpp_target * (1 + 1e-6)]

    @property
    def ms_ssim_skipped(self) -> list[ClipScores]:
        """Clips whose images are too small for MS-SSIM; their other scores count."""
        return [clip for clip in self.clips if clip.ms_ssim is None]


def clip_images(
    clips: Sequence[Clip], front_end: FrontEnd, with_waveforms: bool = False
) -> Iterator[ClipImage]:
    """The images of clips as `tfnoise.data.natural_images` makes them, in order, read one after another."""
    images = natural_images(clips, front_end, FRAMES_MULTIPLE, with_waveforms=with_waveforms)
    for item in images.as_numpy_iterator():
        clip = clips[int(item["index"])]
        problem = item["problem"].decode("utf-8", "replace")
        reference_db, waveform = float(item["reference_db"]), item.get("waveform")
        yield ClipImage(clip.id, clip.path, clip.genre, item["image"], problem, reference_db, waveform)


def synthetic_clip_images(front_end: FrontEnd, seed: int = 0) -> Iterator[ClipImage]:
    """The images, and waveforms, of fourteen synthesised clips of plucked strings, drums and voices.

    Raises:
      InputError: the front end's sample rate is too low for them.
    """
    try:
        clips = synthetic_clips(front_end.sample_rate_hz, seed=seed)
    except ValueError as error:
        raise InputError(f"no clips can be synthesised ({error}); give a folder of audio") from None
    for name, genre, waveform in clips:
        whole, reference = waveform_to_image(waveform, front_end)
        frames = whole.shape[1] // FRAMES_MULTIPLE * FRAMES_MULTIPLE
        problem = "" if frames else f"{name}: is too short: {whole.shape[1]} frames"
        shown = np.asarray(waveform, np.float32)[: front_end.samples(frames + 1) - 1]
        yield ClipImage(name, name, genre, whole.numpy()[:, :frames], problem, float(reference), shown)


def code_image(code: Code, image: np.ndarray, bpp: float) -> dict[str, np.ndarray]:
    """Codes one image, float32 `[mels, frames, 1]` in [0, 1], at or under a rate in bits per pixel.

    Returns:
      `reconstruction` (as `image`), and the scalars `bpp`, `step` and `step_index`.

    >>> code_image(lambda images, bpp: {"bpp": bpp[None]}, np.zeros([8, 8, 1], np.float32), 0.5)
    {'bpp': 0.5}
    """
    coded = code(tf.constant(image[None], tf.float32), tf.constant(bpp, tf.float32))
    return {name: value.numpy()[0] for name, value in coded.items()}


def score_clips(
    code: Code,
    images: Iterable[ClipImage],
    bpp: float,
    ms_ssim_scales: int = MS_SSIM_SCALES,
    on_clip: Callable[[ClipImage], Any] | None = None,
    nlpd_parameters: NLPDParameters | None = None,
) -> ModelScores:
    """Codes clips one by one, each at or under a rate, and scores the reconstructions.

    Images of one width are compiled for once, those of further widths once more for all.

    Args:
      code: `FrozenModel.code`, of a model in memory or a loaded one.
      images: the clips; those with a problem are skipped, and listed in the result.
      bpp: target rate, bits per pixel.
      ms_ssim_scales: scales of MS-SSIM, 1 to 5; images too small for them get no MS-SSIM.
      on_clip: called after each clip, to show progress.
      nlpd_parameters: fitted parameters of NLPD; None: the published ones.

    Returns:
      The scores; of no clips if none could be scored.

    Raises:
      ValueError: scales out of range.
      InputError: the model's reconstruction holds values that are not finite.
    """
    if not 1 <= ms_ssim_scales <= 5:
        raise ValueError(f"ms_ssim_scales must be 1 to 5, not {ms_ssim_scales}")
    scored, skipped = [], []
    for clip in images:
        if clip.problem:
            skipped.append(SkippedClip(clip.path, clip.problem))
        else:
            scored.append(_score(code, clip, bpp, ms_ssim_scales, nlpd_parameters))
        if on_clip is not None:
            on_clip(clip)
    return ModelScores(float(bpp), ms_ssim_scales, tuple(scored), tuple(skipped))


def validation_scores(
    module: Any, front_end: FrontEnd, clips: Sequence[Clip], bpp: float, ms_ssim_scales: int = MS_SSIM_SCALES
) -> dict[str, float]:
    """Mean scores of a `FrozenModel` in training on natural clips; arguments as in `score_clips`.

    Returns:
      Means by name: "mse", "nlpd", "ms_ssim_4" (named for its scales; absent where no image has room for
      them) and "bpp".

    Raises:
      InputError: none of the clips can be scored.
    """
    scores = score_clips(module.code, clip_images(clips, front_end), bpp, ms_ssim_scales)
    if not scores.clips:
        folder = os.path.dirname(clips[0].path) or "."
        first = scores.skipped[0].problem
        raise InputError(f"{folder}: none of its {len(clips)} clips can be scored; the first: {first}")
    named = {"mse": "mse", "nlpd": "nlpd", f"ms_ssim_{ms_ssim_scales}": "ms_ssim", "bpp": "bpp"}
    values = {key: scores.values(name) for key, name in named.items()}
    return {key: float(value.mean()) for key, value in values.items() if len(value)}


def _score(
    code: Code, clip: ClipImage, bpp: float, scales: int, nlpd_parameters: NLPDParameters | None
) -> ClipScores:
    coded = code_image(code, clip.image, bpp)
    original, reconstruction = tf.constant(clip.image[None]), tf.constant(coded["reconstruction"][None])
    if nlpd_parameters is not None and min(clip.image.shape[:2]) < nlpd_parameters.smallest_side:
        raise InputError(
            f"{clip.path}: its image is smaller than the {nlpd_parameters.smallest_side} pixels a side that "
            f"the NLPD parameters need; remove the clip or fit parameters of family 2016"
        )
    error, distance = (float(value) for value in _distances(original, reconstruction, nlpd_parameters))
    if not np.isfinite(error):
        raise InputError(
            f"{clip.path}: its reconstruction has values that are not finite; train the model again"
        )
    fits = min(clip.image.shape[:2]) >= smallest_side(scales)
    return ClipScores(
        id=clip.id,
        path=clip.path,
        genre=clip.genre,
        frames=clip.image.shape[1],
        mse=error,
        nlpd=distance,
        ms_ssim=float(_similarity(original, reconstruction, scales)) if fits else None,
        bpp=float(coded["bpp"]),
        step=float(coded["step"]),
    )


@tf.function(reduce_retracing=True)
def _distances(
    a: tf.Tensor, b: tf.Tensor, nlpd_parameters: NLPDParameters | None
) -> tuple[tf.Tensor, tf.Tensor]:
    return mse(a, b)[0], nlpd(a, b, parameters=nlpd_parameters)[0]


@tf.function(reduce_retracing=True)
def _similarity(a: tf.Tensor, b: tf.Tensor, scales: int) -> tf.Tensor:
    return ms_ssim(a, b, scales=scales)[0]
