"""Networks that make the boxes of learned rules, compiled: their features, layers and actions."""
