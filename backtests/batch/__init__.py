"""Many configurations at once, each equal to a backtest of its own to the bit, with metrics taken on the way."""
