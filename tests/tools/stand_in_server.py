#!/usr/bin/env python3
"""A stand-in for TensorFlow Serving, so that clients and bin/serve can be tried where no real server is.

It takes the real one's flags as far as bin/serve gives them, reads models.config by the official protos,
answers gRPC by the official servicer base classes, and REST as the real one's documentation says. Models run
in Python. What the real server refuses to load, this may load: that is tested elsewhere.

    stand_in_server.py --port=8500 --rest_api_port=8501 --model_config_file=FILE
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

_STATES = get_model_status_pb2.ModelVersionStatus.State
POLL_S = 0.2


class Refused(Exception):
    """A request fails; the arguments are gRPC's code and the message."""


class Models:
    """The highest version of each model, loaded when it is there."""

    def __init__(self, config: Path):
        text = text_format.Parse(config.read_text(), model_server_config_pb2.ModelServerConfig())
        self._folders = {entry.name: Path(entry.base_path) for entry in text.model_config_list.config}
        self._loaded: dict[str, tuple[int, Any]] = {}
        self.poll()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(POLL_S)
            self.poll()

    def poll(self) -> None:
        """Loads versions that have appeared; the one before stays until then."""
        for name, folder in self._folders.items():
            newest = max((int(v.name) for v in folder.iterdir() if v.name.isdigit()), default=None)
            if newest is not None and self._loaded.get(name, (0,))[0] != newest:
                self._loaded[name] = newest, tf.saved_model.load(str(folder / str(newest)))

    def version(self, name: str) -> int:
        if name not in self._loaded:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {name}")
        return self._loaded[name][0]

    def signature(self, name: str, signature: str, version: int | None) -> Any:
        if version not in (None, self.version(name)):
            spec = f"Servable not found for request: Specific({name}, {version})"
            raise Refused(grpc.StatusCode.NOT_FOUND, spec)
        signatures = self._loaded[name][1].signatures
        if signature not in signatures:
            message = f'Serving signature key "{signature}" not found.'
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, message)
        return signatures[signature]

    def call(self, signature: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        specs = signature.structured_input_signature[1]
        if set(inputs) != set(specs):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"input names must be {sorted(specs)}")
        try:
            return {name: value.numpy() for name, value in signature(**inputs).items()}
        except (tf.errors.OpError, ValueError, TypeError) as error:
            text = str(error)
            begin = text.find("assertion failed")
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, text[max(begin, 0) :]) from None


class Grpc(
    prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer
):
    def __init__(self, models: Models):
        self._models = models

    def Predict(self, request: Any, context: Any) -> Any:
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        inputs = {name: tf.constant(tf.make_ndarray(proto)) for name, proto in request.inputs.items()}
        try:
            signature = self._models.signature(spec.name, spec.signature_name, version)
            outputs = self._models.call(signature, inputs)
        except Refused as refused:
            context.abort(*refused.args)
        response = predict_pb2.PredictResponse()
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response

    def GetModelStatus(self, request: Any, context: Any) -> Any:
        try:
            version = self._models.version(request.model_spec.name)
        except Refused as refused:
            context.abort(*refused.args)
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=version, state=_STATES.Value("AVAILABLE"))
        return response


class Rest(BaseHTTPRequestHandler):
    models: Models

    def do_GET(self) -> None:
        name = self.path.removeprefix("/v1/models/")
        try:
            version = str(self.models.version(name))
        except Refused as refused:
            return self._answer(404, {"error": refused.args[1]})
        status = {"error_code": "OK", "error_message": ""}
        state = {"version": version, "state": "AVAILABLE", "status": status}
        self._answer(200, {"model_version_status": [state]})

    def do_POST(self) -> None:
        path = self.path.removeprefix("/v1/models/").removesuffix(":predict").split("/versions/")
        version = int(path[1]) if len(path) > 1 else None
        try:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            signature = self.models.signature(path[0], body["signature_name"], version)
            specs = signature.structured_input_signature[1]
            inputs = {n: tf.constant(_from_json(v), specs[n].dtype) for n, v in body["inputs"].items()}
            outputs = {name: _to_json(name, v) for name, v in self.models.call(signature, inputs).items()}
        except Refused as refused:
            status = 404 if refused.args[0] == grpc.StatusCode.NOT_FOUND else 400
            return self._answer(status, {"error": refused.args[1]})
        except (ValueError, KeyError, TypeError) as error:
            return self._answer(400, {"error": str(error)})
        self._answer(200, {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))})

    def _answer(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        pass


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    return [_from_json(item) for item in value] if isinstance(value, list) else value


def _to_json(name: str, value: np.ndarray) -> Any:
    if value.dtype == np.object_:
        encoded = name.endswith("_bytes")
        return [{"b64": base64.b64encode(text).decode()} if encoded else text.decode() for text in value]
    return value.tolist()


class Serving(NamedTuple):
    """What runs, and on which ports of loopback."""

    grpc: Any
    rest: ThreadingHTTPServer
    grpc_port: int
    rest_port: int

    def stop(self) -> None:
        self.grpc.stop(0)
        self.rest.shutdown()


def serve(config: Path, grpc_port: int = 0, rest_port: int = 0) -> Serving:
    """Starts both interfaces; a port of 0 is any that is free."""
    models = Models(config)
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Grpc(models), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Grpc(models), server)
    grpc_port = server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    server.start()
    handler = type("Handler", (Rest,), {"models": models})
    rest = ThreadingHTTPServer(("127.0.0.1", rest_port), handler)
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    return Serving(server, rest, grpc_port, rest.server_port)


if __name__ == "__main__":
    _parser = argparse.ArgumentParser()
    _parser.add_argument("--port", type=int)
    _parser.add_argument("--rest_api_port", type=int)
    _parser.add_argument("--model_config_file", type=Path)
    _arguments, _ = _parser.parse_known_args()
    serve(_arguments.model_config_file, _arguments.port, _arguments.rest_api_port).grpc.wait_for_termination()
