"""Where results go, and sound as WAV or FLAC of 24 bits that never clips; files are whole or not there."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfnoise.cli.shared_flags import check_writable
from tfnoise.errors import InputError, UsageError
from tfnoise.files import replacing

if TYPE_CHECKING:
    import numpy as np

    from tfnoise.codec import DiskArray

FORMATS = {".wav": "WAV", ".flac": "FLAC"}
"""By a file's suffix in lower case: libsndfile's name of the format."""

_SAMPLE_BYTES = 3
# Beyond it a WAV header cannot hold the length; RF64 is the same with a longer one.
_MOST_WAV_BYTES = 2**32 - 4096
_VALUES_AT_ONCE = 1 << 20


def targets(
    arguments: Sequence[str],
    output: str | None,
    files_in: Callable[[str], list[str]],
    name: Callable[[str], str],
    suffixes: Sequence[str],
    replace: str | None,
) -> dict[str, Path]:
    """What to write for each input file.

    Args:
      arguments: files and folders.
      output: the flag --output: a file if it ends in one of suffixes, else a folder; None: beside each input.
      files_in: gives the input files that an argument stands for.
      name: gives the file name of an input's result.
      suffixes: suffixes of results, in lower case.
      replace: the flag that would allow to replace files; None: replacing is allowed.

    Returns:
      The result's path by input, in order.

    Raises:
      UsageError: one file for several inputs.
      InputError: two inputs for one file, a result that is an input, or one that exists already.
    """
    whole_name = output is not None and Path(output).suffix.lower() in suffixes
    if whole_name and (len(arguments) > 1 or os.path.isdir(arguments[0])):
        raise UsageError(f"--output={output}: is one file, and there may be several inputs; name a folder")
    paths: dict[str, Path] = {}
    sources: dict[Path, str] = {}
    for argument in arguments:
        for source in files_in(argument):
            if whole_name:
                target = Path(str(output))
            else:
                below = os.path.relpath(source, argument) if os.path.isdir(argument) else Path(source).name
                folder = Path(source).parent if output is None else Path(output, below).parent
                target = folder / name(source)
            if paths.get(source) == target:
                continue
            place = Path(os.path.realpath(target))
            if place in sources:
                both = f"{sources[place]} and {source}"
                raise InputError(f"{target}: both {both} would be written to it; name them one at a time")
            paths[source], sources[place] = target, source
    inputs = {os.path.realpath(source) for source in paths}
    for source, target in paths.items():
        if os.path.realpath(target) in inputs:
            raise InputError(f"{target}: is an input itself; name another output")
        if "://" in source and output is None:
            raise UsageError(f"{source}: is remote; name with --output where its result goes")
        if target.is_dir():
            raise InputError(f"{target}: is a folder; name another output")
        if target.exists() and replace is not None:
            raise InputError(f"{target}: exists; name another output or add {replace}")
    for folder in dict.fromkeys(target.parent for target in paths.values()):
        check_writable("output", folder)
    return paths


def write_sound(target: Path, waveform: np.ndarray, sample_rate_hz: int) -> float:
    """`write_pieces` of a waveform `[samples]` or `[samples, channels]`."""
    waveform = waveform.reshape(len(waveform), -1)
    return write_pieces(target, [waveform], sample_rate_hz, waveform.shape[1])


def write_pieces(target: Path, pieces: Iterable[np.ndarray], sample_rate_hz: int, channels: int) -> float:
    """Writes sound that comes in pieces `[samples, channels]`; makes the folder if it is absent.

    The pieces go to a temporary file first, since the loudest sample decides how loud all is written.

    Returns:
      By how many dB it was turned down, so that it does not exceed full scale; 0 if it did not.

    Raises:
      InputError: the format cannot hold it.
      OSError: a folder cannot be written to.
    """
    import numpy as np

    from tfnoise.codec import DiskArray

    peak = 1.0
    with DiskArray((channels,)) as sound:
        for piece in pieces:
            sound.append(piece)
            peak = max(peak, float(np.max(np.abs(piece), initial=0.0)))
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            _write(temporary, target, sound, sample_rate_hz, channels, 1 / peak)
    return 20 * math.log10(peak)


def _write(
    temporary: Path, target: Path, sound: DiskArray, sample_rate_hz: int, channels: int, gain: float
) -> None:
    import numpy as np
    import soundfile

    form: Any = FORMATS[target.suffix.lower()]
    if form == "WAV" and _SAMPLE_BYTES * channels * len(sound) > _MOST_WAV_BYTES:
        form = "RF64"
    step = max(1, _VALUES_AT_ONCE // channels)
    try:
        with soundfile.SoundFile(
            str(temporary), "w", sample_rate_hz, channels, "PCM_24", format=form
        ) as file:
            for first in range(0, len(sound), step):
                file.write(sound.read(first, first + step) * np.float32(gain))
    except soundfile.SoundFileError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{target}: cannot be written ({reason}); see that there is space, or try .wav"
        ) from error
