"""Tax lots sold, wash sales, and budgets of gains."""
