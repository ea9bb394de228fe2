"""TensorFlow Serving's server: the configuration files that it reads beside models, and how it is started.

The three files lie in EXPORT_DIR, in protocol buffers' text format: ModelServerConfig, BatchingParameters,
MonitoringConfig. A file whose first line was deleted is the user's own, and is not overwritten.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tfnoise.codec import read_settings, versions
from tfnoise.errors import InputError
from tfnoise.files import replacing

BINARY = "tensorflow_model_server"
VARIABLE = "TENSORFLOW_MODEL_SERVER"
IMAGE = "tensorflow/serving:2.14.1"
FIRST_LINE = "# Written by tfnoise at every export; delete this line to keep your changes."
METRICS_PATH = "/monitoring/prometheus/metrics"

_MOST_ROWS = 16
_WAIT_US = 2000
_MOST_BATCHES_WAITING = 256
_POLL_S = 30


def write_server_config(export_dir: str | Path) -> list[Path]:
    """Writes models.config, batching.config and monitoring.config for all models below a folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_server_config(folder)]
    ['models.config', 'batching.config', 'monitoring.config']

    Args:
      export_dir: the folder of the models.

    Returns:
      The paths of all three, those that are the user's own among them.
    """
    folder = Path(export_dir)
    texts = {
        "models.config": models_config(folder),
        "batching.config": batching_config(),
        "monitoring.config": monitoring_config(),
    }
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(errors="replace").startswith(FIRST_LINE):
            with replacing(path) as temporary:
                temporary.write_text(f"{FIRST_LINE}\n{text}")
    return [folder / name for name in texts]


def exported_models(export_dir: str | Path) -> list[Path]:
    """The folders `EXPORT_DIR/NAME` of models that tfnoise exported, sorted.

    >>> exported_models("no/such/folder")
    []
    """
    folder = Path(export_dir)
    return sorted(filter(_is_ours, folder.iterdir())) if folder.is_dir() else []


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
    """BatchingParameters: how many rows of requests are joined, and how long the first one waits."""
    values = {
        "max_batch_size": _MOST_ROWS,
        "batch_timeout_micros": _WAIT_US,
        "max_enqueued_batches": _MOST_BATCHES_WAITING,
        "num_batch_threads": os.cpu_count() or 1,
    }
    return "".join(f"{name} {{ value: {value} }}\n" for name, value in values.items())


def monitoring_config() -> str:
    """A MonitoringConfig: metrics for Prometheus."""
    return f'prometheus_config {{\n  enable: true\n  path: "{METRICS_PATH}"\n}}\n'


def find_server() -> str | None:
    """The path of the server's binary, from the variable or from PATH; None if there is none.

    Raises:
      InputError: the variable does not name a program.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return shutil.which(BINARY)
    path = shutil.which(named)
    if path is None:
        raise InputError(f"{VARIABLE}={named}: no such program; name the server's binary, or unset it")
    return os.path.abspath(path)


def server_command(
    binary: str | None, export_dir: Path, rest_port: int, grpc_port: int, batching: bool = False
) -> list[str]:
    """The command that serves all models below a folder; writes their configuration.

    Args:
      binary: path of the server's binary; None: docker runs the server.
      export_dir: the folder of the models.
      rest_port, grpc_port: ports of its interfaces.
      batching: whether requests are joined; all models must have a fixed number of frames.
    """
    folder = export_dir.resolve()
    models, batches, monitoring = write_server_config(folder)
    options = [
        f"--model_config_file={models}",
        f"--model_config_file_poll_wait_seconds={_POLL_S}",
        f"--monitoring_config_file={monitoring}",
    ]
    if batching:
        options += ["--enable_batching=true", f"--batching_parameters_file={batches}"]
    if binary is not None:
        return [binary, f"--port={grpc_port}", f"--rest_api_port={rest_port}", *options]
    ports = [f"-p{grpc_port}:8500", f"-p{rest_port}:8501"]
    return ["docker", "run", "--rm", *ports, f"-v{folder}:{folder}:ro", IMAGE, *options]


def _is_ours(folder: Path) -> bool:
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
