"""The sections of the report, a question each.

Each module has

- `TITLE`, of the section;
- `recipes(experiment)`: the trainings that it needs;
- `measure(experiment)`: what it finds, as JSON, once they are there; it writes its pictures and sounds;
- `blocks(result)`: what the report says of that.
"""

from __future__ import annotations

from types import ModuleType

from tfnoise.research.sections import (
    ablation,
    generation,
    guidelines,
    images,
    natural_data_bound,
    noise,
    paper,
    quantizer_gradient,
    rate,
    sound,
)

SECTIONS: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        paper,
        rate,
        noise,
        natural_data_bound,
        generation,
        images,
        quantizer_gradient,
        guidelines,
        sound,
        ablation,
    )
}
"""By name, in the report's order; "paper" is always there, the others by a flag of their name."""
