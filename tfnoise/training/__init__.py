"""Training on noise: the run, its settings, its curves."""

from tfnoise.training.run import TrainingDiverged, TrainingRun, compiled_model, run_record
from tfnoise.training.settings import TrainingSettings, check_same_settings, write_json, write_settings
from tfnoise.training.summaries import Summaries

__all__ = [
    "Summaries",
    "TrainingDiverged",
    "TrainingRun",
    "TrainingSettings",
    "check_same_settings",
    "compiled_model",
    "run_record",
    "write_json",
    "write_settings",
]
