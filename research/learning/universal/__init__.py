"""One network for every portfolio: the rule that plays it, what it sees, what it was trained on and how."""

from research.learning.universal.rule import Universal

__all__ = ["Universal"]
