"""Whose risk it is: contributions of assets, classes and factors."""
