"""The server's configuration, parsed by the official protos, or by their definitions."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

from tfnoise.serving import exported_models, server_config, write_server_config

_FIELD = descriptor_pb2.FieldDescriptorProto

# tensorflow_serving/servables/tensorflow/session_bundle_config.proto and config/monitoring_config.proto,
# which tensorflow-serving-api does not hold, as far as they are used.
_FIELDS = {
    "BatchingParameters": {
        "max_batch_size": (1, ".google.protobuf.Int64Value"),
        "batch_timeout_micros": (2, ".google.protobuf.Int64Value"),
        "max_enqueued_batches": (3, ".google.protobuf.Int64Value"),
        "num_batch_threads": (4, ".google.protobuf.Int64Value"),
    },
    "PrometheusConfig": {"enable": (1, _FIELD.TYPE_BOOL), "path": (2, _FIELD.TYPE_STRING)},
    "MonitoringConfig": {"prometheus_config": (1, ".PrometheusConfig")},
}


def _message(name: str):
    file = descriptor_pb2.FileDescriptorProto(name="config.proto", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for message_name, fields in _FIELDS.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number, label=_FIELD.LABEL_OPTIONAL)
            if isinstance(kind, str):
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, kind
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()


def _parsed_models(text: str):
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    return text_format.Parse(text, config.ModelServerConfig()).model_config_list.config


def test_models_are_those_of_the_folder_with_their_names_quoted(version_of, tmp_path):
    model_folder = tmp_path / "tiny"
    model_folder.symlink_to(version_of("levels").parent)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    (model,) = _parsed_models((write_server_config(tmp_path)[0]).read_text())
    assert model.name == "tiny" and model.model_platform == "tensorflow"
    assert Path(model.base_path) == model_folder.resolve()
    assert exported_models(tmp_path) == [model_folder]
    assert exported_models(tmp_path / "absent") == []
    odd = model_folder.rename(tmp_path / 'a "quoted" \\ name\u00e9')
    (model,) = _parsed_models(server_config.models_config(tmp_path))
    assert model.name == odd.name


def test_batching_and_monitoring_are_what_the_server_knows():
    batching = text_format.Parse(server_config.batching_config(), _message("BatchingParameters"))
    assert batching.max_batch_size.value == 16 and batching.batch_timeout_micros.value > 0
    assert batching.num_batch_threads.value >= 1 and batching.max_enqueued_batches.value > 0
    monitoring = text_format.Parse(server_config.monitoring_config(), _message("MonitoringConfig"))
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == server_config.METRICS_PATH


def test_somebodys_own_configuration_stays(version_of, tmp_path):
    (tmp_path / "model").symlink_to(version_of("levels").parent, target_is_directory=True)
    models, batching, monitoring = write_server_config(tmp_path)
    own = batching.read_text().replace(f"{server_config.FIRST_LINE}\n", "")
    batching.write_text(own)
    models.write_text(models.read_text() + "# a line that an export removes\n")
    assert write_server_config(tmp_path) == [models, batching, monitoring]
    assert batching.read_text() == own and "a line" not in models.read_text()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"batching.config", "model", "models.config", "monitoring.config"}
