"""Scores of models on natural audio, their confidence, and pictures; see also `report` and `correlation`."""

from tfnoise.evaluation.bootstrap import (
    bootstrap_clusters,
    bootstrap_crossed,
    bootstrap_mean,
    bootstrap_paired,
)
from tfnoise.evaluation.plots import Panel, clip_figure, save_figure
from tfnoise.evaluation.report import evenly_spaced_indices
from tfnoise.evaluation.scores import (
    METRICS,
    ClipImage,
    ClipScores,
    ModelScores,
    SkippedClip,
    clip_images,
    code_image,
    score_clips,
    synthetic_clip_images,
    validation_scores,
)
from tfnoise.evaluation.sounds import (
    SOUND_METRICS,
    SoundScores,
    log_spectral_distance_db,
    mel_mse,
    resynthesised,
    score_sounds,
    sound_scores,
    spectral_convergence,
)

__all__ = [
    "METRICS",
    "SOUND_METRICS",
    "ClipImage",
    "ClipScores",
    "ModelScores",
    "Panel",
    "SkippedClip",
    "SoundScores",
    "bootstrap_clusters",
    "bootstrap_crossed",
    "bootstrap_mean",
    "bootstrap_paired",
    "clip_figure",
    "clip_images",
    "code_image",
    "evenly_spaced_indices",
    "log_spectral_distance_db",
    "mel_mse",
    "resynthesised",
    "save_figure",
    "score_clips",
    "score_sounds",
    "sound_scores",
    "spectral_convergence",
    "synthetic_clip_images",
    "validation_scores",
]
