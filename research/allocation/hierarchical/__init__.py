"""Allocations by a clustering tree of the assets: hierarchical risk parity and its successors."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.allocation.hierarchical.clustered import HERC, NCO
    from research.allocation.hierarchical.hrp import HRP, Schur, hrp_weights
    from research.allocation.hierarchical.model import Hierarchy
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
