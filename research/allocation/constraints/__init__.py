"""Constraints of an allocation: records as a file names them, their limits as arrays, and whether weights exist."""

from research.allocation.constraints.records import (
    Bounds,
    Cardinality,
    Constraints,
    CVaRLimit,
    Exclusions,
    Exposure,
    Group,
    Liquidity,
    Most,
    TrackingErrorLimit,
)

__all__ = [
    "Bounds",
    "CVaRLimit",
    "Cardinality",
    "Constraints",
    "Exclusions",
    "Exposure",
    "Group",
    "Liquidity",
    "Most",
    "TrackingErrorLimit",
]
