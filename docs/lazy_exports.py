"""Griffe extension: shows in the API reference what a room exports at run time.

Some rooms import names when they are first used, by the table `_LATER` of their `__init__.py`; and a function may
have the name of its own module, as `tfnoise.losses.ms_ssim`, and hides it.
"""

from __future__ import annotations

import ast
from typing import Any

import griffe


class LazyExports(griffe.Extension):
    """Adds the aliases that static analysis does not find."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """Adds them to each room of the package."""
        for room in [module for module in pkg.modules.values() if module.is_init_module]:
            exports = [name for name in room.exports or () if isinstance(name, str)]
            if "_LATER" in room.members:
                later = ast.literal_eval(str(room["_LATER"].value))
                for name, module in later.items():
                    path = module if module.startswith("tfnoise.") else f"{room.path}.{module}"
                    room.set_member(name, griffe.Alias(name, f"{path}.{name}", parent=room))
                listed = ast.parse(str(room["__all__"].value), mode="eval").body.elts
                exports = [item.value for item in listed if isinstance(item, ast.Constant)] + list(later)
            for name in exports:
                member = room.members.get(name)
                if isinstance(member, griffe.Module) and name in member.members:
                    room.set_member(name, griffe.Alias(name, member[name], parent=room))
            room.exports = sorted(exports)
