"""Make a set in PMQD's form of any audio: each clip plain, distorted, limited, low-passed and in pink noise.

IN is a folder of audio, a folder with a pmqd.csv, whose originals count, or one file. The set is pmqd.csv and
audio/ with 24-bit WAV files at each clip's own rate and channels. Each degraded clip gets an intensity of its
own from 0, the mildest setting of PMQD's range, to 100. If one version of a clip would exceed full scale, all
of them are turned down alike. A clip may be as long as 8 minutes of stereo at 48 kHz, which takes 2.5 GB.

The degradations are tfnoise's own reading of the ranges that PMQD gives, not the plug-ins of REAPER that made
it. The ratings are left empty, for listeners to fill.

Example:
    bin/degrade FOLDER_OF_AUDIO -o degraded
    bin/degrade FOLDER_OF_AUDIO -o noisy --degradation=noise,lowpass --intensity=50
    bin/evaluate --data=degraded --degradation=noise
"""

from __future__ import annotations

import glob
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

from tfnoise.cli.output import print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.cli.shared_flags import check_writable
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError
from tfnoise.files import replacing

POSITIONAL = "IN"


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/degrade."""
    define.string("output", None, "The folder to write; new, or empty.", short_name="o", required=True)
    define.list(
        "degradation", "distortion,limiter,lowpass,noise", "Degradations to apply; commas between several."
    )
    define.float("intensity", None, "Of all, 0 to 100. (default: drawn for each degraded clip)")
    define.integer("seed", 0, "Random seed (intensities and noise).", lower_bound=0)
    define.boolean("overwrite", False, "Replace a set that bin/degrade wrote and nobody has changed.")


def main(arguments: list[str], values: FlagValues) -> int:
    """Writes the set; reports its versions and the clips that were skipped."""
    if len(arguments) != 1:
        raise UsageError(f"needs one IN, got {len(arguments)}: {', '.join(arguments)}")
    source, folder, intensity = arguments[0], Path(values.output), values.intensity
    degradations = _degradations(values.degradation)
    if intensity is not None and not 0 <= intensity <= 100:
        raise UsageError(f"--intensity={intensity:g}: must be from 0 to 100")
    _check_folders(source, values.output, values.overwrite)
    check_writable("output", folder.parent)

    from tfnoise.data import list_clips
    from tfnoise.data.clip_list import AUDIO_FOLDER
    from tfnoise.data.degraded import write_set

    begin_s = time.monotonic()
    clips = list_clips(source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.parent.glob(f".{glob.escape(folder.name)}.*.*")):
        say(f"note: {path} is of a run that was killed, or that still works; remove it if none does")
    with (
        replacing(Path(os.path.abspath(folder))) as temporary,
        Progress(len(clips), label="degrading", unit="clip") as progress,
    ):
        temporary.mkdir()
        try:
            made, problems, factor = write_set(
                clips, temporary, degradations, intensity, values.seed, progress.update
            )
        except InputError as error:
            raise InputError(f"{source}: {error}") from None
    seconds = time.monotonic() - begin_s

    kinds = {}
    for number, version in enumerate(made[0][1]):
        intensities = [versions[number].intensity for _, versions in made]
        kinds[version.degradation] = {
            "files": len(made),
            "intensity_min": min(intensities),
            "intensity_mean": sum(intensities) / len(intensities),
            "intensity_max": max(intensities),
        }
    rows = [[name, *numbers.values()] for name, numbers in kinds.items()]
    say(table(rows, ["version", "files", "least intensity", "mean", "greatest"], "lrrrr"))
    say(f"\n{len(made)} of {len(clips)} clips, {seconds:.1f} s. Intensity 0 is the mildest of PMQD's range.")
    turned_down_db = -20 * math.log10(factor)
    if factor < 1:
        say(
            f"So that nothing clips, clips were turned down in all versions by up to {turned_down_db:.1f} dB."
        )
    for line in problems:
        say(f"  skipped: {line}")
    say(f"wrote {folder}")
    say(f"Next: bin/evaluate --data={folder} --degradation={degradations[0]}")
    names = [versions[number].path for number in range(len(kinds)) for _, versions in made]
    print_json(
        {
            "path": folder,
            "list": folder / "pmqd.csv",
            "audio": [folder / AUDIO_FOLDER / name for name in names],
            "clips": len(made),
            "files": len(names),
            "versions": kinds,
            "seed": values.seed,
            "turned_down_db": turned_down_db,
            "left_out": problems,
            "seconds": seconds,
        }
    )
    return 0


def _degradations(requested: Sequence[str]) -> list[str]:
    """The degradations of --degradation, in PMQD's order."""
    from tfnoise.audio.degradations import DEGRADATIONS

    names = [name.strip() for name in requested]
    for name in names:
        if name not in DEGRADATIONS:
            raise UsageError(
                f"--degradation={','.join(requested)}: {name!r} is none of {', '.join(DEGRADATIONS)}"
            )
    if not names:
        raise UsageError(f"--degradation is empty; name one or more of {', '.join(DEGRADATIONS)}")
    return [name for name in DEGRADATIONS if name in names]


def _check_folders(source: str, output: str, overwrite: bool) -> None:
    """Refuses a set inside of its source or around it, and to replace anything but a set of ours."""
    from tfnoise.audio.files import is_remote

    folder = Path(output)
    if not output or is_remote(output):
        raise UsageError(f"--output={output}: must name a folder on this machine")
    begin, end = Path(os.path.realpath(source)), Path(os.path.realpath(folder))
    if not is_remote(source) and (begin == end or begin in end.parents or end in begin.parents):
        raise InputError(f"--output={output}: is inside {source} or holds it; name a folder apart from it")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output={output}: is a file; name a new folder")
    if folder.is_symlink():
        raise InputError(f"--output={output}: is a symbolic link; name the folder itself, or a new one")
    if not folder.exists() or not os.listdir(folder):
        return
    if not overwrite:
        raise InputError(f"--output={output}: exists; name another folder or add --overwrite")
    from tfnoise.data.degraded import why_not_ours

    reason = why_not_ours(folder)
    if reason:
        raise InputError(f"--output={output}: is not replaced, as {reason}; name another folder")
