"""The cost of each order of a journal, in parts and sums, and against the costs of a portfolio file."""
