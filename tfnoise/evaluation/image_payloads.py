"""How many bytes of JPEG, JPEG 2000 and WebP files are entropy-coded data: their headers, read strictly."""

from __future__ import annotations

OPPONENTS = ("jpeg", "jpeg2000", "webp")
"""The names of the codecs."""


def payload_bytes(codec: str, data: bytes) -> int:
    """The bytes of entropy-coded data in a file: what is left when its headers are told by other means.

    JPEG: the scans, between the header of each and the next marker, with their byte stuffing. JPEG 2000: the
    data of the tile-parts, which are packets with their headers, of a bare codestream or one in a JP2 file.
    WebP: the data of the VP8 chunk.

    Args:
      codec: one of `OPPONENTS`.
      data: the file; it must be whole, with nothing after its end.

    Raises:
      ValueError: it is no such file, cut short or damaged.

    Source: ITU-T T.81, annex B; ITU-T T.800, annexes A and I; RFC 9649, section 2, and RFC 6386.
    """
    check_codec(codec)
    return {"jpeg": _jpeg_payload, "jpeg2000": _jpeg2000_payload, "webp": _webp_payload}[codec](data)


def check_codec(codec: str) -> None:
    """Raises ValueError where a codec is none of `OPPONENTS`."""
    if codec not in OPPONENTS:
        raise ValueError(f"the codec must be one of {', '.join(OPPONENTS)}, not {codec!r}")


def _number(data: bytes, start: int, size: int, order: str = "big") -> int:
    return int.from_bytes(_part(data, start, size), order)


def _part(data: bytes, start: int, size: int) -> bytes:
    if start + size > len(data):
        raise ValueError(f"the file is cut short: {len(data)} bytes, not {start + size} or more")
    return data[start : start + size]


def _jpeg_payload(data: bytes) -> int:
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG file: it does not begin with a start of image")
    position, payload = 2, 0
    while True:
        marker = _part(data, position, 2)
        if marker == b"\xff\xd9":
            break
        # Any number of 0xff may stand before a marker; those without a length have no place out of a scan.
        if marker == b"\xff\xff":
            position += 1
            continue
        if marker[0] != 0xFF or marker[1] < 0xC0 or 0xD0 <= marker[1] <= 0xD8:
            raise ValueError(f"a damaged JPEG file: no segment at byte {position}")
        position = _after_segment(data, position, "JPEG")
        if marker[1] == 0xDA:
            end = _scan_end(data, position)
            payload += end - position
            position = end
    return _checked_payload(payload, position + 2, data, "JPEG")


def _scan_end(data: bytes, position: int) -> int:
    """Where the first marker from a position is that is neither a stuffed 0xff nor a restart."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise ValueError("the file is cut short: its last scan has no end")
        following = data[position + 1]
        if following != 0 and not 0xD0 <= following <= 0xD7:
            return position
        position += 2


def _after_segment(data: bytes, position: int, name: str) -> int:
    length = _number(data, position + 2, 2)
    if length < 2:
        raise ValueError(f"a damaged {name} file: a segment of {length} bytes at byte {position}")
    _part(data, position + 2, length)
    return position + 2 + length


def _checked_payload(payload: int, end: int, data: bytes, name: str) -> int:
    if not payload:
        raise ValueError(f"a damaged {name} file: it holds no image data")
    if end != len(data):
        raise ValueError(f"a damaged {name} file: {len(data) - end} bytes after its end")
    return payload


def _jpeg2000_payload(data: bytes) -> int:
    if data[:4] == b"\xff\x4f\xff\x51":
        return _codestream_payload(data)
    if data[:12] != b"\0\0\0\x0cjP  \r\n\x87\n":
        raise ValueError("no JPEG 2000 file: it begins neither as a codestream nor as a JP2 file")
    position = 0
    streams = []
    while position < len(data):
        length, header = _number(data, position, 4), 8
        kind = _part(data, position + 4, 4)
        if length == 1:
            length, header = _number(data, position + 8, 8), 16
        elif length == 0:
            length = len(data) - position
        if length < header:
            raise ValueError(f"a damaged JPEG 2000 file: a box of {length} bytes at byte {position}")
        box = _part(data, position, length)
        if kind == b"jp2c":
            streams.append(box[header:])
        position += length
    if len(streams) != 1:
        raise ValueError(f"a JPEG 2000 file must have one codestream, not {len(streams)}")
    return _codestream_payload(streams[0])


def _codestream_payload(data: bytes) -> int:
    if data[:4] != b"\xff\x4f\xff\x51":
        raise ValueError("a damaged JPEG 2000 file: its codestream begins with no image size")
    position, payload, tile_end = 2, 0, None
    while True:
        marker = _part(data, position, 2)
        if marker == b"\xff\xd9" and tile_end is None:
            break
        if marker == b"\xff\x93" and tile_end is not None:
            start = position + 2
            if tile_end < start:
                raise ValueError(f"a damaged JPEG 2000 file: a tile-part ends before byte {start}")
            payload, position, tile_end = payload + tile_end - start, tile_end, None
            continue
        if payload and tile_end is None and marker != b"\xff\x90":
            raise ValueError(f"a damaged JPEG 2000 file: no tile-part at byte {position}")
        # These have no length, or have no place in a header.
        if marker[0] != 0xFF or marker[1] < 0x50 or marker[1] in (0x91, 0x92, 0x93, 0xD9):
            raise ValueError(f"a damaged JPEG 2000 file: no segment of a header at byte {position}")
        if marker == b"\xff\x90":
            if tile_end is not None:
                raise ValueError(f"a damaged JPEG 2000 file: a tile-part in a header at byte {position}")
            length = _number(data, position + 6, 4)
            # A length of 0 says: to the end of image.
            tile_end = position + length if length else len(data) - 2
            if tile_end > len(data) - 2:
                raise ValueError(f"the file is cut short: {len(data)} bytes, not {tile_end + 2} or more")
        position = _after_segment(data, position, "JPEG 2000")
    return _checked_payload(payload, position + 2, data, "JPEG 2000")


def _webp_payload(data: bytes) -> int:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("no WebP file: it does not begin with RIFF and WEBP")
    end = 8 + _number(data, 4, 4, "little")
    position, payloads = 12, []
    while position < end:
        length = _number(data, position + 4, 4, "little")
        if _part(data, position, 4) == b"VP8 ":
            payloads.append(length)
        position += 8 + length + length % 2
    if position != end:
        raise ValueError("a damaged WebP file: its chunks do not end where it does")
    _part(data, 0, end)
    if len(payloads) != 1:
        raise ValueError(f"a lossy WebP file of one image must have one VP8 chunk, not {len(payloads)}")
    return _checked_payload(payloads[0], end, data, "WebP")
