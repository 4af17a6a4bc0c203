"""Simulated returns: models with known moments, bootstraps, and markets made of them."""
