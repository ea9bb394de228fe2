"""What TensorFlow Serving reads beside models: which there are, how requests are joined, where figures are.

The three files lie in EXPORT_DIR, in protocol buffers' text format: ModelServerConfig, BatchingParameters,
MonitoringConfig. A file whose first line was deleted is somebody's own, and stays as it is.
"""

from __future__ import annotations

import os
from pathlib import Path

from tfnoise.codec import read_settings, versions
from tfnoise.errors import InputError
from tfnoise.files import replacing

MODELS_CONFIG = "models.config"
BATCHING_CONFIG = "batching.config"
MONITORING_CONFIG = "monitoring.config"
FIRST_LINE = "# Written by tfnoise at every export; delete this line to keep your changes."
METRICS_PATH = "/monitoring/prometheus/metrics"

_MOST_ROWS = 16
_WAIT_US = 2000
_MOST_BATCHES_WAITING = 256


def write_server_config(export_dir: str | Path) -> list[Path]:
    """Writes the three files for all models below a folder.

    Args:
      export_dir: the folder of the models.

    Returns:
      The paths of all three; those that are somebody's own were left as they are.
    """
    folder = Path(export_dir)
    texts = {
        MODELS_CONFIG: models_config(folder),
        BATCHING_CONFIG: batching_config(),
        MONITORING_CONFIG: monitoring_config(),
    }
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(errors="replace").startswith(FIRST_LINE):
            with replacing(path) as temporary:
                temporary.write_text(f"{FIRST_LINE}\n{text}")
    return [folder / name for name in texts]


def exported_models(export_dir: str | Path) -> list[Path]:
    """The folders `EXPORT_DIR/NAME` of models that tfnoise exported, sorted."""
    folder = Path(export_dir)
    return sorted(entry for entry in folder.iterdir() if _is_ours(entry)) if folder.is_dir() else []


def models_config(export_dir: Path) -> str:
    """A ModelServerConfig of all models below a folder."""
    models = "".join(
        f"  config {{\n"
        f"    name: {_quoted(model.name)}\n"
        f"    base_path: {_quoted(str(model.resolve()))}\n"
        f'    model_platform: "tensorflow"\n'
        f"  }}\n"
        for model in exported_models(export_dir)
    )
    return f"model_config_list {{\n{models}}}\n"


def batching_config() -> str:
    """BatchingParameters: so many rows of several requests at once, so long waited for."""
    values = {
        "max_batch_size": _MOST_ROWS,
        "batch_timeout_micros": _WAIT_US,
        "max_enqueued_batches": _MOST_BATCHES_WAITING,
        "num_batch_threads": os.cpu_count() or 1,
    }
    return "".join(f"{name} {{ value: {value} }}\n" for name, value in values.items())


def monitoring_config() -> str:
    """A MonitoringConfig: figures for Prometheus."""
    return f'prometheus_config {{\n  enable: true\n  path: "{METRICS_PATH}"\n}}\n'


def _is_ours(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    for version in reversed(versions(folder)):
        try:
            read_settings(folder / str(version))
        except InputError:
            continue
        return True
    return False


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
