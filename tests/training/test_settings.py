"""Settings of a training: what cannot work is refused by the name of its field."""

from __future__ import annotations

import pytest

from tfnoise.audio import FrontEnd
from tfnoise.errors import InputError, UsageError
from tfnoise.training import TrainingSettings, check_same_settings, write_settings

WRONG = [
    *(("bpp", float("nan")), ("bpp", 0.0), ("noise_bpp", 0.0), ("quantizer_s", float("inf")), ("seed", -1)),
    *(("learning_rate", -1.0), ("batch_size", 0), ("latent_channels", -1), ("normalisation", "relu")),
    *(("ema", 1.0), ("clip_norm", -1.0), ("ms_ssim_scales", 6)),
]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "psnr"}, ["`loss`", "mse", "ms_ssim", "nlpd"]),
        ({"noise": "pink+brown"}, ["`noise`", "brown"]),
        *(({name: value}, [f"`{name}`"]) for name, value in WRONG),
        ({"patch_size": 40}, ["`patch_size`", "16"]),
        ({"patch_size": 32}, ["`patch_size`=32", "41", "`ms_ssim_scales`"]),
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
    # A small patch is fine for a loss without a size rule.
    assert TrainingSettings(loss="nlpd", patch_size=32).steps == 1500


def test_resuming_with_other_settings_names_each_and_both_values(tmp_path):
    settings = TrainingSettings(loss="mse")
    write_settings(settings, tmp_path)
    check_same_settings(TrainingSettings(loss="mse"), tmp_path)
    with pytest.raises(UsageError, match=r"`epochs`=5 \(now 6\)"):
        check_same_settings(TrainingSettings(loss="mse", epochs=6), tmp_path)
    with pytest.raises(UsageError, match="`hop`=256"):
        check_same_settings(TrainingSettings(loss="mse", front_end=FrontEnd(hop=128)), tmp_path)


@pytest.mark.parametrize(
    ("name", "error", "words"), [("flags.json", UsageError, "flags.json"), ("a.txt", InputError, "`run_dir`")]
)
def test_a_damaged_flags_file_is_named_and_a_folder_of_something_else_is_no_run(tmp_path, name, error, words):
    (tmp_path / name).write_text("{")
    with pytest.raises(error, match=words):
        check_same_settings(TrainingSettings(), tmp_path)
