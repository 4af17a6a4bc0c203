"""Rules in simulated markets whose optimum is known."""
