"""Uncertainty of figures: intervals, tests, and corrections for the number of trials."""
