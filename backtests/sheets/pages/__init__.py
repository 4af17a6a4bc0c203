"""Whole pages, one file each."""
