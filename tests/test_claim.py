"""The paper's claim, with the real tools: losses that know natural signals beat MSE at MSE, from noise."""

from __future__ import annotations

import json

import pytest

from tests import scripts

LOSSES = ("mse", "nlpd", "ms_ssim")


@pytest.fixture(scope="module")
def trained(repo_root, tmp_path_factory):
    """Models of configs/quick.cfg, one a loss: their folders and what bin/train says of them."""
    folder = tmp_path_factory.mktemp("claim")
    finished = {}
    for loss in LOSSES:
        flags = [f"--loss={loss}", "--json", f"--flagfile={repo_root / 'configs' / 'quick.cfg'}"]
        done = scripts.run_script("train", *flags, cwd=folder)
        assert done.status == 0, done.stderr
        finished[loss] = json.loads(done.stdout)
    return folder, finished


def _mse(run_script, folder, *arguments) -> dict[str, float]:
    models = ",".join(f"saved_models/{loss}" for loss in LOSSES)
    done = run_script("evaluate", f"--model={models}", "--json", *arguments, cwd=folder)
    assert done.status == 0, done.stderr
    report = json.loads(done.stdout)["models"]
    assert all(model["bpp_max"] <= 0.5 for model in report.values())
    return {loss: report[loss]["metrics"]["mse"]["mean"] for loss in LOSSES}


@pytest.mark.slow
def test_on_synthesised_clips_at_a_rate_on_noise_near_the_target_even_after_500_steps(trained, run_script):
    scores = _mse(run_script, trained[0])
    assert scores["nlpd"] < 0.6 * scores["mse"]
    assert scores["ms_ssim"] < 0.95 * scores["mse"]
    rates = [trained[1][loss]["bpp_on_noise"] for loss in LOSSES]
    assert rates == pytest.approx([0.5] * 3, rel=0.15)


@pytest.mark.slow
def test_on_natural_audio(trained, run_script, natural_folder):
    scores = _mse(run_script, trained[0], f"--data={natural_folder}")
    assert scores["nlpd"] < 0.5 * scores["mse"]
    assert scores["ms_ssim"] < 0.9 * scores["mse"]
