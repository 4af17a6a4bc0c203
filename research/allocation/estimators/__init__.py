"""Allocations by optimisers of other libraries and by functions: their settings, limits and words."""
