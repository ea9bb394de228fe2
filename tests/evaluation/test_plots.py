"""Pictures are valid, legible in size, and whole or not there."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from tfnoise.audio import FrontEnd
from tfnoise.evaluation import Panel, clip_figure, save_figure
from tfnoise.evaluation.plots import frequency_ticks

FRONT_END = FrontEnd()


def panels_of(count: int, front_end: FrontEnd = FRONT_END) -> list[Panel]:
    image = np.linspace(0, 1, front_end.mels * 96, dtype=np.float32).reshape(front_end.mels, 96, 1)
    return [Panel(image, front_end, f"model $ {number}", "MSE 0.01 $") for number in range(count)]


@pytest.mark.parametrize(("count", "width"), [(2, 1350), (3, 1935), (4, 1350)])
def test_a_picture_is_a_png_of_sane_size(tmp_path, count, width):
    path = save_figure(clip_figure(panels_of(count), "Rock · a $ b 音.wav"), tmp_path / "a.png")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
    with Image.open(path) as picture:
        picture.verify()
        assert picture.format == "PNG" and picture.width == width and 400 < picture.height < 1200
    with Image.open(path) as picture:
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 100


def test_all_panels_share_one_scale_in_decibels_and_seconds():
    figure = clip_figure([*panels_of(1), *panels_of(1, FrontEnd(top_db=60.0, hop=512))], "a")
    shown = [axis.images[0] for axis in figure.axes if axis.images]
    assert [image.get_clim() for image in shown] == [(-80.0, 0.0)] * 2
    assert [image.get_array().min() for image in shown] == [-80.0, -60.0]
    assert [image.get_extent()[1] for image in shown] == [96 * 256 / 16000, 96 * 512 / 16000]
    assert "dB" in figure.axes[-1].get_ylabel()


@pytest.mark.parametrize("front_end", [FRONT_END, FrontEnd(n_fft=2048, hop=64, mels=512, power=1.0)])
def test_ticks_lie_at_their_frequencies(front_end):
    places, labels = frequency_ticks(front_end)
    ticks = dict(zip(labels, places))
    # On Slaney's scale 1 kHz is 15 mel, and half the rate of 16 kHz 45.245 mel.
    assert ticks["1,000"] == pytest.approx(15 / 45.245 * (front_end.mels + 1) - 1, abs=0.5)
    assert ticks["8,000"] == front_end.mels - 0.5
    assert places == sorted(places, reverse=True) and "500" in ticks


def test_pyplot_stays_out_of_it_and_a_failed_picture_leaves_nothing(tmp_path, monkeypatch):
    sys.modules.pop("matplotlib.pyplot", None)
    figure = clip_figure(panels_of(1), "a")
    save_figure(figure, tmp_path / "a.png").unlink()
    assert "matplotlib.pyplot" not in sys.modules
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        save_figure(figure, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
