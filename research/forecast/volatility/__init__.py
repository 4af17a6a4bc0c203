"""Variances and covariances over a horizon: with exponential weights, GARCH, HAR, and dynamic correlations."""
