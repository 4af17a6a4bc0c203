"""Backtests judge: playing policies through history, comparing them, and reporting what holds."""
