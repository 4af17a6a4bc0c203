"""Allocations by risk alone: parity and budgets, least risk in the tail, diversification, tracking of a benchmark."""

from research.allocation.risk_based.benchmark_tracking import BenchmarkTracking
from research.allocation.risk_based.maximum_diversification import MaximumDiversification
from research.allocation.risk_based.minimum_risk import MinimumRisk
from research.allocation.risk_based.relaxed_risk_parity import RelaxedRiskParity
from research.allocation.risk_based.risk_parity import RiskParity
from research.allocation.risk_based.tail_parity import TailParity

__all__ = [
    "BenchmarkTracking",
    "MaximumDiversification",
    "MinimumRisk",
    "RelaxedRiskParity",
    "RiskParity",
    "TailParity",
]
