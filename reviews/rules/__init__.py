"""The pure core: a dossier and a rule book go in, findings come out.

Standard library only; no clock, no Django, and no input or output but for its own sources, which
are read once to name the engine.
"""

from reviews.rules.engine import ENGINE
from reviews.rules.registry import RULES, Rule
from reviews.rules.screen import screen

__all__ = ["ENGINE", "RULES", "Rule", "screen"]
