"""Photographs of installed packages, in grey, in tiles."""

from __future__ import annotations

import numpy as np
import pytest

from tfnoise.research.sections import images
from tfnoise.research.sections.images import grey, photographs, tiles


def test_tiles_are_of_the_middle_and_in_order():
    image = np.arange(70 * 100, dtype=np.float32).reshape(70, 100, 1)
    found = tiles(image, 32)
    assert [tile.shape for tile in found] == [(32, 32, 1)] * 6
    # 6 rows and 4 columns are left over.
    np.testing.assert_array_equal(found[0], image[3:35, 2:34])
    np.testing.assert_array_equal(found[1], image[3:35, 34:66])
    np.testing.assert_array_equal(found[5], image[35:67, 66:98])
    assert tiles(image, 71) == []


def test_an_image_of_the_tiles_size_is_its_tile():
    image = np.random.default_rng(0).uniform(size=[32, 32, 1])
    np.testing.assert_array_equal(tiles(image, 32), [image])


def test_grey_is_luma():
    pixels = np.zeros([1, 4, 3], np.uint8)
    pixels[0, :3] = 255 * np.eye(3)
    pixels[0, 3] = 255
    np.testing.assert_allclose(grey(pixels)[0, :, 0], [0.299, 0.587, 0.114, 1], atol=1 / 255)
    plain = np.arange(256).reshape(16, 16)
    np.testing.assert_allclose(grey(plain)[..., 0], plain / 255, atol=1e-6)


def test_the_dependencies_hold_photographs():
    found = photographs()
    assert {photograph.source for photograph in found} >= {"matplotlib", "SciPy"}
    for photograph in found:
        assert photograph.image.dtype == np.float32 and photograph.image.shape[2] == 1
        assert photograph.image.min() >= 0 and photograph.image.max() <= 1
        assert photograph.image.std() > 0.1
        assert tiles(photograph.image)


def test_other_packages_are_looked_into_without_being_imported(tmp_path, monkeypatch):
    from PIL import Image

    folder = tmp_path / "skimage" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "skimage" / "__init__.py").write_text("raise RuntimeError('imported')")
    Image.new("RGB", (40, 30), (255, 255, 255)).save(folder / "camera.png")
    monkeypatch.syspath_prepend(tmp_path)
    found = {photograph.name: photograph for photograph in photographs()}
    assert found["camera"].source == "skimage"
    np.testing.assert_array_equal(found["camera"].image, np.ones([30, 40, 1]))


def test_only_tiles_that_all_models_code_at_the_rate_are_compared():
    bpp = np.array([[[0.5, 0.4, 0.6], [0.4, 0.4, 0.4]], [[0.4, 0.51, 0.4], [0.4, 0.4, 0.4]]])
    assert images.within(bpp, 0.5).tolist() == [True, False, False]
    assert images.within(bpp + 0.2, 0.5).tolist() == [True, True, True]
    assert images.within(np.float32([[0.3]]), 0.3).tolist() == [True]


def test_without_photographs_it_says_so(monkeypatch):
    monkeypatch.setattr(images, "_installed", lambda: iter(()))
    result = images.measure(None)
    assert result == {"photographs": []}
    [block] = images.blocks(result)
    assert "nothing was measured" in block.text


@pytest.mark.parametrize(
    ("ratio", "low", "high", "expected"),
    [
        (0.5, 0.4, 0.6, "carries over, stronger than"),
        (0.8, 0.76, 0.9, "carries over, weaker than"),
        (0.7, 0.6, 0.8, "carries over, as strong as"),
        (0.9, 0.8, 1.1, "is not established"),
        (1.2, 1.1, 1.3, "is reversed"),
    ],
)
def test_the_verdict_follows_the_figures(ratio, low, high, expected):
    row = {
        "ratio": {"ratio": ratio, "low": low, "high": high, "confidence": float(ratio < 1)},
        "audio": {"ratio": 0.7, "low": 0.65, "high": 0.75},
        "by_photograph": {"a": 0.5, "b": 1.5},
    }
    text = images._verdict("levels", "nlpd", row)
    assert expected in text and "1 of 2 photographs" in text
