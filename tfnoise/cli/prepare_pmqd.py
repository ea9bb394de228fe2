"""The work of bin/prepare_pmqd: a folder with PMQD, verified, and whether its list fits its audio."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

from absl import flags

from tfnoise.cli.output import json_requested, print_json, say
from tfnoise.cli.progress import Progress
from tfnoise.data.clip_list import LIST_NAME, read_list
from tfnoise.data.list_check import audio_names, list_problems, odd_files
from tfnoise.data.release.download import OnBytes
from tfnoise.data.release.http_source import check_url
from tfnoise.data.release.manifest import ARCHIVE_NAME, PMQD, read_manifest
from tfnoise.data.release.preparation import AUDIO_NAME, prepare
from tfnoise.errors import InputError, UsageError

FLAGS = flags.FLAGS
_FEW_BYTES = 10_000_000
_MOST_SHOWN = 20


def prepare_from_flags() -> int:
    """Prepares as the flags of bin/prepare_pmqd say; returns the exit status."""
    start_s = time.monotonic()
    if not FLAGS.dir:
        raise UsageError("--dir is empty; name a folder")
    folder = Path(FLAGS.dir).expanduser()
    _check_url_base(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--dir={folder}: is a file; name a folder")
    manifest = read_manifest(FLAGS.manifest) if FLAGS.manifest else PMQD
    done = prepare(folder, FLAGS.url_base, manifest, FLAGS.keep_archive, _progress, say)

    count, problems = _check_list(folder)
    for line in problems[:_MOST_SHOWN]:
        say(f"  problem: {line}")
    if len(problems) > _MOST_SHOWN:
        say(f"  problem: and {len(problems) - _MOST_SHOWN} more, which --json lists")
    if not problems:
        before = "was complete before" if done.already_complete else "is complete"
        how = "sizes checked" if done.already_complete else "verified"
        say(f"{folder}: {before}: {count} clips, {done.audio_bytes / 1e6:.1f} MB of audio, {how}")
        say(f"Next: bin/correlate --pmqd={folder}")
    if json_requested():
        print_json(
            {
                **dataclasses.asdict(done),
                "list": folder / LIST_NAME,
                "audio": folder / AUDIO_NAME,
                "archive": folder / ARCHIVE_NAME if done.archive_kept else None,
                "clips": count,
                "problems": problems,
                "seconds": time.monotonic() - start_s,
            }
        )
    if problems:
        raise InputError(
            f"{folder}: is as the manifest says, but its list and audio have {len(problems)} problems, "
            f"the first: {problems[0]}; everything is left as it is, mend it before use"
        )
    return 0


def _check_list(folder: Path) -> tuple[int, list[str]]:
    """How many clips the list has, and what is wrong with it."""
    bad_ratings: dict[str, str] = {}
    try:
        clips = read_list(str(folder), bad_ratings)
    except InputError as error:
        return 0, [str(error)]
    problems = [*bad_ratings.values(), *list_problems(clips, audio_names(folder))]
    return len(clips), [*problems, *odd_files(clips).values()]


def _check_url_base(folder: Path) -> None:
    try:
        check_url(FLAGS.url_base)
    except InputError as error:
        raise UsageError(
            f"--url_base={error}; to use files that are here already, put {ARCHIVE_NAME} and {LIST_NAME} "
            f"into {folder}"
        ) from None


@contextlib.contextmanager
def _progress(label: str, total_bytes: int, initial_bytes: int) -> Iterator[OnBytes]:
    """Progress in whole units, the last of which is done when all is."""
    unit, unit_bytes = ("kB", 1000) if total_bytes < _FEW_BYTES else ("MB", 1_000_000)
    total, initial = -(-total_bytes // unit_bytes), initial_bytes // unit_bytes
    with Progress(total=total, initial=initial, label=label, unit=unit) as progress:

        def on_bytes(done_bytes: int) -> None:
            done = total if done_bytes >= total_bytes else done_bytes // unit_bytes
            # Also if no unit is full: where it is slow, a line now and then says that it goes on.
            progress.update(done - progress.n)

        yield on_bytes
