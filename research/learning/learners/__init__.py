"""The learners: one file for each, their settings, and their common part."""
