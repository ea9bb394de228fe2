"""TensorFlow Serving's gRPC interface, by its official stubs (the extra `serving`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.errors import InputError
from tfnoise.serving.client import ServerError, Values, VersionStatus, first_line

DEFAULT_ADDRESS = "localhost:8500"


class GrpcConnection:
    """Requests over gRPC; see `tfnoise.serving.client.Connection`.

    Args:
      address: HOST:PORT.
      timeout_s: how long an answer may take.

    Raises:
      InputError: the stubs are not installed.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, timeout_s: float = 60.0):
        try:
            import grpc
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        except ImportError:
            raise InputError(
                "gRPC needs tensorflow-serving-api; run: pip install 'tfnoise[serving]'"
            ) from None
        self.address, self._timeout_s, self._error = address, timeout_s, grpc.RpcError
        # gRPC's own limit is 4 MiB, about four minutes of sound.
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        channel = grpc.insecure_channel(address, options)
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
        answer = self._asked(self._predictions.Predict, request)
        return {name: _value(tensor) for name, tensor in answer.outputs.items()}

    def status(self, model: str) -> list[VersionStatus]:
        """The versions of a model, the highest first."""
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        answer = self._asked(self._models.GetModelStatus, request)
        states = get_model_status_pb2.ModelVersionStatus.State
        versions = [
            VersionStatus(entry.version, states.Name(entry.state), entry.status.error_message)
            for entry in answer.model_version_status
        ]
        return sorted(versions, reverse=True)

    def _asked(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout_s)
        except self._error as error:
            raise ServerError(f"{self.address}: {self._reason(error)}") from None

    def _reason(self, error: Any) -> str:
        code = error.code().name
        if code == "DEADLINE_EXCEEDED":
            return f"no answer within {self._timeout_s:g} s; give more with --timeout_s"
        if code == "UNAVAILABLE":
            reason = first_line(error.details()).rsplit(": ", 1)[-1].rstrip(")")
            return f"cannot be reached ({reason}); is bin/serve running there, with this gRPC port?"
        return first_line(error.details() or code)


def _value(tensor: Any) -> Any:
    array = tf.make_ndarray(tensor)
    return [bytes(text) for text in array.reshape(-1)] if array.dtype == np.object_ else array
