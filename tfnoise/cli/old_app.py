"""Runs scripts whose flags are global still; goes with the last of them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

from absl import flags

from tfnoise import signals
from tfnoise.cli import app, output
from tfnoise.cli.verb import FlagDefiner

flags.DEFINE_boolean("help", False, "Show this help.", short_name="h")
output.define_flags(FlagDefiner(flags.FLAGS))


def run(main: Callable[..., Any], positional: str | None = None, at_least: int = 0) -> NoReturn:
    """Runs a script with the command line and exits with its status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signals.install()
    name = sys.argv[0] if main.__module__ == "__main__" else main.__module__
    doc = inspect.getdoc(sys.modules[main.__module__])
    verb = SimpleNamespace(
        __doc__=main.__globals__.get("__doc__") or doc,
        __name__=name,
        POSITIONAL=positional,
        AT_LEAST=at_least,
        define_flags=lambda define: None,
        main=lambda arguments, values: main(arguments),
    )
    app.GLOBAL_FLAGS = flags.FLAGS
    sys.exit(app.call(verb, sys.argv))
