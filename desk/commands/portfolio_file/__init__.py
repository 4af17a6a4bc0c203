"""Commands that write a portfolio file: a new one, another profile, the recommended policy."""
