"""Networks that make the boxes of learned rules, compiled: what they see, what they compute, what it means."""
