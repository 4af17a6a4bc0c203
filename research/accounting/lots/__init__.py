"""Tax lots: which of them a sale takes, its gain by term, wash sales, and the lots after all that happened."""
