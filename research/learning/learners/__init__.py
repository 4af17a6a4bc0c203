"""Who learns, and how: one file for each of them, their settings, and what they have in common."""
