"""bin/benchmark codec on a tiny model: what it counts, and its picture."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile

from benchmarks import codec as measured
from tfnoise.codec import Codec
from tfnoise.data import synthetic_clips
from tfnoise.evaluation import synthetic_clip_images


@pytest.fixture(scope="module")
def best(repo_root) -> Codec:
    return Codec.load(repo_root / "saved_models" / "best")


def test_rows_of_one_rate(best):
    images = list(synthetic_clip_images(best.front_end))[:3]
    for count in measured.COUNTS:
        rows, finest = measured.rate_distortion(best.model, images, 0.5, count)
        assert [row["codec"] for row in rows] == ["tfnoise:best", "jpeg", "jpeg2000", "webp"]
        for row in rows:
            assert row["clips"] == 3 and 0.4 < row["bpp"] <= row["bpp_max"] <= 0.5 and row["count"] == count
            assert 0 < row["mse"] < 0.1 and 0 < row["nlpd"] < 1 and 0.3 < row["ms_ssim"] < 1
        assert finest == 0
        assert "ours_to_theirs" not in rows[0]
        for row in rows[1:]:
            for metric, ratio in row["ours_to_theirs"].items():
                error, reference = (
                    1 - r[metric] if metric == "ms_ssim" else r[metric] for r in (rows[0], row)
                )
                assert ratio["value"] == pytest.approx(error / reference)
                assert ratio["ci95"][0] <= ratio["value"] <= ratio["ci95"][1]


def test_clips_without_a_rate_are_skipped_and_bits_and_speed(best):
    images = list(synthetic_clip_images(best.front_end))[:2]
    assert measured.rate_distortion(best.model, images, 0.02, "file")[0] == []
    [row] = measured.bits_against_estimate(best.model, images, [0.5])
    assert row["strings"] == 2 and row["extra_bits_max"] <= 15
    assert row["payload_bits"] == pytest.approx(row["estimated_bits"], rel=0.01)
    waveform = np.asarray(synthetic_clips(16000, duration_s=1.0, seed=0)[0][2], np.float32)
    rows = measured.speed(best, waveform, 16000, 1)
    assert len(rows) == 4
    for row in rows:
        assert row["real_time_factor"] == pytest.approx(1.0 / row["seconds"])


def test_memory_of_fresh_processes(repo_root, tmp_path):
    row = measured.memory(str(repo_root / "saved_models" / "best"), 2, str(tmp_path))
    assert 0 < row["compress_bytes"] < 1e9 and 0 < row["decompress_bytes"] < 1e9


@pytest.mark.slow
def test_the_script(run_script, repo_root, tmp_path):
    shutil.copytree(repo_root / "saved_models" / "best", tmp_path / "mine")
    clips = synthetic_clips(16000, duration_s=2.0, seed=0)[:2]
    (tmp_path / "clips").mkdir()
    for name, _, waveform in clips:
        soundfile.write(tmp_path / "clips" / f"{name}.wav", waveform, 16000)
    flags = "--model=mine --data=clips --part=odd --plot=curve.png --parts=images,curve,bits --json".split()
    done = run_script("benchmark", "codec", *flags)
    assert done.status == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["part"] == "odd" and report["clips"] == 1
    codecs = {row["codec"] for row in report["rate_distortion"]}
    assert codecs == {"tfnoise:mine", "jpeg", "jpeg2000", "webp"}
    assert all(row["bpp_max"] <= row["bpp_target"] for row in report["curve"])
    assert {row["bpp_target"] for row in report["curve"]} >= {0.25, 0.5, 1.0}
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    again = run_script("benchmark", "codec", *flags)
    assert again.status == 1 and "curve.png: exists" in again.stderr


def test_wrong_parts(run_script):
    done = run_script("benchmark", "codec", "--parts=nothing")
    assert done.status == 2 and "name some of images,curve,bits,speed,memory" in done.stderr
    done = run_script("benchmark", "codec", "--part=odd")
    assert done.status == 2 and "Name it with --data" in done.stderr
