"""The work of bin/serve: TensorFlow Serving on the exported models, or how to get it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from absl import flags

from tfnoise.cli.coding import shipped
from tfnoise.cli.models import EXPORT_DIR
from tfnoise.cli.output import json_requested, print_json, say
from tfnoise.codec import read_settings, resolve
from tfnoise.errors import InputError, UsageError
from tfnoise.serving import exported_models, server
from tfnoise.serving.server_config import METRICS_PATH

FLAGS = flags.FLAGS


def serve_from_flags() -> int:
    """Becomes the server; returns the exit status where there is none."""
    ports = {"rest_port": FLAGS.rest_port, "grpc_port": FLAGS.grpc_port}
    for name, port in ports.items():
        if not 1 <= port <= 65535:
            raise UsageError(f"--{name}={port}: must be from 1 to 65535")
    if FLAGS.rest_port == FLAGS.grpc_port:
        raise UsageError(f"--rest_port and --grpc_port must differ, not both be {FLAGS.rest_port}")
    folder = Path(FLAGS.export_dir or shipped(EXPORT_DIR))
    models = exported_models(folder)
    if not models:
        raise InputError(f"{folder}: no exported model; make one with bin/train or bin/export")
    if FLAGS.batching:
        _check_fixed(models)
    binary = server.find_server()
    if binary is None:
        command = server.docker_command(folder, **ports, batching=FLAGS.batching)
        where = f"on PATH or in {server.VARIABLE}"
        print(f"serve: no {server.BINARY} {where}; with docker this serves the same:", file=sys.stderr)
        if json_requested():
            print_json({"docker": command})
        else:
            print(command)
        return 1
    command = server.server_command(binary, folder, **ports, batching=FLAGS.batching)
    say(f"models: {', '.join(model.name for model in models)}")
    say(f"REST http://localhost:{FLAGS.rest_port}/v1/models/NAME, gRPC localhost:{FLAGS.grpc_port},")
    say(f"Prometheus http://localhost:{FLAGS.rest_port}{METRICS_PATH}; reachable from other hosts, too")
    sys.stdout.flush()
    os.execv(binary, command)


def _check_fixed(models: list[Path]) -> None:
    for model in models:
        if not read_settings(resolve(model)).get("serving", {}).get("frames"):
            raise InputError(
                f"{model}: takes images of any length, which a server cannot join to batches; export it with "
                f"bin/export --frames=N to a folder of its own, or leave --batching out"
            )
