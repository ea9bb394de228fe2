"""TensorFlow Serving's REST interface, by the standard library alone."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import numpy as np

from tfnoise.serving.client import ServerError, Values, VersionStatus, first_line

DEFAULT_ADDRESS = "localhost:8501"
_BYTES_SUFFIX = "_bytes"


class RestConnection:
    """Requests over HTTP; see `tfnoise.serving.client.Connection`.

    Args:
      address: HOST:PORT.
      timeout_s: how long an answer may take.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, timeout_s: float = 60.0):
        self.address, self._timeout_s = address, timeout_s

    def call(self, model: str, signature: str, inputs: Values, version: int | None = None) -> dict[str, Any]:
        """The outputs of a signature; one that has a single output gives it without its name."""
        body = {
            "signature_name": signature,
            "inputs": {name: _plain(value) for name, value in inputs.items()},
        }
        outputs = self._answer(f"{_path(model, version)}:predict", body).get("outputs")
        if not isinstance(outputs, dict):
            outputs = {"": outputs}
        return {name: _value(value) for name, value in outputs.items()}

    def status(self, model: str) -> list[VersionStatus]:
        """The versions of a model, the highest first."""
        found = self._answer(_path(model, None), None).get("model_version_status", [])
        versions = [
            VersionStatus(
                int(entry["version"]), entry["state"], str(entry.get("status", {}).get("error_message", ""))
            )
            for entry in found
        ]
        return sorted(versions, reverse=True)

    def _answer(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.address}{path}", data)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise ServerError(f"{self.address}: {_reason(error)}") from None
        except urllib.error.URLError as error:
            raise ServerError(self._unreachable(error.reason)) from None
        except http.client.HTTPException:
            raise ServerError(f"{self.address}: the answer is no HTTP; is this a REST port?") from None
        except OSError as error:
            raise ServerError(self._unreachable(error)) from None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ServerError(f"{self.address}: the answer is no JSON object; is this a REST port?")
        return answer

    def _unreachable(self, reason: Any) -> str:
        if isinstance(reason, (TimeoutError, socket.timeout)):
            return f"{self.address}: no answer within {self._timeout_s:g} s; give more with --timeout_s"
        text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
        return f"{self.address}: cannot be reached ({text}); is bin/serve running there?"


def _path(model: str, version: int | None) -> str:
    return f"/v1/models/{quote(model, safe='')}" + ("" if version is None else f"/versions/{version}")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [{"b64": base64.b64encode(text).decode()} for text in value]
    return np.asarray(value).tolist()


def _value(value: Any) -> Any:
    """Arrays of numbers, and lists of bytes."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        try:
            return [base64.b64decode(text["b64"], validate=True) for text in value]
        except (KeyError, TypeError, ValueError):
            raise ServerError("the answer holds something that is no bytes") from None
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [text.encode() for text in value]
    return np.asarray(value)


def _reason(error: urllib.error.HTTPError) -> str:
    text = error.read(1 << 16).decode(errors="replace")
    try:
        text = str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        text = f"HTTP status {error.code}"
    return first_line(text)
