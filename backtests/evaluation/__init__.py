"""Evaluation of a backtest: scores, intervals and verdicts, reconciled money, and the tables of figures."""
