"""What the README shows works, and its figures are those of the files they come from."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

# The examples' own lines, with numbers that take seconds.
_SMALLER = {"filters=128": "filters=8", "epochs=5": "epochs=1", "steps_per_epoch=300": "steps_per_epoch=2"}


def _examples(repo_root, page="README.md") -> list[str]:
    text = (repo_root / page).read_text()
    return re.findall(r"<!-- example: run by the tests -->\n```python\n(.*?)```", text, re.DOTALL)


def test_the_keras_example_trains(repo_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = next(example for example in _examples(repo_root) if "Autoencoder" in example)
    assert len(code.strip().splitlines()) <= 10
    for line, smaller in _SMALLER.items():
        assert line in code
        code = code.replace(line, smaller)
    names: dict = {}
    exec(code, names)
    assert names["reconstruction"].shape == [16, 64, 64, 1]
    assert list((tmp_path / "logs").rglob("events*"))


def test_the_front_end_example_says_what_comes_out(repo_root):
    code = next(example for example in _examples(repo_root) if "FrontEnd()" in example)
    names: dict = {}
    exec(code, names)
    assert names["image"].shape == [128, 188, 1] and names["mel"].shape == [128, 188]
    assert names["sound"].shape == [48000]
    np.testing.assert_allclose(names["ms_ssim"](names["image"][None], names["image"][None], scales=4), [1.0])


def test_the_example_of_the_losses_trains_and_counts(repo_root):
    code = next(example for example in _examples(repo_root) if "MSSSIM(scales=4)" in example)
    assert len(code.strip().splitlines()) <= 10
    names: dict = {}
    exec(code, names)
    assert set(names["history"].history) == {"loss", "nlpd"}


def test_the_codecs_example_codes(repo_root, monkeypatch):
    monkeypatch.chdir(repo_root)
    names: dict = {}
    exec(next(example for example in _examples(repo_root) if "tfnoise.Codec" in example), names)
    assert names["sample_rate_hz"] == 44100 and names["waveform"].shape == (44100,)
    assert names["piece"].shape[1] == 1


def test_the_clients_example_codes(repo_root, monkeypatch):
    pytest.importorskip("tensorflow_serving", reason="needs tensorflow-serving-api, the extra `serving`")
    from tests.serving.stand_in_server import serve
    from tfnoise.serving.server_config import models_config

    monkeypatch.chdir(repo_root)
    code = next(example for example in _examples(repo_root) if "ServedCodec" in example)
    with tempfile.NamedTemporaryFile("w", suffix=".config") as config:
        config.write(models_config(repo_root / "saved_models"))
        config.flush()
        running = serve(Path(config.name))
    assert "localhost:8501" in code
    names: dict = {}
    exec(code.replace("localhost:8501", f"127.0.0.1:{running.rest_port}"), names)
    running.stop()
    assert names["sound"].shape == (22050, 1) and names["sample_rate_hz"] == 44100


def test_the_example_of_signatures_codes(repo_root, monkeypatch):
    monkeypatch.chdir(repo_root)
    (code,) = _examples(repo_root, "docs/serving.md")
    names: dict = {}
    exec(code, names)
    assert len(names["bitstrings"]) == 1
    assert names["bitstrings"][0] == names["answer"]["bitstring_bytes"].numpy()[0]


def test_every_example_is_marked_and_run(repo_root):
    assert (repo_root / "README.md").read_text().count("```python") == len(_examples(repo_root)) == 5


@pytest.mark.parametrize(
    "name",
    [
        "results",
        "listeners",
        "speed",
        "sound",
        "codec",
        "phases",
        "kinds",
        "training",
        "bfloat16",
        "serving",
        "noise",
    ],
)
def test_the_tables_are_what_their_script_makes_of_the_files(repo_root, name):
    script = repo_root / "docs" / "results" / "table.py"
    spec = importlib.util.spec_from_file_location("results_table", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path, make = module.TABLES[name]
    begin, end = module.marks(name)
    assert make() == path.read_text().split(begin)[1].split(end)[0].strip()


@pytest.mark.parametrize("folder", ["audio", "data", "losses", "layers", "codec", "training", "evaluation"])
def test_folders_that_the_readme_names_exist(repo_root, folder):
    assert f"`tfnoise/{folder}`" in (repo_root / "README.md").read_text()
    assert (repo_root / "tfnoise" / folder / "__init__.py").is_file()


def test_importing_the_library_brings_in_nothing_slow_and_prints_nothing(repo_root):
    code = (
        "import sys, tfnoise\n"
        "assert 'tensorflow' not in sys.modules\n"
        "import tfnoise.losses, tfnoise.layers, tfnoise.autoencoder\n"
        "import tfnoise.audio, tfnoise.data, tfnoise.codec\n"
        "slow = {'tensorflow_io', 'matplotlib', 'soundfile', 'soxr'} & set(sys.modules)\n"
        "assert not slow, slow\n"
        "from absl import flags\n"
        "assert not flags.FLAGS.is_parsed()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=repo_root)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
