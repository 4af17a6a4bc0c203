"""Learned policies in backtests: their gap to the optimum, warnings about their use, and their saved results."""
