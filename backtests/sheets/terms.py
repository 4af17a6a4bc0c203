"""Links from the heads of a sheet's tables to the terms of its conventions, which explain each figure."""

from backtests.evaluation.metrics import COST_PARTS

TERMS = {  # of the list of conventions, with the figures that each explains; the others are in `FURTHER_TERMS`
    "loss": ("loss", "tracking_loss", "loss_training", "loss_taxed"),
    "recommendation": ("days_outside",),
    "tracking": ("tracking_error", "tracking_error_own"),
    "turnover": ("turnover", "trades", "trading_days", "lowest_cash"),
    "cost": ("cost", "opening_cost", "harvested", "harvest_cost", *(part.key for part in COST_PARTS.values())),
    "cagr": (
        "growth",
        "growth_gross",
        "total_return",
        "final_balance",
        "money_weighted",
        "flows",
        "final_balance_taxed",
        "growth_taxed",
    ),
    "volatility": ("volatility", "sharpe"),
    "drawdown": ("max_drawdown", "longest_drawdown", "recovery", "cvar95", "cvar99", "var95", "var99"),
}
SHORTLY = {  # what a figure is, where it first stands on a sheet
    "limits": "holds the file's target and stays in its limits",
    "expected": "costs, tracking, days and orders, by test and theory",
    "gain": "expected loss of the reference less its own",
    "better": "that this gain is above zero",
    "above_best": "upper end of expected J over a lower bound on that of every rule",
    "cost": "of trading and holding; 1 bp is 0.01 % of the portfolio",
    "tracking_error": "how far returns stray from the target's",
    "growth": "compound annual growth rate",
    "volatility": "standard deviation of returns",
    "max_drawdown": "deepest fall below an earlier high",
    "trading_days": "by the policy, for cash flows, or for harvests of losses",
}
FURTHER_TERMS = "further"
_TERM_OF = {key: term for term, keys in TERMS.items() for key in keys}


def term_of(key: str) -> str:
    """The address of the term that explains a figure, on the sheet.

    >>> term_of("growth"), term_of("omega")
    ('term-cagr', 'term-further')
    """
    return f"term-{_TERM_OF.get(key, FURTHER_TERMS)}"
