"""Allocations by a clustering tree of the assets: hierarchical risk parity and its successors."""

from research.allocation.hierarchical.clustered import HERC, NCO
from research.allocation.hierarchical.hrp import HRP, Schur, hrp_weights
from research.allocation.hierarchical.model import Hierarchy
