"""Allocations made of others: averages, a reserve, and limits on a target from one refit to the next."""

from research.allocation.wrappers.average import Average, Shrunk
from research.allocation.wrappers.reserve import Reserve
from research.allocation.wrappers.through_time import CappedTurnover, Smoothed

__all__ = ["Average", "CappedTurnover", "Reserve", "Shrunk", "Smoothed"]
