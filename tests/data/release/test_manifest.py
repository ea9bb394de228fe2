"""Manifests: PMQD's own, and how strictly another is read."""

from __future__ import annotations

import json

import pytest

from tests.data.release.pmqd_server import release
from tfnoise.data.release.manifest import PMQD, manifest_from, manifest_json, read_manifest
from tfnoise.errors import InputError

RELEASE = release()


def test_the_default_manifest():
    assert manifest_from(manifest_json(PMQD)) == PMQD
    assert PMQD["audio.tgz"].size_bytes == 972567883 and PMQD["pmqd.csv"].size_bytes == 112376


GOOD = RELEASE.manifest()
SUM = "0" * 64


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "Expecting value"),
        ("[]", "it is no object"),
        ("{}", "it has no audio.tgz"),
        (json.dumps({"audio.tgz": GOOD["audio.tgz"]}), "it has no pmqd.csv"),
        (json.dumps({**GOOD, "x": 1}), "it has an unknown 'x'"),
        (json.dumps({**GOOD, "pmqd.csv": 1}), "pmqd.csv is no object"),
        (json.dumps({**GOOD, "pmqd.csv": {"bytes": 1}}), "pmqd.csv has no sha256"),
        (json.dumps({**GOOD, "pmqd.csv": {"bytes": 1, "sha256": SUM, "md5": 1}}), "an unknown 'md5'"),
        (json.dumps({**GOOD, "pmqd.csv": {"bytes": -1, "sha256": SUM}}), "bytes of pmqd.csv is -1"),
        (json.dumps({**GOOD, "pmqd.csv": {"bytes": 1.0, "sha256": SUM}}), "bytes of pmqd.csv is 1.0"),
        (json.dumps({**GOOD, "pmqd.csv": {"bytes": True, "sha256": SUM}}), "bytes of pmqd.csv is True"),
        (json.dumps({**GOOD, "pmqd.csv": {"bytes": "1", "sha256": SUM}}), "bytes of pmqd.csv is '1'"),
        (json.dumps({**GOOD, "pmqd.csv": {"bytes": 1, "sha256": SUM[1:]}}), "not 64 hexadecimal digits"),
        (json.dumps({**GOOD, "pmqd.csv": {"bytes": 1, "sha256": "g" * 64}}), "not 64 hexadecimal digits"),
        (json.dumps({**GOOD, "pmqd.csv": {"bytes": 1, "sha256": None}}), "not 64 hexadecimal digits"),
        ('{"pmqd.csv": {}, "pmqd.csv": {}}', "'pmqd.csv' stands there twice"),
        ("[" * 100_000, "is no manifest"),
        ("\udcff", "utf-8"),
        (" " * (1 << 20) + "{}", "it is too large"),
    ],
)
def test_manifests_that_are_none(tmp_path, text, words):
    path = tmp_path / "manifest.json"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(InputError, match=words) as caught:
        read_manifest(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_manifests(tmp_path):
    path = RELEASE.write_manifest(tmp_path / "manifest.json")
    assert manifest_json(read_manifest(str(path))) == GOOD
    path.write_text(json.dumps({**GOOD, "pmqd.csv": {"bytes": 0, "sha256": "AB" * 32}}))
    assert read_manifest(str(path))["pmqd.csv"].sha256 == "ab" * 32
    with pytest.raises(InputError, match="absent.json: cannot be opened"):
        read_manifest(str(tmp_path / "absent.json"))
