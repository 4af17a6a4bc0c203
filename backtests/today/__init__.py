"""Today's holdings: their risk, their stress, and their simulated futures."""
