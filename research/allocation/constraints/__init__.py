"""Constraints of an allocation: as a file names them, as arrays, whether weights exist, and which are the best."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
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
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
