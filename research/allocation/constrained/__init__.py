"""Allocations under constraints: the settings that all of them share, on a forecast, and on the returns of a window."""
