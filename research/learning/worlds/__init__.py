"""Simulated worlds in which rules are trained, with the self-financing step of backtests."""
