"""The learners: one file for each, their settings, and what they share."""
