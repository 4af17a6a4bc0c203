"""A portfolio file as it is written: its document, keys, defaults, and all its mistakes."""
