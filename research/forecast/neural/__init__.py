"""Forecasts by neural networks: quantiles of each asset's returns, several steps ahead."""

from research.forecast.neural.network import Network
