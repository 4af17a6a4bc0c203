"""The decomposition of risk: contributions of assets, classes and factors."""
