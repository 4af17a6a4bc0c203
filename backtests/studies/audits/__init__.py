"""Audits of policies: look-ahead, smoothed regimes, and benchmarks of the same exposure."""
