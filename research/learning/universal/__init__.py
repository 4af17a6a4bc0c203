"""The universal policy: one network for every portfolio, its rule, its features, and its training."""

from research.learning.universal.rule import Universal

__all__ = ["Universal"]
