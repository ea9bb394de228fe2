"""The work of bin/serve: TensorFlow Serving on the exported models, or how to get it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from absl import flags

from tfnoise import serving
from tfnoise.cli.coding import shipped
from tfnoise.cli.models import EXPORT_DIR
from tfnoise.cli.output import json_requested, print_json, say
from tfnoise.codec import read_settings, resolve
from tfnoise.errors import InputError, UsageError
from tfnoise.serving.server_config import METRICS_PATH

FLAGS = flags.FLAGS
BINARY = "tensorflow_model_server"
VARIABLE = "TENSORFLOW_MODEL_SERVER"
IMAGE = "tensorflow/serving:2.14.1"


def serve_from_flags() -> int:
    """Becomes the server; returns the exit status where there is none."""
    for name in ("rest_port", "grpc_port"):
        if not 1 <= getattr(FLAGS, name) <= 65535:
            raise UsageError(f"--{name}={getattr(FLAGS, name)}: must be from 1 to 65535")
    if FLAGS.rest_port == FLAGS.grpc_port:
        raise UsageError(f"--rest_port and --grpc_port must differ, not both be {FLAGS.rest_port}")
    folder = Path(FLAGS.export_dir or shipped(EXPORT_DIR))
    models = serving.exported_models(folder)
    if not models:
        raise InputError(f"{folder}: no exported model; make one with bin/train or bin/export")
    if FLAGS.batching:
        _check_fixed(models)
    binary = server_binary()
    models_config, batching, monitoring = map(str, serving.write_server_config(folder.resolve()))
    options = [f"--model_config_file={models_config}", f"--monitoring_config_file={monitoring}"]
    options.append("--model_config_file_poll_wait_seconds=30")
    if FLAGS.batching:
        options += ["--enable_batching=true", f"--batching_parameters_file={batching}"]
    if binary is None:
        _print_docker(folder.resolve(), options)
        return 1
    command = [binary, f"--port={FLAGS.grpc_port}", f"--rest_api_port={FLAGS.rest_port}", *options]
    say(f"models: {', '.join(model.name for model in models)}")
    say(f"REST http://localhost:{FLAGS.rest_port}/v1/models/NAME, gRPC localhost:{FLAGS.grpc_port},")
    say(f"Prometheus http://localhost:{FLAGS.rest_port}{METRICS_PATH}; reachable from other hosts, too")
    sys.stdout.flush()
    os.execv(binary, command)


def server_binary() -> str | None:
    """The path of TensorFlow Serving's server; None if there is none.

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


def _check_fixed(models: list[Path]) -> None:
    for model in models:
        if not read_settings(resolve(model)).get("serving", {}).get("frames"):
            raise InputError(
                f"{model}: takes images of any length, which a server cannot join to batches; export it with "
                f"bin/export --frames=N to a folder of its own, or leave --batching out"
            )


def _print_docker(folder: Path, options: list[str]) -> None:
    ports = [f"-p{FLAGS.grpc_port}:8500", f"-p{FLAGS.rest_port}:8501"]
    command = shlex.join(["docker", "run", "--rm", *ports, f"-v{folder}:{folder}:ro", IMAGE, *options])
    print(f"serve: no {BINARY} on PATH or in {VARIABLE}; with docker this serves the same:", file=sys.stderr)
    if json_requested():
        print_json({"docker": command})
    else:
        print(command)
