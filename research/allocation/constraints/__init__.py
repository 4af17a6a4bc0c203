"""Constraints of an allocation: records as a file names them, their limits as arrays, and whether weights exist."""
