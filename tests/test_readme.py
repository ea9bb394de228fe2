"""The documentation: its examples run, commands, paths and links exist, and tables equal their JSON files."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from absl import flags

from tests import scripts
from tfnoise.cli import output
from tfnoise.cli.verb import FlagDefiner

_REPOSITORY = scripts.REPOSITORY
_TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "saved_models/README.md")
_PAGES = [*(_REPOSITORY / name for name in _TOP), *sorted((_REPOSITORY / "docs").rglob("*.md"))]
# Numbers of the README's training that take seconds.
_SMALLER = {"filters=128": "filters=8", "epochs=5": "epochs=1", "steps_per_epoch=300": "steps_per_epoch=2"}


def _names(path: Path) -> str:
    return str(path.relative_to(_REPOSITORY))


def _example(page: str, what: str, replace: dict[str, str] | None = None) -> dict:
    """Runs the example of a page that contains a text; gives its names."""
    pattern = r"<!-- example: run by the tests -->\n```python\n(.*?)```"
    examples = re.findall(pattern, (_REPOSITORY / page).read_text(), re.DOTALL)
    (code,) = [code for code in examples if what in code]
    for old, new in (replace or {}).items():
        assert old in code
        code = code.replace(old, new)
    names: dict = {}
    exec(code, names)
    return names


@pytest.fixture
def folder(tmp_path, monkeypatch, run_folder):
    """A working directory with a tiny model as saved_models/best."""
    from tests.tiny_models import exported_once

    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "best").symlink_to(exported_once(run_folder, "entropy").parent)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_python_example_is_marked_and_run():
    counts = {_names(page): page.read_text().count("```python") for page in _PAGES}
    marked = {_names(page): page.read_text().count("<!-- example: run by the tests -->") for page in _PAGES}
    assert counts == marked
    assert {page: count for page, count in counts.items() if count} == {
        "README.md": 3,
        "docs/guide/codec.md": 1,
        "docs/guide/data.md": 1,
        "docs/guide/losses.md": 1,
        "docs/guide/serve.md": 2,
        "docs/guide/train.md": 1,
    }


def test_examples_of_training():
    assert _example("README.md", "tfnoise.Autoencoder", _SMALLER)["reconstruction"].shape == [16, 64, 64, 1]
    names = _example("docs/guide/train.md", "EntropyBottleneck")
    shapes = [names[name].shape for name in ("latent", "bits", "reconstruction")]
    assert shapes == [[1, 4, 4, 16], [1], [1, 64, 64, 1]]


def test_examples_of_losses(capsys):
    assert set(_example("README.md", "MSSSIM(scales=4)")["history"].history) == {"loss", "nlpd"}
    _example("docs/guide/losses.md", "loss_by_name")
    assert "[1. 1.]" in capsys.readouterr().out


def test_examples_of_codec_and_front_end(folder):
    for page in ("README.md", "docs/guide/codec.md"):
        names = _example(page, "tfnoise.Codec")
        assert names["sample_rate_hz"] == 44100 and names["decoded"].shape == (44100,)
    assert names["piece"].shape[1] == 1
    names = _example("docs/guide/data.md", "FrontEnd()")
    assert names["image"].shape == [128, 188, 1] and names["mel"].shape == [128, 188]
    assert names["sound"].shape == [48000]


def test_examples_of_serving(folder):
    names = _example("docs/guide/serve.md", "signatures")
    assert len(names["bitstrings"]) == 1
    assert names["bitstrings"][0] == names["answer"]["bitstring_bytes"].numpy()[0]

    pytest.importorskip("tensorflow_serving", reason="needs tensorflow-serving-api, the extra `serving`")
    from tests.tools.stand_in_server import serve
    from tfnoise.serving.server_config import models_config

    with tempfile.NamedTemporaryFile("w", suffix=".config") as config:
        config.write(models_config(folder / "saved_models"))
        config.flush()
        running = serve(Path(config.name))
    port = {"localhost:8501": f"127.0.0.1:{running.rest_port}"}
    names = _example("docs/guide/serve.md", "ServedCodec", port)
    running.stop()
    assert names["sound"].shape == (22050, 1) and names["sample_rate_hz"] == 44100


def _commands(page: Path) -> list[list[str]]:
    """Command lines of the tools in the blocks of a page, without comments."""
    text = page.read_text().replace("\\\n", " ")
    lines = re.findall(r"^    .*?(?<!/)(bin/(?!activate)[a-z_]+ .*)$", text, re.MULTILINE)
    return [
        shlex.split(line.split("; ")[0].split(" > ")[0].replace("[", "").replace("]", ""), comments=True)
        for line in lines
    ]


@pytest.mark.parametrize("page", _PAGES, ids=_names)
def test_tools_and_flags_exist(page):
    tools = set(re.findall(r"(?<![\w/])bin/([a-z_]+)", page.read_text()))
    assert all((_REPOSITORY / "bin" / tool).is_file() for tool in tools), tools
    for command in _commands(page):
        name = command[0].removeprefix("bin/")
        verb = importlib.import_module("benchmarks.verb" if name == "benchmark" else f"tfnoise.cli.{name}")
        values = flags.FlagValues()
        output.define_flags(FlagDefiner(values))
        verb.define_flags(FlagDefiner(values))
        for flag in [argument for argument in command[1:] if re.match("--?[a-z]", argument)]:
            flag = flag.lstrip("-").split("=")[0]
            assert flag in values or flag.removeprefix("no") in values or flag == "flagfile", (command, flag)


@pytest.mark.parametrize("page", _PAGES, ids=_names)
def test_paths_and_links_exist(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    if page.name != "CHANGELOG.md":
        paths = re.findall(r"`((?:tfnoise|tests|docs|configs|bin|benchmarks)/[\w./]+)`", text)
        missing = [
            path for path in paths if not re.search("[A-Z]{3}", path) and not (_REPOSITORY / path).exists()
        ]
        assert not missing
    for link in re.findall(r"\]\(\s*([^)\s]+)\)", text):
        file, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / file if file else page
        assert target.is_file(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, link


@pytest.fixture(scope="module")
def tables():
    """The script docs/results/table.py."""
    return scripts.load_module(_REPOSITORY / "docs" / "results" / "table.py")


def test_tables_equal_their_files(tables):
    for name, (path, make) in tables.TABLES.items():
        text = path.read_text()
        assert tables.put(text, name, make()) == text, f"{name}: run docs/results/table.py"
        assert [page for page in _PAGES if tables.marks(name)[0] in page.read_text()] == [path]
    with pytest.raises(ValueError, match="marks of the table 'best'"):
        tables.put("a page", "best", "a table")


def test_tables_show_the_figures_of_their_files(tables, tmp_path, monkeypatch):
    files = _REPOSITORY / "docs" / "results"
    report = json.loads((files / "reproduction.json").read_text())
    row, claim = (report["sections"]["paper"][key]["entropy"]["nlpd"] for key in ("table", "claim"))
    ratio = f"{claim['ratio']:.3f} ({claim['low']:.3f} to {claim['high']:.3f})"
    mse = row["mse"]
    assert f"| NLPD | {mse['mean']:.4f} | {ratio} |" in tables.TABLES["summary"][1]()
    text = tables.TABLES["reproduction"][1]()
    assert f"| entropy bottleneck | NLPD | {mse['mean']:.4f} ± {mse['spread']:.4f} | {ratio} |" in text
    monkeypatch.setattr(sys.modules["tables.files"], "FOLDER", tmp_path)
    # One seed has no spread.
    mse["spread"], report["sections"]["paper"]["seeds"] = None, 1
    (tmp_path / "reproduction.json").write_text(json.dumps(report))
    text = tables.TABLES["reproduction"][1]()
    assert f"| entropy bottleneck | NLPD | {mse['mean']:.4f} | {ratio} |" in text and "one seed" in text
    # Clips that were used to choose the recipe do not count.
    report = json.loads((files / "codec.json").read_text())
    (tmp_path / "codec.json").write_text(json.dumps({**report, "part": "even"}))
    with pytest.raises(ValueError, match="--part=even"):
        tables.TABLES["best"][1]()


def test_importing_the_library_is_light_and_prints_nothing():
    code = (
        "import sys, tfnoise.losses, tfnoise.layers, tfnoise.autoencoder\n"
        "import tfnoise.audio, tfnoise.data, tfnoise.codec\n"
        "slow = {'tensorflow_io', 'matplotlib', 'soundfile', 'soxr'} & set(sys.modules)\n"
        "assert not slow, slow\n"
        "from absl import flags\n"
        "assert not flags.FLAGS.is_parsed()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=_REPOSITORY)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
