"""Requests to TensorFlow Serving: over REST by the standard library, over gRPC by its official stubs."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import numpy as np
import tensorflow as tf

from tfnoise.errors import InputError

Values = Mapping[str, Any]
"""Inputs or outputs of a signature by name: arrays, or lists of bytes."""


class ServerError(InputError):
    """A server cannot be reached, or refuses a request; the message is one line that says why."""


class VersionStatus(NamedTuple):
    """The state of a version of a model on a server.

    >>> VersionStatus(2, "AVAILABLE", "").is_available
    True

    Attributes:
      version: number of the version.
      state: "AVAILABLE", or "START", "LOADING", "UNLOADING", "END".
      error: why it is not available; "" for no error.
    """

    version: int
    state: str
    error: str

    @property
    def is_available(self) -> bool:
        """Whether the server answers requests to the version."""
        return self.state == "AVAILABLE"


class Connection(Protocol):
    """A connection to a server: `RestConnection`, `GrpcConnection`."""

    address: str

    def call(self, model: str, signature: str, inputs: Values, version: int | None = None) -> dict[str, Any]:
        """The outputs of a signature by name.

        Args:
          model: name of the model on the server.
          signature: name of the signature.
          inputs: its inputs.
          version: of the model; None: the server's choice.

        Raises:
          ServerError: the server cannot be reached, or refuses.
        """
        ...

    def status(self, model: str) -> list[VersionStatus]:
        """The versions of a model on the server, the highest first.

        Raises:
          ServerError: the server cannot be reached, or has no such model.
        """
        ...


class RestConnection:
    """Requests over HTTP; see `Connection`. A signature with one output gives it under the name "".

    >>> RestConnection(timeout_s=5).address
    'localhost:8501'

    Args:
      address: HOST:PORT; None: localhost:8501.
      timeout_s: seconds to wait for an answer.
    """

    def __init__(self, address: str | None = None, timeout_s: float = 60.0):
        self.address, self._timeout_s = address or "localhost:8501", timeout_s

    def call(self, model: str, signature: str, inputs: Values, version: int | None = None) -> dict[str, Any]:
        """The outputs of a signature."""
        body = {
            "signature_name": signature,
            "inputs": {name: _to_json(value) for name, value in inputs.items()},
        }
        version_path = "" if version is None else f"/versions/{version}"
        outputs = self._answer(f"{quote(model, safe='')}{version_path}:predict", body).get("outputs")
        outputs = outputs if isinstance(outputs, dict) else {"": outputs}
        return {name: _from_json(value) for name, value in outputs.items()}

    def status(self, model: str) -> list[VersionStatus]:
        """The versions of a model, the highest first."""
        entries = self._answer(quote(model, safe=""), None).get("model_version_status", [])
        versions = [
            VersionStatus(int(e["version"]), e["state"], str(e.get("status", {}).get("error_message", "")))
            for e in entries
        ]
        return sorted(versions, reverse=True)

    def _answer(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.address}/v1/models/{path}", data)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise ServerError(f"{self.address}: {_refusal(error)}") from None
        except http.client.HTTPException:
            raise ServerError(f"{self.address}: the answer is no HTTP; is this a REST port?") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, (TimeoutError, socket.timeout)):
                raise ServerError(_timed_out(self.address, self._timeout_s)) from None
            text = getattr(reason, "strerror", None) or reason
            remedy = "is bin/serve running there?"
            raise ServerError(f"{self.address}: cannot be reached ({text}); {remedy}") from None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ServerError(f"{self.address}: the answer is no JSON object; is this a REST port?")
        return answer


class GrpcConnection:
    """Requests over gRPC, by tensorflow-serving-api (the extra `serving`); see `Connection`.

    Args:
      address: HOST:PORT; None: localhost:8500.
      timeout_s: seconds to wait for an answer.

    Raises:
      InputError: the stubs are not installed.
    """

    def __init__(self, address: str | None = None, timeout_s: float = 60.0):
        try:
            import grpc
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        except ImportError:
            raise InputError(
                "gRPC needs tensorflow-serving-api; run: pip install 'tfnoise[serving]'"
            ) from None
        self.address, self._timeout_s, self._error = address or "localhost:8500", timeout_s, grpc.RpcError
        # gRPC's own limit is 4 MiB, about four minutes of sound.
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        channel = grpc.insecure_channel(self.address, options)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(channel)

    def call(self, model: str, signature: str, inputs: Values, version: int | None = None) -> dict[str, Any]:
        """The outputs of a signature."""
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, signature
        if version is not None:
            request.model_spec.version.value = version
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        arrays = {
            name: tf.make_ndarray(proto)
            for name, proto in self._answer(self._predictions.Predict, request).outputs.items()
        }
        return {
            name: [bytes(text) for text in array.reshape(-1)] if array.dtype == np.object_ else array
            for name, array in arrays.items()
        }

    def status(self, model: str) -> list[VersionStatus]:
        """The versions of a model, the highest first."""
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        answer = self._answer(self._models.GetModelStatus, request)
        states = get_model_status_pb2.ModelVersionStatus.State
        versions = [
            VersionStatus(entry.version, states.Name(entry.state), entry.status.error_message)
            for entry in answer.model_version_status
        ]
        return sorted(versions, reverse=True)

    def _answer(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout_s)
        except self._error as error:
            code = error.code().name
            if code == "DEADLINE_EXCEEDED":
                raise ServerError(_timed_out(self.address, self._timeout_s)) from None
            reason = first_line(error.details() or code)
            if code == "UNAVAILABLE":
                reason = first_line(error.details()).rsplit(": ", 1)[-1].rstrip(")")
                reason = f"cannot be reached ({reason}); is bin/serve running there, with this gRPC port?"
            raise ServerError(f"{self.address}: {reason}") from None


def first_line(message: str) -> str:
    r"""A server's message without the names of the graph's operations.

    >>> first_line("assertion failed: [bpp must be above 0] [0 -1]\n\t [[{{node Assert}}]]")
    'bpp must be above 0 0 -1'
    """
    line = message.split("\n\t [[")[0].split(" [[{{")[0].strip()
    line = line.removeprefix("assertion failed: ").replace("\\'", "'")
    return " ".join(line.replace("[", "").replace("]", "").split()) if line else "no reason given"


def _timed_out(address: str, timeout_s: float) -> str:
    return f"{address}: no answer within {timeout_s:g} s; raise timeout_s"


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        text = str(json.loads(error.read(1 << 16).decode(errors="replace"))["error"])
    except (ValueError, KeyError, TypeError):
        text = f"HTTP status {error.code}"
    return first_line(text)


def _to_json(value: Any) -> Any:
    if isinstance(value, list):
        return [{"b64": base64.b64encode(text).decode()} for text in value]
    return np.asarray(value).tolist()


def _from_json(value: Any) -> Any:
    """Arrays of numbers, and lists of bytes."""
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict):
        try:
            return [base64.b64decode(text["b64"], validate=True) for text in value]
        except (KeyError, TypeError, ValueError):
            raise ServerError("the answer's bytes are not base64") from None
    return [text.encode() for text in value] if isinstance(first, str) else np.asarray(value)
