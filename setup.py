"""Refuses another Python before pip resolves anything; all else stands in setup.cfg."""

import sys

from setuptools import setup

if not (3, 9) <= sys.version_info[:2] <= (3, 11):
    sys.exit(
        "tfnoise needs Python 3.9, 3.10 or 3.11, and this is {}.{}; run: python3.11 -m venv .venv "
        "&& . .venv/bin/activate && pip install -e .   or use the Dockerfile".format(*sys.version_info[:2])
    )

setup()
