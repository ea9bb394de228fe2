"""Settings of a training: what cannot work is refused by the name of its field."""

from __future__ import annotations

import pytest

from tfnoise.audio import FrontEnd
from tfnoise.errors import InputError, UsageError
from tfnoise.training import TrainingSettings, check_same_settings, write_settings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "psnr"}, ["`loss`", "mse", "ms_ssim", "nlpd"]),
        ({"noise": "pink+brown"}, ["`noise`", "brown"]),
        ({"bpp": float("nan")}, ["`bpp`"]),
        ({"bpp": 0.0}, ["`bpp`"]),
        ({"noise_bpp": 0.0}, ["`noise_bpp`"]),
        ({"learning_rate": -1.0}, ["`learning_rate`"]),
        ({"quantizer_s": float("inf")}, ["`quantizer_s`"]),
        ({"batch_size": 0}, ["`batch_size`"]),
        ({"latent_channels": -1}, ["`latent_channels`"]),
        ({"normalisation": "relu"}, ["`normalisation`"]),
        ({"ema": 1.0}, ["`ema`"]),
        ({"clip_norm": -1.0}, ["`clip_norm`"]),
        ({"patch_size": 40}, ["`patch_size`", "16"]),
        ({"patch_size": 32}, ["`patch_size`=32", "41", "`ms_ssim_scales`"]),
        ({"ms_ssim_scales": 6}, ["`ms_ssim_scales`"]),
        ({"seed": -1}, ["`seed`"]),
        ({"masked": 0.5}, ["`train_data`"]),
        ({"masked": 1.0, "train_data": "x"}, ["`masked`"]),
        ({"start_parts": "analysis"}, ["`start`"]),
        ({"front_end": FrontEnd(mels=100)}, ["`mels`", "16"]),
        ({"bottleneck": "levels", "bpp": 0.3}, ["`bpp`=0.3", "0.296875", "0.30078125"]),
        ({"bottleneck": "levels", "levels": 3}, ["`levels`=3", "2, 4, 8, 16"]),
        ({"bottleneck": "levels", "latent_channels": 64}, ["`latent_channels`"]),
        ({"bottleneck": "levels", "noise_bpp": 0.4}, ["`noise_bpp`"]),
    ],
)
def test_refused_with_the_name_of_the_field(options, words):
    with pytest.raises(UsageError) as caught:
        TrainingSettings(**options)
    assert all(word in str(caught.value) for word in words)


def test_a_small_patch_is_fine_for_a_loss_without_a_size_rule():
    assert TrainingSettings(loss="nlpd", patch_size=32).steps == 1500


def test_resuming_with_other_settings_names_each_and_both_values(tmp_path):
    settings = TrainingSettings(loss="mse")
    write_settings(settings, tmp_path)
    check_same_settings(TrainingSettings(loss="mse"), tmp_path)
    with pytest.raises(UsageError, match=r"`epochs`=5 \(now 6\)"):
        check_same_settings(TrainingSettings(loss="mse", epochs=6), tmp_path)
    with pytest.raises(UsageError, match="`hop`=256"):
        check_same_settings(TrainingSettings(loss="mse", front_end=FrontEnd(hop=128)), tmp_path)


def test_a_damaged_flags_file_is_named(tmp_path):
    (tmp_path / "flags.json").write_text("{")
    with pytest.raises(UsageError, match="flags.json"):
        check_same_settings(TrainingSettings(), tmp_path)


def test_a_folder_of_something_else_is_not_taken_for_a_run(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="`run_dir`"):
        check_same_settings(TrainingSettings(), tmp_path)
