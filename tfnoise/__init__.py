"""tfnoise: compressive autoencoders that learn from noise, with perceptual losses that know natural signals.

The parts are imported when they are first used, so that `import tfnoise` costs nothing and prints nothing:

    import tfnoise

    tfnoise.losses.ms_ssim(a, b)
    tfnoise.Autoencoder(bpp=0.5)
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_MODULES = (
    "audio",
    "autoencoder",
    "codec",
    "data",
    "errors",
    "evaluation",
    "layers",
    "losses",
    "serving",
    "training",
)
# Names that stand here and live elsewhere.
_NAMES = {
    "Autoencoder": "tfnoise.autoencoder",
    "BitstreamError": "tfnoise.codec.format",
    "Codec": "tfnoise.codec.codec",
    "InputError": "tfnoise.errors",
}

__all__ = ["__version__", *_MODULES, *_NAMES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module("tfnoise." + name)
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'tfnoise' has no attribute {name!r}")


def __dir__() -> list:
    return sorted(set(globals()) | set(__all__))
