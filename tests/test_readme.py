"""What the README shows works, and its figures are those of the files they come from."""

from __future__ import annotations

import importlib.util
import json
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
    from tests.tools.stand_in_server import serve
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


@pytest.fixture(scope="module")
def tables(repo_root):
    """The script docs/results/table.py."""
    script = repo_root / "docs" / "results" / "table.py"
    spec = importlib.util.spec_from_file_location("results_table", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_TABLES = (
    "reproduction best results search questions listeners speed sound codec phases kinds training bfloat16 "
    "serving noise"
).split()


@pytest.mark.parametrize("name", _TABLES)
def test_the_tables_are_what_their_script_makes_of_the_files(tables, name):
    path, make = tables.TABLES[name]
    begin, end = tables.marks(name)
    # A table that waits for its file is empty.
    assert (make() or "") == path.read_text().split(begin)[1].split(end)[0].strip()


def test_every_table_is_tried_and_stands_on_one_page_once(repo_root, tables):
    assert set(tables.TABLES) == set(_TABLES)
    pages = [repo_root / "README.md", *(repo_root / "docs").glob("*.md")]
    for name, (path, _) in tables.TABLES.items():
        counts = {page: page.read_text().count(tables.marks(name)[0]) for page in pages}
        assert {page: count for page, count in counts.items() if count} == {path: 1}


@pytest.fixture
def results(tables, tmp_path, monkeypatch):
    """A folder that tables are made of, empty at first."""
    monkeypatch.setattr(sys.modules["tables.files"], "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["reproduction", "search", "questions"])
def test_a_table_waits_for_its_file(tables, results, name):
    assert tables.TABLES[name][1]() is None
    begin, end = tables.marks(name)
    assert tables.put(f"a\n{begin}\nold\n{end}\nb\n", name, None) == f"a\n{begin}\n{end}\nb\n"


def test_a_page_without_marks_is_refused(tables):
    with pytest.raises(ValueError, match="marks of the table 'best'"):
        tables.put("a page", "best", "a table")


def _reproduction(seeds: int) -> dict:
    def score(mean: float) -> dict:
        return {"mean": mean, "spread": mean / 10 if seeds > 1 else None, "seeds": [mean] * seeds}

    def row(mse: float) -> dict:
        return {"mse": score(mse), "nlpd": score(0.5), "ms_ssim": score(0.75), "bpp_max": 0.49996}

    claim = {"ratio": 0.25, "low": 0.2, "high": 0.3, "confidence": 0.9876, "seeds_below": seeds}
    both = ("levels", "entropy")
    paper = {
        "clips": 6,
        "seeds": seeds,
        "steps": 1500,
        "table": {one: {"mse": row(0.04), "nlpd": row(0.01), "ms_ssim": row(0.03)} for one in both},
        "constant_image": {"mse": 0.02, "nlpd": 0.9, "ms_ssim": 0.3},
        "claim": {one: {"nlpd": claim, "ms_ssim": claim} for one in both},
    }
    about = {"date": "2026-11-27T01:02:03+00:00", "clips": 6, "steps": 1500, "versions": {"tfnoise": "0.1.0"}}
    return {**about, "sections": {"paper": paper}}


@pytest.mark.parametrize(
    ("seeds", "over", "mse", "nlpd"),
    [
        (3, "means ± standard deviations over 3 seeds", "0.0100 ± 0.0010", "0.500 ± 0.050"),
        (1, "one seed", "0.0100", "0.500"),
    ],
)
def test_the_reproductions_table_has_spreads_and_confidence(tables, results, seeds, over, mse, nlpd):
    report = _reproduction(seeds)
    (results / "reproduction.json").write_text(json.dumps(report))
    table = tables.TABLES["reproduction"][1]()
    text, rows = table.split("\n\n")
    assert over in text and "1,500 steps" in text and "6 natural clips" in " ".join(text.split())
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]
    assert {len(row) for row in cells} == {8} and len(cells) == 2 + 6 + 1
    assert cells[2][1:5:2] == ["MSE", "1"]
    found = next(row for row in cells if row[:2] == ["entropy bottleneck", "NLPD"])
    assert found[2:6] == [mse, "0.250 (0.200 to 0.300)", "98.8 %", nlpd]
    assert found[7] == "0.5000"
    assert cells[-1] == ["", "constant image", "0.0200", "", "", "0.900", "0.300", ""]
    ratios = {name: {"ratio": 0.5, "low": 0.4, "high": 0.6} for name in ("mse", "nlpd", "calibrated_mse")}
    report["sections"]["natural_data_bound"] = {
        "contest": ratios,
        "clips_learned": 2,
        "clips_tested": 4,
        "seeds": seeds,
    }
    (results / "reproduction.json").write_text(json.dumps(report))
    told = tables.TABLES["reproduction"][1]().split("\n\n")[2]
    assert told.count("0.500 (0.400 to 0.600)") == 3 and "on 2 natural clips" in " ".join(told.split())


def test_the_reproductions_other_sections_are_told_without_pictures(tables, results, monkeypatch):
    from tfnoise.research.blocks import Paragraph, Picture, Sounds, Table
    from tfnoise.research.sections import SECTIONS

    class Section:
        TITLE = "Rate: how much"

        @staticmethod
        def blocks(result: dict) -> list:
            return [
                Table(["a", "b"], [["1", str(result["found"])]], "caption " * 30),
                Picture("figures/rate.png", "a chart"),
                Sounds([("a sound", "audio/rate.flac")], "sounds"),
                Paragraph("word " * 60),
            ]

    report = _reproduction(3)
    report["sections"]["rate"] = {"found": 7}
    (results / "reproduction.json").write_text(json.dumps(report))
    monkeypatch.setitem(SECTIONS, "rate", Section)
    text = tables.TABLES["questions"][1]()
    assert text.startswith("## Rate: how much\n\n6 natural clips, 1,500 steps a training")
    assert "| 1 | 7 |" in text and text.count("word") == 60
    assert "rate.png" not in text and "rate.flac" not in text and "paper" not in text
    assert max(map(len, text.splitlines())) <= 119
    quick = {**report, "steps": 500, "sections": {"rate": {"found": 8}, "noise": {"found": 9}}}
    (results / "reproduction_quick.json").write_text(json.dumps(quick))
    monkeypatch.setitem(SECTIONS, "noise", Section)
    text = tables.TABLES["questions"][1]()
    assert "| 1 | 7 |" in text and "| 1 | 8 |" not in text
    assert text.index("500 steps") < text.index("| 1 | 9 |")


def test_the_shipped_models_table_is_of_the_half_that_had_no_say(tables, results, repo_root):
    report = json.loads((repo_root / "docs" / "results" / "codec.json").read_text())
    (results / "codec.json").write_text(json.dumps(report))
    text = " ".join(tables.TABLES["best"][1]().split())
    version = report["model"].rsplit("/", 1)[1]
    assert f"`best` is version {version}" in text
    assert all(f"| {name} |" in text for name in ("tfnoise, best", "JPEG", "JPEG 2000", "WebP"))
    ratio = report["rate_distortion"][1]["ours_to_theirs"]["mse"]["value"]
    assert f"| JPEG | {ratio:.3f} [" in text
    (results / "codec.json").write_text(json.dumps({**report, "part": "even"}))
    with pytest.raises(ValueError, match="--part=even"):
        tables.TABLES["best"][1]()


_PAGES = [
    "README.md",
    *(f"docs/{name}.md" for name in "codec data findings losses noise research sound training".split()),
]


@pytest.mark.parametrize("page", _PAGES)
def test_pages_link_to_pages_that_exist(repo_root, page):
    text = (repo_root / page).read_text()
    links = [link for link in re.findall(r"(?<!!)\[[^\]]*\]\(([^)#]+)\)", text) if "://" not in link]
    assert all((repo_root / page).parent.joinpath(link).is_file() for link in links), links


@pytest.mark.parametrize(
    "folder", ["audio", "data", "losses", "layers", "codec", "training", "evaluation", "research", "serving"]
)
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
