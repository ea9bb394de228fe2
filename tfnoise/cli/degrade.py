"""The work of bin/degrade: a folder of clips and their degraded versions, whole or not there."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from absl import flags

from tfnoise.audio.degradations import DEGRADATIONS
from tfnoise.audio.files import is_remote
from tfnoise.cli.folders import check_writable
from tfnoise.cli.output import json_requested, print_json, say, table
from tfnoise.cli.progress import Progress
from tfnoise.errors import InputError, UsageError

FLAGS = flags.FLAGS


def degrade_from_flags(arguments: Sequence[str]) -> int:
    """Makes the set as the flags of bin/degrade say; returns the exit status."""
    if len(arguments) != 1:
        raise UsageError(f"needs one IN, got {len(arguments)}: {', '.join(arguments)}")
    given, folder = arguments[0], Path(FLAGS.output)
    degradations = _degradations(FLAGS.degradation)
    intensity = FLAGS.intensity
    if intensity is not None and not 0 <= intensity <= 100:
        raise UsageError(f"--intensity={intensity:g}: must be from 0 to 100")
    if not FLAGS.output or is_remote(FLAGS.output):
        raise UsageError(f"--output={FLAGS.output}: must name a folder on this machine")
    _check_apart(given, folder)
    _check_free(folder, FLAGS.overwrite)
    check_writable("output", folder.parent)

    from tfnoise.data import list_clips
    from tfnoise.data.degraded_set import AUDIO_FOLDER, write_set

    begin_s = time.monotonic()
    clips = list_clips(given)
    with _whole_folder(folder) as temporary:
        with Progress(len(clips), label="degrading", unit="clip") as progress:
            try:
                made, problems, factor = write_set(
                    clips, temporary, degradations, intensity, FLAGS.seed, progress.update
                )
            except InputError as error:
                raise InputError(f"{given}: {error}") from None
    seconds = time.monotonic() - begin_s

    kinds = {}
    for number, version in enumerate(made[0][1]):
        values = [of_clip[number].intensity for _, of_clip in made]
        kinds[version.degradation] = {
            "files": len(made),
            "intensity_min": min(values),
            "intensity_mean": sum(values) / len(values),
            "intensity_max": max(values),
        }
    rows = [[name, *found.values()] for name, found in kinds.items()]
    say(table(rows, ["version", "files", "least intensity", "mean", "greatest"], "lrrrr"))
    say(f"\n{len(made)} of {len(clips)} clips, {seconds:.1f} s. Intensity 0 is the mildest of PMQD's range.")
    turned_down_db = -20 * math.log10(factor)
    if factor < 1:
        say(
            f"So that nothing clips, clips were turned down in all versions by up to {turned_down_db:.1f} dB."
        )
    for line in problems:
        say(f"  left out: {line}")
    say(f"wrote {folder}")
    say(f"Next: bin/evaluate --data={folder} --degradation={degradations[0]}")
    if json_requested():
        names = [of_clip[number].file_name for number in range(len(kinds)) for _, of_clip in made]
        print_json(
            {
                "path": folder,
                "list": folder / "pmqd.csv",
                "audio": [folder / AUDIO_FOLDER / name for name in names],
                "clips": len(made),
                "files": len(names),
                "versions": kinds,
                "seed": FLAGS.seed,
                "turned_down_db": turned_down_db,
                "left_out": problems,
                "seconds": seconds,
            }
        )
    return 0


def _degradations(given: Sequence[str]) -> list[str]:
    names = [name.strip() for name in given]
    for name in names:
        if name not in DEGRADATIONS:
            raise UsageError(
                f"--degradation={','.join(given)}: {name!r} is none of {', '.join(DEGRADATIONS)}"
            )
    if not names:
        raise UsageError(f"--degradation is empty; name one or more of {', '.join(DEGRADATIONS)}")
    return [name for name in DEGRADATIONS if name in names]


def _check_apart(given: str, folder: Path) -> None:
    """Refuses a set inside of its own source, and a source inside of the set, which would be replaced."""
    if is_remote(given):
        return
    source, target = Path(os.path.realpath(given)), Path(os.path.realpath(folder))
    if source == target or source in target.parents or target in source.parents:
        raise InputError(f"--output={folder}: is inside {given} or holds it; name a folder apart from it")


def _check_free(folder: Path, overwrite: bool) -> None:
    """Refuses to put the set where something is that may not be replaced."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output={folder}: is a file; name a new folder")
    if folder.is_symlink():
        raise InputError(f"--output={folder}: is a symbolic link; name the folder itself, or a new one")
    if not folder.exists() or not os.listdir(folder):
        return
    if not overwrite:
        raise InputError(f"--output={folder}: exists; name another folder or add --overwrite")
    from tfnoise.data.degraded_set import why_not_ours

    reason = why_not_ours(folder)
    if reason:
        raise InputError(f"--output={folder}: is not replaced, as {reason}; name another folder")


@contextlib.contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `folder`, which becomes it at the end; if the block fails, nothing.

    What was at `folder` is there until then, and if the last step is cut short, beside it, ending in ".old".
    """
    folder = Path(os.path.abspath(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Random, as what a killed run left may have this run's process number.
    hidden = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    temporary, old = hidden.with_name(f"{hidden.name}.tmp"), hidden.with_name(f"{hidden.name}.old")
    for name in os.listdir(folder.parent):
        if name.startswith(f".{folder.name}.") and name.endswith((".tmp", ".old")):
            path = folder.parent / name
            say(f"note: {path} is of a run that was killed, or that still works; remove it if none does")
    try:
        temporary.mkdir()
        yield temporary
        if folder.exists() and os.listdir(folder):
            os.rename(folder, old)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
