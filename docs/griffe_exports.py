"""Griffe extension: shows the run-time exports of subpackages in the API reference, and doctests as code."""

from __future__ import annotations

import ast
import re
from typing import Any

import griffe


class Exports(griffe.Extension):
    """Adds the exports that static analysis does not find, and fences doctests."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Completes the exports of each subpackage.

        Some import names when they are first used, by the table `_LATER` of their `__init__.py`; and a
        function may have the name of its own module, as `tfnoise.losses.ms_ssim`, and hides it.
        """
        for package in [module for module in pkg.modules.values() if module.is_init_module]:
            exports = [name for name in package.exports or () if isinstance(name, str)]
            if "_LATER" in package.members:
                later = ast.literal_eval(str(package["_LATER"].value))
                for name, module in later.items():
                    path = module if module.startswith("tfnoise.") else f"{package.path}.{module}"
                    package.set_member(name, griffe.Alias(name, f"{path}.{name}", parent=package))
                listed = ast.parse(str(package["__all__"].value), mode="eval").body.elts
                exports = [item.value for item in listed if isinstance(item, ast.Constant)] + list(later)
            for name in exports:
                member = package.members.get(name)
                if isinstance(member, griffe.Module) and name in member.members:
                    package.set_member(name, griffe.Alias(name, member[name], parent=package))
            package.exports = sorted(exports)

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Fences the doctests of a docstring, which Markdown would take for quotations."""
        if obj.docstring:
            text = obj.docstring.value
            obj.docstring.value = re.sub(r"^>>> (?:.+\n?)+", _fenced, text, flags=re.MULTILINE)


def _fenced(block: re.Match[str]) -> str:
    return f"```pycon\n{block[0].rstrip()}\n```\n"
