"""Desks made by hand."""

from by_hand import desk

__all__ = ["desk"]
