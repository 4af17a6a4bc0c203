"""Rules in simulated markets with a known optimum."""
