"""The keys of a portfolio file, each read into its record."""
