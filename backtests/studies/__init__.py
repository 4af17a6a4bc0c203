"""Studies over many cases: audits for look-ahead, forecasts, real markets."""
