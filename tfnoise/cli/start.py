"""The first thing that a script does: check that the environment can run it, before heavy imports.

Written for any Python from 3.6, with the standard library alone, since its purpose is to say what is missing.
"""

import importlib.util
import logging
import os
import sys
from typing import Optional

OLDEST = (3, 9)
NEWEST = (3, 11)
_REQUIRED = ("absl", "tensorflow", "tensorflow_compression", "tensorflow_io")
_REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_CREATE = "python3.11 -m venv .venv && . .venv/bin/activate && pip install -e ."


def prepare() -> None:
    """Quiets TensorFlow, or exits with status 1 and one line on stderr if tfnoise cannot run here.

    To be called before TensorFlow is imported.
    """
    problem = wrong_python(sys.version_info) or missing_packages()
    if problem:
        script = os.path.basename(sys.argv[0]) or "tfnoise"
        sys.stderr.write(f"{script}: {problem}\n")
        sys.exit(1)
    quiet_tensorflow()


def run(verb: str) -> None:
    """Checks the environment, runs a verb as `app.run` does, and exits; for the scripts in bin/."""
    prepare()
    from tfnoise.cli import app

    app.run(verb)


def wrong_python(version: tuple) -> Optional[str]:
    """One line that says what to do if a Python of this `sys.version_info` cannot run tfnoise, else None."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return None
    number = ".".join(str(part) for part in version[:3])
    return (
        f"tfnoise needs Python 3.9, 3.10 or 3.11, and this is {number}: "
        f"run `cd {_REPOSITORY} && {_CREATE}`, or use the Dockerfile there"
    )


def missing_packages() -> Optional[str]:
    """One line that says what to do if a package that every script needs is not installed, else None."""
    missing = [name for name in _REQUIRED if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    environment = os.path.join(_REPOSITORY, ".venv")
    if os.path.realpath(sys.prefix) == os.path.realpath(environment):
        remedy = f"its installation is incomplete: run `cd {_REPOSITORY} && pip install -e .`"
    elif os.path.exists(os.path.join(environment, "bin", "activate")):
        remedy = f"the environment is not activated: run `. {environment}/bin/activate`"
    else:
        remedy = f"the environment is not set up or not activated: run `cd {_REPOSITORY} && {_CREATE}`"
    names = " and ".join([", ".join(missing[:-1]), missing[-1]] if missing[1:] else missing)
    return f"{sys.executable} has no {names}; {remedy}"


def quiet_tensorflow() -> None:
    """Turns off what TensorFlow prints at import and on first use, unless a level of logging is chosen."""
    is_set = "TF_CPP_MIN_LOG_LEVEL" in os.environ
    # At 2, TensorFlow still prints three errors about cuDNN, cuFFT and cuBLAS on every machine.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if not is_set:
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
