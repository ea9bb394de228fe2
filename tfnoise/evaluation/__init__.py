"""How well models code natural audio: scores, their confidence, tables and pictures."""

from tfnoise.evaluation.bootstrap import Estimate, bootstrap_mean, bootstrap_paired
from tfnoise.evaluation.plots import Panel, clip_figure, save_figure
from tfnoise.evaluation.report import (
    Table,
    genre_tables,
    json_report,
    model_names,
    notes,
    score_table,
    spread,
    summary,
)
from tfnoise.evaluation.scores import (
    METRICS,
    ClipImage,
    ClipScores,
    LeftOut,
    ModelScores,
    clip_images,
    code_image,
    score_clips,
    synthetic_clip_images,
    validation_scores,
)

__all__ = [
    "METRICS",
    "ClipImage",
    "ClipScores",
    "Estimate",
    "LeftOut",
    "ModelScores",
    "Panel",
    "Table",
    "bootstrap_mean",
    "bootstrap_paired",
    "clip_figure",
    "clip_images",
    "code_image",
    "genre_tables",
    "json_report",
    "model_names",
    "notes",
    "save_figure",
    "score_clips",
    "score_table",
    "spread",
    "summary",
    "synthetic_clip_images",
    "validation_scores",
]
