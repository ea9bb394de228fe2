"""The codec: rate and distortion beside codecs of images, bits beside their estimate, speed, and memory."""

from __future__ import annotations

import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.measuring import growth_bytes, in_fresh_process
from benchmarks.reference_codecs import CODECS, code_at_most
from tfnoise.codec import Codec, LoadedModel
from tfnoise.codec.blocks import BlockSynthesis
from tfnoise.codec.entropy import PayloadCoder
from tfnoise.codec.format.blocks import CHECK_BYTES, CRC_BYTES
from tfnoise.codec.format.header import HEADER_BYTES, fields_bytes
from tfnoise.evaluation import METRICS, ClipImage, ClipScores, bootstrap_paired, score_clips

COUNTS = ("payload", "file")
FRAMING_BYTES = HEADER_BYTES + fields_bytes(0) + CHECK_BYTES + CRC_BYTES
"""Bytes of a file of one block beside its payload."""

CURVE_BPP = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
"""Rates of the curve; it ends with the first that the model's finest step does not reach."""

_MEMORY_RATE_HZ = 16_000


class ImageCoder:
    """Codes images to a string and back, each with the finest step whose string is at or under a rate.

        coded = ImageCoder(model)(image[None], 0.5)     # as `FrozenModel.code`, with the rate of real bytes

    Args:
      model: a loaded model.
      overhead_bytes: bytes beside the string that the rate includes, as of a header.

    Attributes:
      estimated_bits: information of the image coded last, by the integers that it was coded with.
      payload_bits: bits of its string.
    """

    def __init__(self, model: LoadedModel, overhead_bytes: int = 0):
        self._module, self._overhead_bits = model.module, 8 * overhead_bytes
        self._payloads = PayloadCoder(model.module, model.settings["architecture"])
        tables = model.module.tables
        self._steps = tables[0].numpy() if tables else np.ones(1, np.float32)
        self.estimated_bits, self.payload_bits = 0.0, 0

    @property
    def finest_step(self) -> float:
        """The finest step of the model's grid."""
        return float(self._steps[0])

    def __call__(self, images: Any, bpp: Any) -> dict[str, tf.Tensor]:
        """Codes an image.

        Args:
          images: float32 `[1, mels, frames, 1]` in [0, 1].
          bpp: target, bits per pixel.

        Returns:
          As `FrozenModel.code`: `reconstruction`, decoded from the string, `bpp`, `step_index` and `step`.
        """
        image = np.asarray(images)
        mels, frames = image.shape[1:3]
        latent = self._module.analyse(tf.constant(image, tf.float32)).numpy()[0]
        most_bits = float(bpp) * mels * frames - self._overhead_bits
        kind, data, step = self._payloads.encode_latent(latent, most_bits)
        self.payload_bits = 8 * len(data)
        symbols = self._payloads.decode(kind, data, latent.shape, step)
        self.estimated_bits = self._payloads.estimated_bits(kind, symbols, step)
        quantized = self._module.dequantize(symbols[None], tf.constant([step]))
        rate = (self.payload_bits + self._overhead_bits) / (mels * frames)
        return {
            "reconstruction": self._module.synthesise(quantized)[:, :mels, :frames],
            "bpp": tf.constant([rate], tf.float64),
            "step_index": tf.constant([step]),
            "step": tf.constant([self._steps[step]]),
        }


def rate_distortion(
    model: LoadedModel,
    images: Sequence[ClipImage],
    bpp: float,
    count: str,
    on_clip: Callable[..., Any] = lambda clip: None,
) -> tuple[list[dict[str, Any]], list[int]]:
    """The model and the reference codecs at one rate, each clip with the best quality at or under it.

    Args:
      model: a loaded model.
      images: images of the clips.
      bpp: rate in bits per pixel.
      count: "payload": the rate counts the entropy-coded data alone; "file": the whole file.
      on_clip: called after each clip of each codec.

    Returns:
      Rows with `codec`, `clips`, `bpp`, `bpp_max` and the metrics' means, over those clips that all codecs
      can code at the rate, the model's first; the others' with `ours_to_theirs`, the ratio of mean errors
      (1 - MS-SSIM is one) with a bootstrap interval over clips. And how many clips took the finest step.
    """
    ours = ImageCoder(model, FRAMING_BYTES if count == "file" else 0)
    codes: dict[str, Any] = {f"tfnoise:{model.name}": ours}
    for codec in CODECS:
        codes[codec] = _ReferenceCoder(codec, count)
    scores = {}
    for name, code in codes.items():
        usable = [clip for clip in images if not clip.problem]
        # A clip that one of them cannot code at the rate is skipped for all, for a fair mean.
        if isinstance(code, _ReferenceCoder):
            usable = [clip for clip in usable if code.can(clip.image, bpp)]
        scored = score_clips(code, usable, bpp, on_clip=on_clip)
        scores[name] = {clip.id: clip for clip in scored.clips if clip.ms_ssim is not None}
    common = set.intersection(*(set(of_codec) for of_codec in scores.values()))
    rows = []
    for name, of_codec in scores.items() if common else ():
        clips = [of_codec[key] for key in sorted(common)]
        rates = [clip.bpp for clip in clips]
        row = {
            "codec": name,
            "bpp_target": bpp,
            "count": count,
            "clips": len(clips),
            "bpp": statistics.fmean(rates),
            "bpp_max": max(rates),
            **{metric: statistics.fmean(getattr(clip, metric) for clip in clips) for metric in METRICS},
        }
        errors = _errors(clips)
        if not rows:
            our_errors = errors
        else:
            row["ours_to_theirs"] = {
                metric: bootstrap_paired(our_errors[metric], errors[metric], "ratio").as_json()
                for metric in METRICS
            }
        rows.append(row)
    finest = [clip for key, clip in scores[f"tfnoise:{model.name}"].items() if clip.step == ours.finest_step]
    return rows, len(finest)


def _errors(clips: Sequence[ClipScores]) -> dict[str, np.ndarray]:
    """Errors by metric, `[clips]`; less is better."""
    errors = {metric: np.array([getattr(clip, metric) for clip in clips]) for metric in METRICS}
    return {**errors, "ms_ssim": 1 - errors["ms_ssim"]}


class _ReferenceCoder:
    """A reference codec with the call of `FrozenModel.code`."""

    def __init__(self, codec: str, count: str):
        self._codec, self._count = codec, count
        self._coded: dict[int, Any] = {}

    def can(self, image: np.ndarray, bpp: float) -> bool:
        """Whether the codec can code the image at the rate."""
        try:
            self._coded[_key(image)] = code_at_most(self._codec, image, bpp, self._count)
        except ValueError:
            return False
        return True

    def __call__(self, images: Any, bpp: Any) -> dict[str, tf.Tensor]:
        coded = self._coded.pop(_key(np.asarray(images)[0]))
        rate = coded.bpp if self._count == "payload" else coded.file_bpp
        return {
            "reconstruction": tf.constant(coded.reconstruction[None]),
            "bpp": tf.constant([rate], tf.float64),
            "step": tf.constant([coded.quality]),
            "step_index": tf.constant([0]),
        }


def _key(image: np.ndarray) -> int:
    return hash(np.ascontiguousarray(image, np.float32).tobytes())


def bits_against_estimate(
    model: LoadedModel, images: Sequence[ClipImage], rates: Sequence[float]
) -> list[dict[str, Any]]:
    """Bits of clips' payloads beside the information of their symbols: a row a rate."""
    rows = []
    for bpp in rates:
        coder = ImageCoder(model)
        estimated, payload = [], []
        for clip in images:
            if not clip.problem:
                coder(clip.image[None], bpp)
                estimated.append(coder.estimated_bits)
                payload.append(coder.payload_bits)
        extra = np.subtract(payload, estimated)
        rows.append(
            {
                "bpp_target": bpp,
                "strings": len(payload),
                "estimated_bits": sum(estimated),
                "payload_bits": sum(payload),
                "extra_bits_mean": float(extra.mean()),
                "extra_bits_max": float(extra.max()),
                "extra_bits_min": float(extra.min()),
            }
        )
    return rows


def speed(
    codec: Codec,
    waveform: np.ndarray,
    sample_rate_hz: int,
    rounds: int,
    on_round: Callable[[], Any] = lambda: None,
) -> list[dict[str, Any]]:
    """Real-time factors, medians of rounds that take turns after a warm-up.

    Args:
      codec: the codec to measure.
      waveform: floats `[samples]`.
      sample_rate_hz: sample rate of the waveform in Hz.
      rounds: number of timings of each.
      on_round: called after each round.

    Returns:
      Rows with `what`, `seconds`, `real_time_factor` and its range.
    """
    data = codec.compress(waveform, sample_rate_hz)
    works: dict[str, Callable[[], Any]] = {
        "compress": lambda: codec.compress(waveform, sample_rate_hz),
        "decompress to images": lambda: _images(codec, data),
        "decompress, no iterations of the phase": lambda: codec.decompress(data, iterations=0),
        "decompress": lambda: codec.decompress(data),
    }
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            begin = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - begin)
        on_round()
    duration_s = len(waveform) / sample_rate_hz
    return [
        {
            "what": name,
            "seconds": statistics.median(seconds),
            "real_time_factor": duration_s / statistics.median(seconds),
            "real_time_factor_range": [duration_s / max(seconds), duration_s / min(seconds)],
            "duration_s": duration_s,
            "rounds": rounds,
        }
        for name, seconds in times.items()
    ]


def _images(codec: Codec, data: bytes) -> None:
    synthesis = BlockSynthesis(codec.model.module.dequantize, codec.model.module.synthesise)
    for block in codec.symbols_of(io.BytesIO(data)):
        synthesis.push(block.symbols, block.step_index)
    synthesis.finish()


def memory(model_path: str, duration_s: float, folder: str) -> dict[str, Any]:
    """By how much a fresh process grows that compresses noise of a duration, and one that decompresses it.

    The phase gets one iteration, since more take time and no more memory.

    Raises:
      RuntimeError: a process failed.
    """
    row: dict[str, Any] = {"duration_s": duration_s}
    for what in ("compress", "decompress"):
        growth = in_fresh_process("benchmarks.codec", model_path, what, duration_s, folder)
        row[f"{what}_bytes"], row[f"{what}_seconds"] = growth["bytes"], growth["seconds"]
    return row


def _grown(model_path: str, what: str, duration_s: str, folder: str) -> dict[str, Any]:
    codec = Codec.load(model_path)
    # The idle process has used its functions once.
    codec.decompress(codec.compress(np.zeros(_MEMORY_RATE_HZ, np.float32), _MEMORY_RATE_HZ), iterations=1)
    path = os.path.join(folder, "sound.tfn")

    def noise() -> Iterator[np.ndarray]:
        random = np.random.default_rng(0)
        for _ in range(round(float(duration_s))):
            yield random.normal(0, 0.1, _MEMORY_RATE_HZ).astype(np.float32)

    def work() -> None:
        if what == "compress":
            with open(path, "wb") as sink:
                codec.compress_to(sink, noise(), _MEMORY_RATE_HZ)
        else:
            with open(path, "rb") as stream:
                for _ in codec.decompress_from(stream, iterations=1):
                    pass

    begin = time.perf_counter()
    grown = growth_bytes(work)
    return {"bytes": grown, "seconds": time.perf_counter() - begin}


if __name__ == "__main__":
    print(json.dumps(_grown(*sys.argv[1:])))
