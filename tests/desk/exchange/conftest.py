"""Desks made by hand."""

from by_hand import desk, desks, evil, two

__all__ = ["desk", "desks", "evil", "two"]
