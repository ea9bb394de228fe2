"""bin/client and the connections behind it, against a stand-in server."""

from __future__ import annotations

import json
import socket
import sys
import threading

import numpy as np
import pytest
import soundfile

from tests.tiny_models import FRONT_END
from tfnoise import Codec
from tfnoise.errors import InputError
from tfnoise.serving import GrpcConnection, RestConnection, ServedCodec, ServerError
from tfnoise.serving.connections import first_line

PROTOCOLS = {"rest": RestConnection, "grpc": GrpcConnection}


@pytest.fixture(params=list(PROTOCOLS))
def connection(request, stand_in):
    return PROTOCOLS[request.param](stand_in[request.param])


@pytest.fixture
def name(exported) -> str:
    return exported.version.parent.name


@pytest.fixture
def served(connection, name) -> ServedCodec:
    return ServedCodec(connection, name)


def test_a_file_is_coded_by_the_server_as_it_is_here(served, local_codec, waveform):
    assert served.fingerprint == local_codec.fingerprint and served.front_end == FRONT_END
    data = served.compress(waveform, 8000, local_codec)
    files = local_codec.compress(waveform, 8000), data
    ours, servers = (local_codec.bitstrings_from_file(file)[0] for file in files)
    # The server counts the bits of the step's own tables, which are never fewer.
    assert 0 <= servers[1] - ours[1] <= 20 and len(servers) == len(ours)
    sound, rate_hz = served.decompress(data, local_codec)
    assert sound.shape == (12000, 1) and rate_hz == 8000 and np.isfinite(sound).all()


@pytest.mark.parametrize(("rate_hz", "samples"), [(8000, 1), (44100, 44101), (11025, 5000), (8000, 12800)])
def test_lengths_and_rates_come_back(served, local_codec, rate_hz, samples):
    wave = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    data = served.compress(wave, rate_hz, local_codec)
    for sound, rate in (served.decompress(data, local_codec), local_codec.decompress(data)):
        assert rate == rate_hz and len(sound) == samples


def test_two_channels_of_a_file_are_decoded_at_once(served, connection, local_codec, name, waveform):
    data = local_codec.compress(np.stack([waveform, waveform[::-1]], 1), 8000)
    sound, _ = served.decompress(data, local_codec)
    assert sound.shape == (12000, 2)
    for channel, string in enumerate(local_codec.bitstrings_from_file(data)):
        alone = connection.call(name, "decompress_audio", {"bitstring_bytes": [string]})
        np.testing.assert_array_equal(sound[:, channel], next(iter(alone.values()))[0])


def test_status_versions_and_refusals(connection, name):
    (status,) = connection.status(name)
    assert (status.version, status.state, status.error) == (1, "AVAILABLE", "")
    with pytest.raises(ServerError, match="nope"):
        connection.status("nope")
    with pytest.raises(ServerError, match="9"):
        ServedCodec(connection, name, version=9)
    assert ServedCodec(connection, name, version=1).settings["training"] == {"loss": "mse"}
    inputs = {"image": np.full([1, 48, 32, 1], np.float32(7)), "bpp": np.zeros(1, np.float32)}
    with pytest.raises(ServerError) as caught:
        connection.call(name, "compress", inputs)
    assert "within 0, 1" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ServerError, match="another"):
        connection.call(name, "another", {"ask": [b""]})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_says_nothing_or_is_not_there(protocol):
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as free:
        address, absent = (f"127.0.0.1:{server.getsockname()[1]}" for server in (silent, free))
        free.close()
        with pytest.raises(ServerError, match="timeout_s|cannot be reached"):
            PROTOCOLS[protocol](address, timeout_s=0.5).status("any")
        with pytest.raises(ServerError, match=f"{absent}.*bin/serve"):
            PROTOCOLS[protocol](absent).status("any")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\n<html>", b"HTTP/1.1 200 OK\r\n\r\n[1]", b"SSH-2.0\r\n", b""]
)
def test_a_server_that_is_another(answer):
    with socket.create_server(("127.0.0.1", 0)) as other:

        def serve() -> None:
            taken, _ = other.accept()
            taken.recv(4096)
            taken.sendall(answer)
            taken.close()

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(ServerError) as caught:
            RestConnection(f"127.0.0.1:{other.getsockname()[1]}").status("any")
    assert "\n" not in str(caught.value)


def test_messages_lose_the_names_of_operations():
    nodes = "[[{{function_node f}}{{node Assert_6/Assert}}]]"
    text = f"assertion failed: [image must be within [0, 1]]\n\t {nodes}"
    assert first_line(text) == "image must be within 0, 1" and first_line("") == "no reason given"


def test_another_model_here_is_refused(served, exported, version_of, waveform):
    bottleneck = "levels" if exported.model.get_config()["bottleneck"] == "entropy" else "entropy"
    with pytest.raises(InputError, match="fingerprint"):
        served.compress(waveform, 8000, Codec.load(version_of(bottleneck)))


def test_the_script_end_to_end(stand_in, exported, name, waveform, run_script, tmp_path):
    soundfile.write(tmp_path / "in.wav", np.stack([waveform, waveform], 1), 8000)
    export_dir = exported.version.parents[1]
    both = [f"--name={name}", f"--model={export_dir / name}"]
    rest, grpc = [f"--server={stand_in['rest']}", *both], ["--grpc", f"--server={stand_in['grpc']}", *both]
    done = run_script("client", "compress", "in.wav", "-o", "rest.tfn", *rest)
    assert done.status == 0, done.stderr
    done = run_script("client", "compress", "in.wav", "-o", "grpc.tfn", *grpc, "--json")
    assert done.status == 0, done.stderr
    (row,) = json.loads(done.stdout)["files"]
    assert row["path"] == "grpc.tfn" and row["intact"]
    assert (tmp_path / "rest.tfn").read_bytes() == (tmp_path / "grpc.tfn").read_bytes()
    done = run_script("client", "decompress", "rest.tfn", *rest)
    assert done.status == 0 and "wrote rest.wav" in done.stdout
    assert soundfile.info(str(tmp_path / "rest.wav")).frames == 12000
    again = run_script("client", "decompress", "rest.tfn", *rest)
    assert again.status == 1 and "--force" in again.stderr
    (tmp_path / "cut.tfn").write_bytes((tmp_path / "rest.tfn").read_bytes()[:-5])
    cut = run_script("client", "decompress", "cut.tfn", *rest)
    assert cut.status == 1 and "bin/decompress --on_damage" in cut.stderr
    status = run_script("client", "status", *rest)
    assert status.status == 0 and "AVAILABLE" in status.stdout
    metadata = run_script("client", "metadata", *rest, "--json")
    assert json.loads(metadata.stdout)["training"] == {"loss": "mse"}


def test_the_script_starts_and_says_what_is_wrong(run_script, run_process, tmp_path):
    (tmp_path / "x.wav").write_bytes(b"")
    usage = ["dance"], ["compress"], ["status", "x.wav"], ["status", "--timeout_s=0"], ["status", "--play"]
    servers = ["status", "--server=127.0.0.1:1"], ["status", "--server=not an address"]
    for arguments in (*usage, ["compress", "x.wav", "--bpp=-1"], *servers):
        done = run_script("client", *arguments)
        assert done.status == (1 if arguments in servers else 2) and done.stderr.count("\n") == 1, done
    assert run_process("client", "dance").status == 2


def test_without_the_extra_grpc_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.raises(InputError, match=r"pip install 'tfnoise\[serving\]'"):
        GrpcConnection()
