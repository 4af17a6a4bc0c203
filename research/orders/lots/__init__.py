"""Whole lots, and the limits that orders keep: search, proof, and conflicts with their fixes."""
