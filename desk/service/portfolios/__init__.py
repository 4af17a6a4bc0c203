"""Portfolios of users: their versions and files, what is wrong in them, and their figures."""
