"""What a backtest is worth: scores, intervals and verdicts, reconciled money, and the tables of figures."""
