"""The universal policy: one network for every portfolio, its rule, its features, and its training."""
