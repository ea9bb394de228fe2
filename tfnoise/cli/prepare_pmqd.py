"""Fetch PMQD, the Perceived Music Quality Dataset, verify it, and unpack it into a folder for bin/correlate.

About 1 GB is fetched, and 2.2 GB of disk are needed meanwhile. The same command resumes an interrupted
download; a folder that is complete is only checked. audio.tgz and pmqd.csv that are in the folder already are
verified and used.

Example:
    bin/prepare_pmqd --dir=pmqd
    bin/correlate --pmqd=pmqd
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tfnoise.cli.output import print_json, say
from tfnoise.cli.progress import Progress
from tfnoise.cli.verb import FlagDefiner, FlagValues
from tfnoise.errors import InputError, UsageError

POSITIONAL = None

_URL_BASE = "https://github.com/Peltarion/pmqd/releases/download/v1.0.0"
_MOST_SHOWN = 20


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/prepare_pmqd."""
    define.string("dir", "pmqd", "Folder to make; it holds pmqd.csv and audio/ in the end.")
    define.string("url_base", _URL_BASE, "Address that audio.tgz and pmqd.csv are below, as of a mirror.")
    define.string(
        "manifest",
        None,
        "JSON file with the bytes and the sha256 of both files, of another release. (default: PMQD 1.0.0's)",
    )
    define.boolean("keep_archive", False, "Keep the audio.tgz that was fetched, else removed once unpacked.")


def main(arguments: list[str], values: FlagValues) -> int:
    """Prepares the folder, and checks that its list fits its audio."""
    from tfnoise.data.clip_list import AUDIO_FOLDER, LIST_NAME
    from tfnoise.data.pmqd_download import ARCHIVE_NAME, PMQD, check_url, read_manifest
    from tfnoise.data.pmqd_folder import prepare

    start_s = time.monotonic()
    if not values.dir:
        raise UsageError("--dir is empty; name a folder")
    folder = Path(values.dir).expanduser()
    try:
        check_url(values.url_base)
    except InputError as error:
        raise UsageError(
            f"--url_base={error}; to use files that are here already, put {ARCHIVE_NAME} and {LIST_NAME} "
            f"into {folder}"
        ) from None
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--dir={folder}: is a file; name a folder")
    manifest = read_manifest(values.manifest) if values.manifest else PMQD
    done = prepare(folder, values.url_base, manifest, values.keep_archive, _progress, say)

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
    print_json(
        {
            **dataclasses.asdict(done),
            "list": folder / LIST_NAME,
            "audio": folder / AUDIO_FOLDER,
            "archive": folder / ARCHIVE_NAME if done.archive_kept else None,
            "clips": count,
            "problems": problems,
            "seconds": time.monotonic() - start_s,
        }
    )
    if problems:
        raise InputError(
            f"{folder}: is as the manifest says, but its list and audio have {len(problems)} problems, "
            f"the first: {problems[0]}; everything is left as it is, fix it before use"
        )
    return 0


def _check_list(folder: Path) -> tuple[int, list[str]]:
    """The number of clips on the list, and what is wrong with it."""
    from tfnoise.data.clip_list import list_problems, odd_files, read_list

    bad_ratings: dict[str, str] = {}
    try:
        clips = read_list(str(folder), bad_ratings)
    except InputError as error:
        return 0, [str(error)]
    problems = [*bad_ratings.values(), *list_problems(folder, clips)]
    return len(clips), [*problems, *odd_files(clip.path for clip in clips).values()]


@contextlib.contextmanager
def _progress(label: str, total_bytes: int, initial_bytes: int) -> Iterator[Callable[[int], object]]:
    """A bar in kB, updated with the bytes that are done."""
    with Progress(-(-total_bytes // 1000), label, "kB", initial_bytes // 1000) as progress:
        yield lambda done_bytes: progress.update(-(-done_bytes // 1000) - progress.n)
