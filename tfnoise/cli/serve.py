"""Serve all models below --export_dir with TensorFlow Serving, which must be installed.

The binary tensorflow_model_server is taken from the variable TENSORFLOW_MODEL_SERVER or from PATH. If there
is none, the docker command that does the same is printed, and nothing is installed. The server takes REST and
gRPC requests on all interfaces, loads new versions as they are exported, and has metrics for Prometheus.

Example:
    bin/serve
    bin/serve --batching --export_dir=fixed_models
    bin/client compress song.flac
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from tfnoise.cli import coding
from tfnoise.cli.output import json_requested, print_json, say
from tfnoise.cli.shared_flags import EXPORT_DIR
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError

POSITIONAL = None


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/serve."""
    define.string("export_dir", None, "Folder of the models. (default: saved_models, else the shipped ones)")
    define.integer("rest_port", 8501, "Port of the REST interface.", lower_bound=1, upper_bound=65535)
    define.integer("grpc_port", 8500, "Port of the gRPC interface.", lower_bound=1, upper_bound=65535)
    define.boolean("batching", False, "Batch requests; all models must be _fixed ones.")


def main(arguments: list[str], values: FlagValues) -> int:
    """Becomes the server, or prints the command that would start one."""
    if values.rest_port == values.grpc_port:
        raise UsageError(f"--rest_port and --grpc_port must differ, not both be {values.rest_port}")

    from tfnoise.codec import read_settings, resolve
    from tfnoise.serving import exported_models, server_config

    folder = Path(values.export_dir or coding.shipped(EXPORT_DIR))
    models = exported_models(folder)
    if not models:
        raise InputError(f"{folder}: no exported model; make one with bin/train or bin/export")
    for model in models if values.batching else ():
        if not read_settings(resolve(model)).get("serving", {}).get("frames"):
            raise InputError(
                f"{model}: takes images of any length, which a server cannot batch; export it with "
                f"bin/export --frames=N to a folder of its own, or leave --batching out"
            )
    binary = server_config.find_server()
    ports = values.rest_port, values.grpc_port
    command = server_config.server_command(binary, folder, *ports, values.batching)
    if binary is None:
        missing = f"no {server_config.BINARY} on PATH or in {server_config.VARIABLE}"
        print(f"serve: {missing}; with docker this serves the same:", file=sys.stderr)
        if json_requested():
            print_json({"docker": shlex.join(command)})
        else:
            print(shlex.join(command))
        return 1
    say(f"models: {', '.join(model.name for model in models)}")
    rest = f"http://localhost:{values.rest_port}"
    say(f"REST {rest}/v1/models/NAME, gRPC localhost:{values.grpc_port},")
    say(f"Prometheus {rest}{server_config.METRICS_PATH}; reachable from other hosts, too")
    os.execv(binary, command)
