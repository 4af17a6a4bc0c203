"""Allocations by a clustering tree of the lines: hierarchical risk parity and its successors."""

from research.allocation.hierarchical.herc import HERC
from research.allocation.hierarchical.hrp import HRP, hrp_weights
from research.allocation.hierarchical.model import Hierarchy
from research.allocation.hierarchical.nco import NCO
from research.allocation.hierarchical.schur import Schur
