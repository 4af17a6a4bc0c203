"""Forecasts by neural networks: quantiles of each line's returns, several steps ahead."""

from research.forecast.neural.network import Network
