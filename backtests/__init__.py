"""Backtests judge: playing policies through history, comparing them, and reporting what holds."""

import foundation  # which says where Python finds another package by our name
