"""Allocations by risk alone: parity and budgets, least risk in the tail, diversification, tracking of a benchmark."""
