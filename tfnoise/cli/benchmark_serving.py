"""The part of bin/benchmark that is about serving."""

from __future__ import annotations

from typing import Any

from absl import flags

from tfnoise.cli.coding import shipped
from tfnoise.cli.models import DEFAULT_MODEL
from tfnoise.cli.output import say, table
from tfnoise.cli.progress import Progress

FLAGS = flags.FLAGS


def serving() -> dict[str, Any]:
    """Measures an exported model in each runtime that is here."""
    from tfnoise import codec
    from tfnoise.benchmarks import serving as measured
    from tfnoise.serving.server_config import VARIABLE, find_server

    model = codec.resolve(FLAGS.model or shipped(DEFAULT_MODEL))
    with Progress(FLAGS.rounds, label="measuring", unit="round") as progress:
        rows = measured.compare_runtimes(model, FLAGS.rounds, progress.update)
    cells = [
        [
            row["signature"],
            row["runtime"],
            row["clients"],
            f"{row['requests_per_s']:.1f}",
            f"{row['latency_ms']:.1f}",
            f"{row['latency_p95_ms']:.1f}",
        ]
        for row in rows
    ]
    say(f"{model}, {measured.FRAMES} frames a request; medians of {FLAGS.rounds} rounds:\n")
    header = ["signature", "runtime", "clients", "requests/s", "median ms", "95 % ms"]
    say(table(cells, header, "llrrrr"))
    if find_server() is None:
        say(f"\nno TensorFlow Serving here (on PATH or in {VARIABLE}), so it was not measured")
    return {"model": str(model), "frames": measured.FRAMES, "serving": rows}
