"""Settings of a training: what cannot work is refused by the name of its flag."""

from __future__ import annotations

import pytest

from tfnoise.audio import FrontEnd
from tfnoise.errors import InputError, UsageError
from tfnoise.training import TrainingSettings, check_same_settings, write_settings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "psnr"}, ["--loss", "mse", "ms_ssim", "nlpd"]),
        ({"bpp": float("nan")}, ["--bpp"]),
        ({"bpp": 0.0}, ["--bpp"]),
        ({"learning_rate": -1.0}, ["--learning_rate"]),
        ({"quantizer_s": float("inf")}, ["--quantizer_s"]),
        ({"batch_size": 0}, ["--batch_size"]),
        ({"patch_size": 40}, ["--patch_size", "16"]),
        ({"patch_size": 32}, ["--patch_size=32", "41", "--ms_ssim_scales"]),
        ({"ms_ssim_scales": 6}, ["--ms_ssim_scales"]),
        ({"seed": -1}, ["--seed"]),
        ({"front_end": FrontEnd(mels=100)}, ["--mels", "16"]),
        ({"bottleneck": "levels", "bpp": 0.3}, ["--bpp=0.3", "0.296875", "0.30078125"]),
        ({"bottleneck": "levels", "levels": 3}, ["--levels=3", "2, 4, 8, 16"]),
    ],
)
def test_refused_with_the_name_of_the_flag(options, words):
    with pytest.raises(UsageError) as caught:
        TrainingSettings(**options)
    assert all(word in str(caught.value) for word in words)


def test_a_small_patch_is_fine_for_a_loss_without_a_size_rule():
    assert TrainingSettings(loss="nlpd", patch_size=32).steps == 1500


def test_resuming_with_other_flags_names_each_and_both_values(tmp_path):
    settings = TrainingSettings(loss="mse")
    write_settings(settings, tmp_path)
    check_same_settings(TrainingSettings(loss="mse"), tmp_path)
    with pytest.raises(UsageError, match=r"--epochs=5 \(now 6\).*--overwrite"):
        check_same_settings(TrainingSettings(loss="mse", epochs=6), tmp_path)
    with pytest.raises(UsageError, match="--hop=256"):
        check_same_settings(TrainingSettings(loss="mse", front_end=FrontEnd(hop=128)), tmp_path)


def test_a_damaged_flags_file_is_named(tmp_path):
    (tmp_path / "flags.json").write_text("{")
    with pytest.raises(UsageError, match="flags.json"):
        check_same_settings(TrainingSettings(), tmp_path)


def test_a_folder_of_something_else_is_not_taken_for_a_run(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="--run_dir"):
        check_same_settings(TrainingSettings(), tmp_path)
