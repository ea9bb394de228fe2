"""Requests that a server makes to itself before it says that a model is there, so that no client waits.

TensorFlow Serving reads them from `assets.extra/tf_serving_warmup_requests`, a TFRecord of its PredictionLog
messages. They are written here by their bytes, so that an export does not need the server's protocol.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"

# Numbers of fields of tensorflow_serving/apis: PredictionLog, PredictLog, PredictRequest, ModelSpec.
_PREDICT_LOG, _REQUEST = 6, 1
_MODEL_SPEC, _INPUTS = 1, 2
_NAME, _SIGNATURE_NAME = 1, 3
_KEY, _VALUE = 1, 2
_LENGTH_DELIMITED = 2


def write_warm_up(saved_model: Path, name: str, examples: dict[str, dict[str, tf.Tensor]]) -> None:
    """Writes one request a signature.

    Args:
      saved_model: the folder of the SavedModel.
      name: of the model.
      examples: each signature's inputs by name; a server does not load a model that fails on them.
    """
    path = saved_model / WARM_UP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in examples.items():
            writer.write(prediction_log(name, signature, inputs))


def prediction_log(name: str, signature: str, inputs: dict[str, tf.Tensor]) -> bytes:
    """The PredictionLog message of a request.

    Args:
      name: of the model.
      signature: of its signature.
      inputs: tensors by name.
    """
    spec = _field(_NAME, name.encode()) + _field(_SIGNATURE_NAME, signature.encode())
    request = _field(_MODEL_SPEC, spec)
    for key, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(_INPUTS, _field(_KEY, key.encode()) + _field(_VALUE, tensor))
    return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _field(number: int, value: bytes) -> bytes:
    """A field of protocol buffers' wire format that has a length."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
