"""The look-ahead test of a portfolio's policies as they are used: fitted, with its execution, dividends and flows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from backtests.engine.run import conditions
from backtests.studies.audits.futures import CUT, Future, future
from backtests.studies.audits.look_ahead import DAYS_CHECKED, PASSED, LookAhead, look_ahead
from foundation.errors import ConfigError
from foundation.paper.wording import listed
from research.accounting import Policy
from research.market import Market
from research.portfolio import Portfolio
from research.rules.protocol import compiled_rule

if TYPE_CHECKING:
    from backtests.comparison import Comparison

ON_SHEET = 3  # decision days: few enough for a second, enough to find a daily peek with a probability of 0.99
SESSIONS = 500  # of the test, for a policy that is not played compiled


def audit_policy(
    portfolio: Portfolio,
    make: Callable[[Market], Policy],
    days: int = DAYS_CHECKED,
    sessions: int | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> LookAhead:
    """The look-ahead test of a policy in the test of a portfolio.

    portfolio : portfolio of the market, costs, execution, dividends, flows and test.
    make      : function that makes the policy, with its allocation, from a market. A tuned or trained policy is given
                as it is: it has seen no day of the test.
    days      : maximum number of decision days to check.
    sessions  : number of sessions of the test, from its first day on; None for all.
    progress  : told, after each backtest, the fraction of them that is done.
    Raises    : the errors of `look_ahead`.
    """
    known = Future(portfolio.market, portfolio.costs, portfolio.flows)
    last = portfolio.market.row(portfolio.test_start - pd.Timedelta(days=1)) + (sessions or len(portfolio.market.dates))
    if last < len(portfolio.market.dates):
        known = future(*known, last, CUT)
    return look_ahead(
        make, known.market, known.costs, portfolio.test_start, days=days, progress=progress,
        **conditions(portfolio, flows=known.flows),
    )  # fmt: skip


def sheet_line(comparison: "Comparison") -> str:
    """One line: the look-ahead test of the recommended policy, or of the reference, on few days; where to find more."""
    recommended = comparison.recommendation.policy
    name = recommended or comparison.reference
    policy, who = comparison.fitted[name].policy, name if recommended else f"{name}, the reference"
    tested = len(comparison.backtests[name].net_returns)
    sessions = None if compiled_rule(policy) is not None or tested <= SESSIONS else SESSIONS
    try:
        found = audit_policy(comparison.portfolio, lambda _: policy, ON_SHEET, sessions)
    except ConfigError as error:  # of a test that is too short for it
        return f"not available for {who}: {error}"
    where = "" if sessions is None else f" of the first {sessions} test days"
    asked = listed([f"{day:%Y-%m-%d}" for day in found.table.index])
    checked = (
        f" Decided again with other later data of its market on {found.checked}{where} ({asked}), its decisions are "
        f"the same. This finds {found.peek} with probability {found.probability}, and none on other days."
    )
    every = f"rebalance research audit FILE --days {found.days}"
    return f"{who}: {found.result}.{checked * (found.result == PASSED)} For all days and policies: {every}"
