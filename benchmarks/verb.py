"""Measure speed and memory, as ratios within one run: what is compared takes turns in one process.

What:
  losses   MS-SSIM against tf.image.ssim_multiscale, NLPD against a straightforward version; forward, forward
           and backward, peak memory; and the share of a training step that each takes
  audio    mel, mel inverse and phase reconstruction against librosa, in a process and an environment of its
           own: speed and quality; clips of --data, or synthesised ones
  codec    a model's rate and distortion on mel images beside those of JPEG, JPEG 2000 and WebP, payload
           against payload and file against file, and a curve of them as a picture; bits against their
           estimate; real-time factors; peak memory against duration. Takes half an hour
  pipeline 975 files of PMQD's format to images: the time for the first time and from the cache, peak memory
  training images a second of our trainer against plain Keras on the same model, with MSE and TensorFlow's
           MS-SSIM, in float32 and bfloat16; and of two workers
  serving  requests a second and latencies of an exported model for 1, 4 and 16 clients, in TensorFlow's C++
           runtime, in Python, and behind TensorFlow Serving where it is installed

Use a machine that does nothing else meanwhile.

Example:
    bin/benchmark losses
    bin/benchmark losses --rounds=9 --json
    bin/benchmark audio --data=FOLDER --librosa_python=librosa/bin/python
    bin/benchmark codec --data=FOLDER --model=saved_models/best
    bin/benchmark codec --data=FOLDER --part=odd --parts=images
    bin/benchmark pipeline
    bin/benchmark training
    bin/benchmark serving --model=saved_models/best
"""

from __future__ import annotations

import datetime
import os
import platform
from typing import Any

from absl import flags

import tfnoise
from tfnoise.cli.output import print_json
from tfnoise.cli.shared_flags import check_bpp, define_plot, picture_path
from tfnoise.cli.verb import FlagDefiner
from tfnoise.errors import UsageError

POSITIONAL = "WHAT"
_KINDS = ("losses", "audio", "codec", "pipeline", "training", "serving")
_PARTS = ("images", "curve", "bits", "speed", "memory")
_LIBROSA = (
    "--librosa_python: name an interpreter that has librosa, as librosa/bin/python after "
    "`python -m venv librosa && librosa/bin/pip install -r benchmarks/requirements-librosa.txt`"
)


def define_flags(define: FlagDefiner) -> None:
    """Defines the flags of bin/benchmark."""
    define.integer("rounds", 7, "Timings of each, in turns; the median counts.", lower_bound=5)
    define.string("data", None, "audio, codec, pipeline: folder of audio. (default: synthesised)")
    clips = "audio: clips of a batch (16). codec: all. pipeline: files (975)."
    define.integer("clips", None, clips, lower_bound=1)
    define.string("librosa_python", None, "audio: interpreter that has librosa.")
    define.string("model", None, "codec, serving: NAME or NAME/VERSION. (default: saved_models/best)")
    define.float("bpp", 0.5, "codec: the rate of the comparison, bits per pixel.")
    define.list("parts", list(_PARTS), "codec: which of its parts, as images,curve.")
    part = "codec: every second file of --data, by path, from the first (even) or the second (odd)."
    define.enum("part", "all", ["all", "even", "odd"], part)
    define_plot(define, "codec", "codec: ")


def main(arguments: list[str], values: flags.FlagValues) -> int:
    """Measures one kind, as a table or JSON."""
    kind = arguments[0]
    if len(arguments) != 1 or kind not in _KINDS:
        raise UsageError(f"{' '.join(arguments)}: name one of: {', '.join(_KINDS)}")
    if kind == "audio":
        if values.librosa_python is None:
            raise UsageError(_LIBROSA)
        from benchmarks import audio

        report = audio.report(values.data, values.clips, values.rounds, values.librosa_python)
    elif kind == "codec":
        report = _codec(values)
    elif kind == "losses":
        from benchmarks import losses

        report = losses.report(values.rounds)
    elif kind == "pipeline":
        from benchmarks import pipeline

        report = pipeline.report(values.data, values.clips)
    elif kind == "training":
        from benchmarks import training

        report = training.report(values.rounds)
    else:
        from benchmarks import serving

        report = serving.report(values.model, values.rounds)
    print_json({**_environment(), **report})
    return 0


def _codec(values: flags.FlagValues) -> dict[str, Any]:
    if not values.parts or set(values.parts) - set(_PARTS):
        raise UsageError(f"--parts={','.join(values.parts)}: name some of {','.join(_PARTS)}")
    check_bpp(values.bpp)
    if values.part != "all" and values.data is None:
        raise UsageError(f"--part={values.part}: of which folder? Name it with --data")
    plot = picture_path(values.plot, values.overwrite, "codec") if "curve" in values.parts else None

    from benchmarks import codec_report
    from tfnoise.cli.coding import codec_to_compress

    clips = codec_report.Clips(values.data, values.part, values.clips)
    codec = codec_to_compress(values.model, None)
    return codec_report.report(codec, values.parts, clips, values.bpp, values.rounds, plot)


def _environment() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "tfnoise": tfnoise.__version__,
        "machine": f"{platform.machine()}, {_processor()}",
        "cores": len(os.sched_getaffinity(0)),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"
