"""Research decides: markets, accounting, risk, allocations, rules, learning, portfolios and trade lists."""

import foundation  # which says where Python finds another package by our name
