"""Regimes of an asset as known on each day: by a hidden Markov chain, a jump model, or the percentile of volatility."""
