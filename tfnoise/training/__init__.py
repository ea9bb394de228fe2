"""Training on noise: the run, its settings, where it is computed, its checkpoints, its curves."""

from tfnoise.training.event_files import training_curve
from tfnoise.training.precision import faster_precision
from tfnoise.training.run import TrainingDiverged, TrainingRun, compiled_model, heard, run_record
from tfnoise.training.settings import (
    FINISHED_FILE,
    FLAGS_FILE,
    TrainingSettings,
    check_same_settings,
    precision_of,
    read_settings,
    write_json,
    write_settings,
)
from tfnoise.training.stopping import Stopped
from tfnoise.training.strategies import LOST_WORKER, is_chief, make_strategy, workers_of
from tfnoise.training.summaries import Summaries

__all__ = [
    "FINISHED_FILE",
    "FLAGS_FILE",
    "LOST_WORKER",
    "Stopped",
    "Summaries",
    "TrainingDiverged",
    "TrainingRun",
    "TrainingSettings",
    "check_same_settings",
    "compiled_model",
    "faster_precision",
    "heard",
    "is_chief",
    "make_strategy",
    "precision_of",
    "read_settings",
    "run_record",
    "training_curve",
    "workers_of",
    "write_json",
    "write_settings",
]
