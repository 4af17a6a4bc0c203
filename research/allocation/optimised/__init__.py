"""Optimisers under constraints: the mean-variance family, its frontier, and robust CVaR."""
