"""The flags of bin/train within bin/sweep, where each takes one value, or several with commas between."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from absl import flags

TRAIN_SCRIPT = Path(__file__).resolve().parents[2] / "bin" / "train"
_MODULE = "train_script"
_NOT_TAKEN = {"name", "run_dir", "export_dir", "overwrite"}
"""What bin/sweep decides for each training, with flags of its own."""


def _take_from_script() -> tuple[flags.FlagValues, dict[str, str]]:
    """Takes bin/train's flags out of absl's global ones; gives them, and the module that defined each."""
    before = set(flags.FLAGS)
    # By the script itself, so that a flag that it gets is a flag here; nothing else of it is used.
    runpy.run_path(str(TRAIN_SCRIPT), run_name=_MODULE)
    taken, modules = flags.FlagValues(), {}
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        for flag in [flag for flag in defined if flag.name not in before]:
            delattr(flags.FLAGS, flag.name)
            taken[flag.name] = flag
            modules[flag.name] = module
    return taken, modules


# At import, since bin/sweep has flags of the same names as some of these.
_train_flags, _modules = _take_from_script()


def define() -> None:
    """Defines the flags of bin/train, in its order, but for those that bin/sweep decides."""
    for name, module in _modules.items():
        if name not in _NOT_TAKEN:
            # "__main__": among the flags of the script, in its help.
            module_name = "__main__" if module == _MODULE else module
            flags.DEFINE_flag(_SeveralFlag(_train_flags[name]), module_name=module_name)
    flags.DEFINE(_NoParser(), "run_dir", None, "Not here: each training has its own, below --sweep_dir.")


def choices() -> dict[str, tuple[Any, ...]]:
    """The values of each flag of bin/train that was given, in bin/train's order."""
    names = [name for name in _modules if name not in _NOT_TAKEN and flags.FLAGS[name].present]
    return {name: flags.FLAGS[name].value for name in names}


def parse(arguments: list[str]) -> flags.FlagValues:
    """The flags of bin/train for one training; valid until the next call.

    Args:
      arguments: of its command line.

    Raises:
      flags.Error: bin/train would refuse them.
    """
    _train_flags.unparse_flags()
    _train_flags([TRAIN_SCRIPT.name, *arguments])
    return _train_flags


class _SeveralFlag(flags.Flag):
    """A flag of another script that may have several values; None unless it is given."""

    def __init__(self, original: flags.Flag):
        text = original.help or ""
        default = (original.default_as_str or "").strip("'")
        if default and "(default: " not in text:
            text += f" (default: {default})"
        super().__init__(
            _SeveralParser(original.parser), None, original.name, None, text, boolean=original.boolean
        )


class _SeveralParser(flags.ArgumentParser):
    """Splits a text at its commas and gives each part to the parser of one value."""

    def __init__(self, single: flags.ArgumentParser):
        super().__init__()
        self._single = single
        # The help lists them.
        self.enum_values = getattr(single, "enum_values", None)

    def parse(self, argument: str) -> tuple[Any, ...]:
        """The values, one or more.

        Raises:
          ValueError: one of them is empty, or the single parser refuses it.
        """
        parts = flags.ListParser().parse(argument) if "," in argument else [argument]
        if len(parts) > 1 and "" in parts:
            raise ValueError("a value is missing beside a comma")
        return tuple(self._single.parse(part) for part in parts)


class _NoParser(flags.ArgumentParser):
    """Of a flag that is known and refused."""

    def parse(self, argument: str) -> str:
        """Refuses.

        Raises:
          ValueError: always.
        """
        raise ValueError("each training has its own, below --sweep_dir")
