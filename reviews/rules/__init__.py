"""The pure core: a dossier and a rule book go in, findings come out.

Standard library only; no clock, no input or output, no Django.
"""

from reviews.rules.registry import RULES, Rule
from reviews.rules.screen import screen

__all__ = ["RULES", "Rule", "screen"]
