"""Desks made by hand, and a journal."""

from by_hand import desk
from journals import journal

__all__ = ["desk", "journal"]
