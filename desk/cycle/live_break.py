"""The alert that live has broken from its backtest: an e-detector's, to look for the cause, and no verdict."""

from dataclasses import replace

from backtests.inference.detector import break_now
from desk.cycle.live import Parting, beside_backtest
from desk.cycle.monitor import LIVE_BREAK, Reading
from foundation.errors import InputError
from foundation.paper.wording import percent
from research.accounting import Policy
from research.accounting.costs import BASIS_POINT
from research.portfolio import Portfolio
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.nav_history import NavHistory


def live_break(both: Parting, materiality: float) -> tuple[float, str] | None:
    """The mean difference of returns since a break, a year, and a sentence on it; None without an alert.

    materiality : difference that is worth a look, bp a year.
    """
    found = break_now(both.differences, both.backtest.periods_per_year)
    if found is None or abs(found.mean) <= materiality * BASIS_POINT:
        return None
    moved = "falls behind" if found.mean < 0.0 else "runs ahead of"
    since = f"since about {both.dates[found.since + 1]:%Y-%m-%d}"
    return found.mean, f"live {moved} the backtest by {percent(abs(found.mean))} a year {since}: look for the cause"


def live_reading(portfolio: Portfolio, policy: Policy, name: str, book: Book | None) -> tuple[Reading, ...]:
    """The reading of an alert, a flag; none without one, and where the record cannot be held against its backtest.

    Arguments are those of `beside_backtest`.
    """
    if portfolio.nav_history.fault(portfolio.nav):
        portfolio = replace(portfolio, nav_history=NavHistory())
    try:
        alert = live_break(beside_backtest(portfolio, policy, name, book), portfolio.materiality)
    except InputError:
        return ()
    return () if alert is None else (Reading(LIVE_BREAK, alert[0], "warning", False, alert[1]),)
