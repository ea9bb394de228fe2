"""Which files PMQD's release consists of, by size and checksum."""

from __future__ import annotations

import json
import re
from typing import Any

from tfnoise.data.clip_list import LIST_NAME
from tfnoise.data.release.partial_file import Fingerprint
from tfnoise.errors import InputError

ARCHIVE_NAME = "audio.tgz"
_NAMES = (ARCHIVE_NAME, LIST_NAME)

URL_BASE = "https://github.com/Peltarion/pmqd/releases/download/v1.0.0"
"""Where PMQD is published."""

Manifest = dict[str, Fingerprint]

PMQD: Manifest = {
    ARCHIVE_NAME: Fingerprint(972567883, "d07d1e75efe17b4bf1497bab5d4f84dbacab98d703b6ad329e4fa19df23b13c0"),
    LIST_NAME: Fingerprint(112376, "d605acc08409a2fea869d8ddff86f526a3c3be74f9082c8ae882bc0d8786fa47"),
}
"""PMQD's own manifest, of its version 1.0.0."""

_FORM = '{"bytes": N, "sha256": "64 hexadecimal digits"}'
_LARGEST_BYTES = 1 << 20


def read_manifest(path: str) -> Manifest:
    """Reads a manifest: a JSON object with the bytes and the sha256 of audio.tgz and pmqd.csv.

    Raises:
      InputError: it cannot be read, or is anything else than that.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror or error}); check the path") from None
    try:
        if len(content) > _LARGEST_BYTES:
            raise ValueError("it is too large")
        value = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once_each)
        return manifest_from(value)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: is no manifest ({reason}); write {_FORM} for each of {', '.join(_NAMES)} in one object"
        ) from None


def manifest_from(value: Any) -> Manifest:
    """A manifest from what its JSON holds.

    Raises:
      ValueError: it is no manifest.
    """
    _check_keys("it", value, _NAMES)
    return {name: _fingerprint(name, value[name]) for name in _NAMES}


def manifest_json(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """What the JSON of a manifest holds."""
    return {name: {"bytes": entry.size_bytes, "sha256": entry.sha256} for name, entry in manifest.items()}


def _fingerprint(name: str, value: Any) -> Fingerprint:
    _check_keys(name, value, ("bytes", "sha256"))
    size_bytes, sha256 = value["bytes"], value["sha256"]
    if type(size_bytes) is not int or size_bytes < 0:
        raise ValueError(f"bytes of {name} is {size_bytes!r:.40}, no whole number from 0 on")
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"sha256 of {name} is {sha256!r:.80}, not 64 hexadecimal digits")
    return Fingerprint(size_bytes, sha256.lower())


def _check_keys(what: str, value: Any, names: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no object")
    for name in names:
        if name not in value:
            raise ValueError(f"{what} has no {name}")
    for name in value:
        if name not in names:
            raise ValueError(f"{what} has an unknown {name!r:.40}")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{double!r:.40} stands there twice")
    return found
