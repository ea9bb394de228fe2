"""Scores are those of the losses, at or under the target, and no bad clip ends them."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_models import tiny_autoencoder
from tfnoise import codec, losses
from tfnoise.audio import FrontEnd
from tfnoise.data import list_clips
from tfnoise.errors import InputError
from tfnoise.evaluation import ClipImage, clip_images, score_clips, synthetic_clip_images, validation_scores


def image_of(name: str, frames: int = 96, mels: int = 96, problem: str = "", genre=None) -> ClipImage:
    seed = sum(map(ord, name))
    image = np.random.default_rng(seed).uniform(size=[mels, frames, 1]).astype(np.float32)
    return ClipImage(name, f"audio/{name}", genre, image, problem)


def fake_code(images: tf.Tensor, bpp: tf.Tensor) -> dict[str, tf.Tensor]:
    batch = tf.shape(images)[0]
    return {
        "reconstruction": images * 0.8 + 0.1,
        "bpp": tf.fill([batch], bpp * 0.9),
        "step": tf.fill([batch], 2.0),
        "step_index": tf.fill([batch], 3),
    }


def test_scores_are_the_losses():
    clips = [image_of("a", 96), image_of("b", 112), image_of("c", 128)]
    scores = score_clips(fake_code, clips, 0.5)
    for clip, score in zip(clips, scores.clips):
        a, b = clip.image[None], clip.image[None] * 0.8 + 0.1
        assert (score.id, score.path, score.frames) == (clip.id, clip.path, clip.image.shape[1])
        assert score.mse == pytest.approx(float(losses.mse(a, b)[0]), rel=1e-5)
        assert score.mse == pytest.approx(np.mean((a - b) ** 2), rel=1e-5)
        assert score.nlpd == pytest.approx(float(losses.nlpd(a, b)[0]), rel=1e-5)
        assert score.ms_ssim == pytest.approx(float(losses.ms_ssim(a, b, scales=4)[0]), rel=1e-5)
        assert (score.bpp, score.step) == (pytest.approx(0.45), 2.0)
    assert scores.values("mse").shape == (3,) and not scores.above_target and not scores.skipped


@pytest.mark.parametrize(("scales", "fitting"), [(4, 2), (3, 3), (5, 1)])
def test_an_image_too_small_for_the_scales_is_skipped_for_ms_ssim_alone(scales, fitting):
    clips = [image_of("a", 176, 161), image_of("b", 96, 81), image_of("c", 64, 81)]
    scores = score_clips(fake_code, clips, 0.5, ms_ssim_scales=scales)
    assert len(scores.values("mse")) == len(scores.values("nlpd")) == 3
    assert len(scores.values("ms_ssim")) == fitting
    assert [clip.id for clip in scores.ms_ssim_skipped] == ["a", "b", "c"][fitting:]


def test_clips_above_the_target_are_listed():
    def coarse(images, bpp):
        return {**fake_code(images, bpp), "bpp": tf.fill([1], 0.7)}

    scores = score_clips(coarse, [image_of("a")], 0.5)
    assert [clip.id for clip in scores.above_target] == ["a"]
    # As a float32 it is a little above the target, which is no float32.
    assert not score_clips(coarse, [image_of("a")], 0.7).above_target


def test_problems_are_collected_and_every_clip_counts_as_progress():
    clips = [image_of("a", genre="Rock"), image_of("b", 0, problem="audio/b: is silent"), image_of("c")]
    seen = []
    scores = score_clips(fake_code, iter(clips), 0.5, on_clip=seen.append)
    assert seen == clips
    assert [clip.id for clip in scores.clips] == ["a", "c"]
    assert [(clip.path, clip.problem) for clip in scores.skipped] == [("audio/b", "audio/b: is silent")]
    assert scores.genres == ["Rock"] and len(scores.values("bpp", "Rock")) == 1


def test_a_model_that_makes_nan_is_refused():
    def broken(images, bpp):
        return {**fake_code(images, bpp), "reconstruction": images * np.nan}

    with pytest.raises(InputError, match="audio/a.*not finite"):
        score_clips(broken, [image_of("a")], 0.5)
    with pytest.raises(ValueError, match="1 to 5"):
        score_clips(fake_code, [], 0.5, ms_ssim_scales=6)


def test_a_model_in_memory_scores_as_the_one_exported_from_it(tiny_model, mixed_folder):
    loaded = codec.load(tiny_model)
    clips = list_clips(mixed_folder)
    frozen = codec.FrozenModel(tiny_autoencoder(mels=128, bpp=0.5))
    exported = score_clips(loaded.module.code, clip_images(clips, loaded.front_end), loaded.bpp)
    in_memory = score_clips(frozen.code, clip_images(clips, FrontEnd()), 0.5)
    assert exported.skipped == in_memory.skipped
    for name in ("mse", "nlpd", "ms_ssim", "bpp", "step"):
        np.testing.assert_allclose(exported.values(name), in_memory.values(name), rtol=1e-3)
    assert [clip.id for clip in exported.clips] == ["0", "1", "2", "3"]
    assert all(0 < clip.bpp <= 0.5 for clip in exported.clips)
    assert [clip.frames for clip in exported.ms_ssim_skipped] == [48]
    problems = {os.path.basename(clip.path): clip.problem for clip in exported.skipped}
    assert set(problems) == {"nan.wav", "two.wav", "silent.wav", "garbage.wav", "absent.wav"}
    for word, name in (("finite", "nan"), ("short", "two"), ("silent", "silent"), ("no such", "absent")):
        assert word in problems[f"{name}.wav"]

    means = validation_scores(frozen, FrontEnd(), clips, 0.5)
    assert set(means) == {"mse", "nlpd", "ms_ssim_4", "bpp"}
    assert means["mse"] == pytest.approx(exported.values("mse").mean())
    with pytest.raises(InputError, match="audio: none of its 5 clips"):
        validation_scores(frozen, FrontEnd(), clips[4:], 0.5)


def test_a_lower_target_costs_quality():
    frozen = codec.FrozenModel(tiny_autoencoder(mels=128, bpp=0.5))
    clips = [image_of("a", 128, 128)]
    steps = [score_clips(frozen.code, clips, bpp).clips[0] for bpp in (0.5, 0.1)]
    assert steps[0].bpp <= 0.5 and steps[1].bpp <= 0.1 and steps[1].step > steps[0].step


def test_synthesised_clips_are_whole_images_with_their_waveforms():
    clips = list(synthetic_clip_images(FrontEnd(), seed=1))
    assert len(clips) == 14 and {clip.genre for clip in clips} == {"plucked", "drums", "voice"}
    assert all(clip.image.shape == (128, 256, 1) and not clip.problem for clip in clips)
    small = FrontEnd(sample_rate_hz=8000, n_fft=256, hop=64, mels=32)
    for clip in synthetic_clip_images(small):
        assert small.frames(len(clip.waveform)) == clip.image.shape[1]
    with pytest.raises(InputError, match="give a folder of audio"):
        next(synthetic_clip_images(FrontEnd(sample_rate_hz=2000, mels=16)))
