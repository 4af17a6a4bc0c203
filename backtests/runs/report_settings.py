"""The settings by which a report is known: read where a trade list looks for one, without what makes a report.

A client of a book is compared with others of his model: `comparison_key` says which portfolios share one comparison.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from backtests.runs.content import content_digest
from backtests.runs.trial_words import is_proportional
from research.portfolio import Portfolio

FULL_RUN = {"rl_steps": 0, "rl_seeds": 0, "draws": 10_000}  # settings of a full run; 0: as the portfolio file says
FROM_FILE: dict[str, str | float] = {"benchmark": "", "tracking_penalty": -1.0}  # parameters that leave its keys
OF_CLIENT = frozenset(  # fields of a portfolio that are its owner's, and of which a comparison reads the NAV alone
    {
        "name", "file", "settings", "holdings", "shares", "cash", "last_trade", "given_prices", "notes", "tax_lots",
        "ticket", "cycle", "governance", "accounts", "currencies", "rates", "nav_history", "blotter", "pending",
    }
)  # fmt: skip


def settings_of_report(
    portfolio: Portfolio, reference: str, *, rl_steps: int, rl_seeds: int, draws: int
) -> dict[str, object]:
    """The settings of a comparison, as plain JSON values: the portfolio file's and the notebook's.

    portfolio : portfolio whose candidates are compared.
    reference : the policy to which differences are taken.
    rl_steps  : training steps a seed of learned candidates.
    rl_seeds  : number of seeds of learned candidates.
    draws     : number of draws of the bootstrap.
    """
    return {
        "portfolio": portfolio.settings,
        "rl_steps": rl_steps,
        "rl_seeds": rl_seeds,
        "draws": draws,
        "reference": reference,
        "candidates": list(portfolio.policies),
    }


def overrides_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a portfolio file that the parameters of its report replace, with their values."""
    return {name: given[name] for name, none in FROM_FILE.items() if given.get(name, none) != none}


def is_told_by_settings(portfolio: Portfolio) -> bool:
    """True if the settings and the market of a portfolio hold all that its runs are made from.

    False where they name files whose content may change, or a book, and where code of the user's may be read: a run of
    these settings may be of other prices, rates, holdings or rules, so that it is made again.
    """
    named = [portfolio.settings.get(key) for key in ("prices", "fx", "fx_today", "nav_history")]
    named.append(portfolio.settings.get("stress", {}).get("file"))
    files = any(isinstance(one, str) for one in named)
    return not (files or portfolio.pending or portfolio.blotter or portfolio.trust_code)


def scales_with_nav(portfolio: Portfolio) -> bool:
    """True if a comparison is the same at any NAV: costs are proportional, and no work is priced in currency."""
    priced = portfolio.day_cost or portfolio.order_cost
    own = (portfolio.market, portfolio.costs, portfolio.execution, portfolio.dividends, portfolio.flows)
    return not priced and is_proportional(*own)


def comparison_key(portfolio: Portfolio) -> str:
    """The sha256, hex, of all that a comparison reads of a portfolio: portfolios with one key share one comparison.

    It is made from the content of every field but those in `OF_CLIENT`, and from the NAV where a comparison depends on
    it (`scales_with_nav`). Where it has a value of an unknown kind (`content_digest`), it may be compared by itself.
    """
    read = [[f.name, getattr(portfolio, f.name)] for f in fields(portfolio) if f.name not in OF_CLIENT]
    return content_digest(*read, "any" if scales_with_nav(portfolio) else portfolio.nav)
