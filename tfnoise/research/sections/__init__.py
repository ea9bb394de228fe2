"""The sections of the report, a module and a frozen `Section` each."""

from __future__ import annotations

from tfnoise.research.sections.ablation import ABLATION
from tfnoise.research.sections.generation import GENERATION
from tfnoise.research.sections.guidelines import GUIDELINES
from tfnoise.research.sections.images import IMAGES
from tfnoise.research.sections.natural_data_bound import NATURAL_DATA_BOUND
from tfnoise.research.sections.noise import NOISE
from tfnoise.research.sections.paper import PAPER
from tfnoise.research.sections.quantizer_gradient import QUANTIZER_GRADIENT
from tfnoise.research.sections.rate import RATE
from tfnoise.research.sections.sound import SOUND

_ALL = (
    PAPER,
    RATE,
    NOISE,
    NATURAL_DATA_BOUND,
    GENERATION,
    IMAGES,
    QUANTIZER_GRADIENT,
    GUIDELINES,
    SOUND,
    ABLATION,
)
SECTIONS = {section.name: section for section in _ALL}
"""By name, in the report's order; "paper" is always there, the others by a flag of their name."""
