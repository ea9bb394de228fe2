"""TensorFlow Serving's server: where it is, and how it is started."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from tfnoise.errors import InputError
from tfnoise.serving.server_config import write_server_config

BINARY = "tensorflow_model_server"
VARIABLE = "TENSORFLOW_MODEL_SERVER"
IMAGE = "tensorflow/serving:2.14.1"
REST_PORT, GRPC_PORT = 8501, 8500

_POLL_S = 30


def find_server() -> str | None:
    """The path of the server's binary, from the variable or from PATH; None if there is none.

    Raises:
      InputError: the variable names something else.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return shutil.which(BINARY)
    found = shutil.which(named)
    if found is None:
        raise InputError(f"{VARIABLE}={named}: no such program; name the server's binary, or unset it")
    return os.path.abspath(found)


def server_command(
    binary: str,
    export_dir: Path,
    rest_port: int = REST_PORT,
    grpc_port: int = GRPC_PORT,
    batching: bool = False,
) -> list[str]:
    """The command that serves all models below a folder, whose configuration it writes.

    Args:
      binary: the server's.
      export_dir: the folder of the models.
      rest_port, grpc_port: of its interfaces.
      batching: whether requests are joined; all models must have a fixed number of frames.
    """
    return [binary, f"--port={grpc_port}", f"--rest_api_port={rest_port}", *_options(export_dir, batching)]


def docker_command(
    export_dir: Path, rest_port: int = REST_PORT, grpc_port: int = GRPC_PORT, batching: bool = False
) -> str:
    """As `server_command`, for a shell where there is no server but docker."""
    folder = export_dir.resolve()
    ports = [f"-p{grpc_port}:{GRPC_PORT}", f"-p{rest_port}:{REST_PORT}"]
    options = _options(folder, batching)
    return shlex.join(["docker", "run", "--rm", *ports, f"-v{folder}:{folder}:ro", IMAGE, *options])


def _options(export_dir: Path, batching: bool) -> list[str]:
    models_config, batching_config, monitoring_config = write_server_config(export_dir.resolve())
    options = [
        f"--model_config_file={models_config}",
        f"--model_config_file_poll_wait_seconds={_POLL_S}",
        f"--monitoring_config_file={monitoring_config}",
    ]
    if batching:
        options += ["--enable_batching=true", f"--batching_parameters_file={batching_config}"]
    return options
