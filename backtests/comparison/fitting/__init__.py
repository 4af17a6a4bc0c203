"""Fitting policies on days before a test: tuning and walk-forward."""
