"""Fitting policies on days before a test: tuning, walk-forward, combinatorial tests."""
