"""Keeping the book: transactions of a broker, corrections of fills, cash entries, and the reconciliation of it all."""
