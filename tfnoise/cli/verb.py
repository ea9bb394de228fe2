"""What a module of `tfnoise.cli` that holds a verb consists of, and how it defines its flags."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from absl import flags
from absl.flags import FlagValues


class FlagDefiner:
    """absl's functions that define flags, for one collection of flags.

        define.integer("seed", 0, "Random seed (weights and noise).", lower_bound=0)

    Args:
      values: where the flags are defined; nothing is global.
    """

    def __init__(self, values: FlagValues):
        self.string = partial(flags.DEFINE_string, flag_values=values)
        self.integer = partial(flags.DEFINE_integer, flag_values=values)
        self.float = partial(flags.DEFINE_float, flag_values=values)
        self.boolean = partial(flags.DEFINE_boolean, flag_values=values)
        self.enum = partial(flags.DEFINE_enum, flag_values=values)
        self.list = partial(flags.DEFINE_list, flag_values=values)
        self.multi_string = partial(flags.DEFINE_multi_string, flag_values=values)
        self.flag: Any = partial(flags.DEFINE_flag, flag_values=values)


class Verb(Protocol):
    """A module of `tfnoise.cli` that holds one verb.

    Its docstring is the help's description and, after a line "Example:", its example. Importing it must stay
    light, since `--help` does: what needs TensorFlow or NumPy is imported by the functions that use it.

    Attributes:
      POSITIONAL: how the help names the positional arguments, as "IN...", of which one is required, or
        "[IN...]"; None refuses any.
    """

    POSITIONAL: str | None

    def define_flags(self, define: FlagDefiner) -> None:
        """Defines the verb's flags."""

    def main(self, arguments: list[str], values: FlagValues) -> int | None:
        """Does the work with the positional arguments and the parsed flags, which no function below gets.

        Returns:
          The exit status; None stands for 0.
        """
