"""Constraints of an allocation: as a file names them, as arrays, whether weights exist, and which are the best."""

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
