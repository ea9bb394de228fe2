"""Training on noise: the run, its settings, where it is computed, its checkpoints, its curves."""

from tfnoise.signals import Stopped
from tfnoise.training.checkpoints import UnusableRun
from tfnoise.training.run import TrainingDiverged, TrainingRun, compiled_model, run_record, uses_natural_audio
from tfnoise.training.settings import (
    FINISHED_FILE,
    FLAGS_FILE,
    TrainingSettings,
    check_same_settings,
    precision_of,
    read_settings,
    write_settings,
)
from tfnoise.training.strategies import (
    LOST_WORKER,
    faster_precision,
    has_native_bfloat16,
    is_chief,
    make_strategy,
    workers_of,
)
from tfnoise.training.summaries import Summaries
from tfnoise.training.tensorboard import training_curve

__all__ = [
    "FINISHED_FILE",
    "FLAGS_FILE",
    "LOST_WORKER",
    "Stopped",
    "Summaries",
    "TrainingDiverged",
    "TrainingRun",
    "TrainingSettings",
    "UnusableRun",
    "check_same_settings",
    "compiled_model",
    "faster_precision",
    "has_native_bfloat16",
    "is_chief",
    "make_strategy",
    "precision_of",
    "read_settings",
    "run_record",
    "training_curve",
    "uses_natural_audio",
    "workers_of",
    "write_settings",
]
