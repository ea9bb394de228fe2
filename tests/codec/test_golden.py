"""Files that were written once: they decode as they did, whatever has changed since."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfnoise.codec import Codec, find
from tfnoise.codec.format import read_header, summary

GOLDEN = Path(__file__).parents[1] / "golden" / "tfn"
FILES = ("mono", "stereo", "stream", "levels", "levels_packed")


@pytest.fixture(scope="module")
def codecs(tmp_path_factory) -> dict[str, Codec]:
    """By fingerprint, by_fingerprint as in bin/decompress."""
    folder = tmp_path_factory.mktemp("golden") / "saved_models"
    for archive in GOLDEN.glob("*.zip"):
        assert archive.stat().st_size < 300_000
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    by_fingerprint = {}
    for name in FILES:
        fingerprint = read_header((GOLDEN / f"{name}.tfn").read_bytes()).fingerprint
        by_fingerprint[fingerprint] = Codec.load(find(fingerprint, [folder]))
    return by_fingerprint


@pytest.mark.parametrize("name", FILES)
def test_decodes_as_it_did(codecs, name):
    data = (GOLDEN / f"{name}.tfn").read_bytes()
    expected = np.load(GOLDEN / f"{name}.npz")
    facts = summary(data)
    stereo = name == "stereo"
    assert facts.intact and (facts.blocks, facts.samples) == (4 if stereo else 3, 19200)
    assert facts.header.channels == 1 + stereo and facts.header.downmixed == stereo
    codec = codecs[facts.header.fingerprint]
    blocks = list(codec.symbols_of(io.BytesIO(data)))
    assert len(blocks) == facts.blocks
    for block in blocks:
        symbols = expected[f"block_{block.number}"]
        assert len(np.unique(symbols)) > 1
        np.testing.assert_array_equal(block.symbols, symbols)
    assert {block.kind.name for block in blocks} == {"PACKED" if name == "levels_packed" else "RANGE_CODED"}
    waveform, rate_hz = codec.decompress(data, iterations=0)
    assert rate_hz == (11025 if stereo else 8000)
    # Floating point may differ between machines, where symbols do not.
    np.testing.assert_allclose(waveform, expected["waveform"], atol=0.01 * np.abs(expected["waveform"]).max())


def test_both_forms_of_levels_are_the_same(codecs):
    files = [(GOLDEN / f"{name}.tfn").read_bytes() for name in ("levels", "levels_packed")]
    codec = codecs[read_header(files[0]).fingerprint]
    np.testing.assert_array_equal(*(codec.decompress(data, iterations=0)[0] for data in files))
