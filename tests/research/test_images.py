"""Photographs of installed packages as luma, and which of their tiles are compared."""

from __future__ import annotations

import numpy as np

from tfnoise.research.image_statistics import tiles
from tfnoise.research.sections import images
from tfnoise.research.sections.images import luma, photographs


def test_luma_is_that_of_bt_601():
    pixels = np.zeros([1, 4, 3], np.uint8)
    pixels[0, :3] = 255 * np.eye(3)
    pixels[0, 3] = 255
    np.testing.assert_allclose(luma(pixels)[0, :, 0], [0.299, 0.587, 0.114, 1], atol=1 / 255)
    plain = np.arange(256).reshape(16, 16)
    np.testing.assert_allclose(luma(plain)[..., 0], plain / 255, atol=1e-6)


def test_the_dependencies_hold_photographs():
    installed = list(photographs())
    assert {photograph.source for photograph in installed} >= {"matplotlib", "SciPy"}
    for image in (photograph.image for photograph in installed):
        assert image.dtype == np.float32 and image.shape[2] == 1
        assert 0 <= image.min() <= image.max() <= 1 and image.std() > 0.1
        assert len(tiles(image, images.TILE))


def test_other_packages_are_looked_into_without_being_imported(tmp_path, monkeypatch):
    from PIL import Image

    folder = tmp_path / "skimage" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "skimage" / "__init__.py").write_text("raise RuntimeError('imported')")
    Image.new("RGB", (40, 30), (255, 255, 255)).save(folder / "camera.png")
    monkeypatch.syspath_prepend(tmp_path)
    by_name = {photograph.name: photograph for photograph in photographs()}
    assert by_name["camera"].source == "skimage"
    np.testing.assert_array_equal(by_name["camera"].image, np.ones([30, 40, 1]))


def test_only_tiles_that_all_models_code_at_the_rate_are_compared():
    bpp = np.array([[[0.5, 0.4, 0.6], [0.4, 0.4, 0.4]], [[0.4, 0.51, 0.4], [0.4, 0.4, 0.4]]])
    assert images.within(bpp, 0.5).tolist() == [True, False, False]
    assert images.within(bpp + 0.2, 0.5).tolist() == [True, True, True]
    assert images.within(np.float32([[0.3]]), 0.3).tolist() == [True]


def test_without_photographs_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(images, "photographs", lambda: iter(()))
    result = images.measure(None)
    [table] = images.tables(result)
    assert result == {"photographs": []} and images.figures(result) == []
    assert "nothing was measured" in table.caption and not table.rows
