"""The answer to --help: what a script does, an example, and its own flags with their defaults."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap

from absl import flags

_EXAMPLE = re.compile(r"^Examples?:[ \t]*$", re.MULTILINE)
_INDENT = "      "
_GENERAL = ("tfnoise.cli.app", "tfnoise.cli.output", "tfnoise.cli.shared_flags")
# absl's words behind the help of a flag that may be repeated, with its own line break.
_REPEATABLE = "\n    repeat this option to specify a list of values"


def split_doc(doc: str | None) -> tuple[str, str]:
    """Splits a verb's docstring into its description and, after a line "Example:", its example, or ""."""
    parts = _EXAMPLE.split(inspect.cleandoc(doc or ""), maxsplit=1)
    example = textwrap.dedent(parts[1].strip("\n")).rstrip() if len(parts) > 1 else ""
    return parts[0].strip(), example


def render(command: str, doc: str | None, positional: str | None, values: flags.FlagValues) -> str:
    """The help of a verb called as `command`, "bin/train": its docstring, positional arguments, flags."""
    description, example = split_doc(doc)
    width = max(60, min(shutil.get_terminal_size().columns, 110))
    sections = [f"{command}: {description}" if description else command]
    sections.append("Usage:\n  " + " ".join([command, "[flags]"] + ([positional] if positional else [])))
    if example:
        sections.append("Example:\n" + textwrap.indent(example, "  "))
    # The verb's own flags, then those of many verbs, each in the order of definition.
    groups: dict[str, list[flags.Flag]] = {"Flags": [], "General flags": []}
    for module, group in values.flags_by_module_dict().items():
        groups["General flags" if module in _GENERAL else "Flags"] += group
    for title, group in groups.items():
        if group:
            sections.append("\n".join([f"{title}:"] + [_render_flag(flag, width) for flag in group]))
    sections[-1] += "\n" + _entry("--flagfile", "Read flags from this file, one --flag=value a line.", width)
    return "\n\n".join(sections) + "\n"


def _render_flag(flag: flags.Flag, width: int) -> str:
    name = f"--[no]{flag.name}" if flag.boolean and flag.name != "help" else f"--{flag.name}"
    if flag.short_name:
        name = f"-{flag.short_name}, {name}"
    notes = []
    choices = getattr(flag.parser, "enum_values", None)
    if choices:
        notes.append("one of " + ", ".join(choices))
    if flag.name != "help":
        default = (flag.default_as_str or "").strip("'")
        if default:
            notes.append(f"default: {default}")
        elif "(default: " not in (flag.help or ""):
            notes.append("no default")
    if isinstance(flag, flags.MultiFlag):
        notes.append("may be repeated")
    # absl puts an enum's choices before its help, too.
    text = re.sub(r"^<[^>]*>: ", "", flag.help or "").replace(f";{_REPEATABLE}", "")
    return _entry(name + (f"  ({'; '.join(notes)})" if notes else ""), text, width)


def _entry(head: str, text: str, width: int) -> str:
    wrapper = textwrap.TextWrapper(width, subsequent_indent=_INDENT, break_on_hyphens=False)
    wrapper.initial_indent = "  "
    lines = wrapper.wrap(head)
    wrapper.initial_indent = _INDENT
    lines += wrapper.wrap(" ".join(text.split()))
    return "\n".join(lines)
