"""The sections of the report, a question each.

Each module has

- `TITLE`, of the section;
- `recipes(lab)`: the trainings that it needs;
- `measure(lab)`: what it finds, as JSON, once they are there; it writes its pictures and sounds;
- `blocks(result)`: what the report says of that.
"""

from __future__ import annotations

from types import ModuleType

from tfnoise.research.sections import (
    ceiling,
    generation,
    images,
    noise,
    paper,
    practice,
    rate,
    softness,
    sound,
    why,
)

SECTIONS: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (paper, rate, noise, ceiling, generation, images, softness, practice, sound, why)
}
"""By name, in the report's order; "paper" is always there, the others by a flag of their name."""
