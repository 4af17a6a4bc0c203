"""Research decides: markets, accounting, risk, allocations, rules, learning, portfolios and trade lists."""
