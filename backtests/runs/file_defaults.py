"""Parameters that a notebook takes from its portfolio file where they are empty: "" or 0.

So each notebook runs on any portfolio with `-p portfolio mine.yaml` alone. A default is a fact of the file or its
market; what a file does not have is added to the portfolio in memory, never to the file.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foundation.arguments import refuse
from foundation.files import ROOT, from_workbench
from foundation.paper.wording import listed
from research.market.calendars import A_YEAR
from research.market.reading.embedded import EMBEDDED
from research.portfolio import Portfolio, load_portfolio
from research.rules.protocol import held_by

FITTED = ("tuned", "learned")  # rules that cannot decide before they were fitted
LEAST_WINDOW = 60  # returns, of a market with few rows a year
CANDIDATES = {"calendar": {"rule": "calendar"}, "tuned": {"rule": "tuned"}, "learned": {"rule": "learned"}}


def largest_asset(portfolio: Portfolio) -> str:
    """The asset with the largest target."""
    return portfolio.market.assets[int(np.argmax(portfolio.target))]


def window_of(portfolio: Portfolio, years: float) -> int:
    """The number of returns in so many years of its market, or those before the test; `LEAST_WINDOW` at least."""
    before = int(portfolio.market.dates.searchsorted(portfolio.test_start)) - 1
    return max(min(round(years * portfolio.periods_per_year), before), LEAST_WINDOW)


def schedules_of(portfolio: Portfolio) -> tuple[str, ...]:
    """The schedules on whose dates its market has rows."""
    return tuple(name for name, dates in A_YEAR.items() if name != "day" and dates <= portfolio.periods_per_year)


def month_before_test(portfolio: Portfolio) -> str:
    """The last close that is a month or more before the test, YYYY-MM-DD: what is fitted until then has not seen it."""
    market = portfolio.market
    return f"{market.dates[market.row(portfolio.test_start - pd.Timedelta(days=31))]:%Y-%m-%d}"


def start_dates(portfolio: Portfolio, starts: int, apart: int) -> pd.DatetimeIndex:
    """(starts,) the first day of its test, and later days from which tests start too.

    portfolio : portfolio of the market and test.
    starts    : number of days, 1 or more.
    apart     : rows of the market between two of them; 0 takes a quarter of a year.
    Raises    : ConfigError, by the name of the notebook's parameter, for numbers out of range and more days than there
                are.
    """
    if starts < 1:
        refuse("parameter starts is", starts, "give a number of start dates of 1 or more.")
    if apart < 0:
        refuse("parameter apart is", apart, "give rows of the market, 1 or more, or 0 for a quarter of a year.")
    apart = apart or round(portfolio.periods_per_year / 4)
    dates = portfolio.market.dates
    days = dates[dates >= portfolio.test_start][::apart]
    if starts > len(days):
        fix = f"from {days[0]:%Y-%m-%d} on there are {len(days):,} start dates {apart:,} rows apart: give at most these"
        refuse("parameter starts is", starts, f"{fix}, or a smaller `apart`.")
    return days[:starts]


def last_day(portfolio: Portfolio) -> str:
    """The day of the newest price of a market that comes with the workbench, which ends there; "" for one that goes on.

    The age of prices is counted to it, or to the exchange's own day: prices that are too old for orders are found.
    """
    file = Path(from_workbench(portfolio.file)).resolve()
    market = portfolio.settings["market"]
    ours = isinstance(market, Mapping) and "file" in market and file.is_relative_to(ROOT / "data")
    return f"{portfolio.priced_on:%Y-%m-%d}" if ours or portfolio.market.name in EMBEDDED else ""


def ready_policy(portfolio: Portfolio) -> str:
    """The name of its active policy, or of its first candidate, that decides without being fitted; "" for none.

    One that never trades is taken where it is the active one, or there is no other.
    """
    trading_first = sorted(portfolio.policies, key=lambda name: rule_kind_of(portfolio, name) == "never")
    names = [*filter(None, [portfolio.policy]), *trading_first]
    return next((name for name in names if rule_kind_of(portfolio, name) not in FITTED), "")


def rule_kind_of(portfolio: Portfolio, policy: str) -> str:
    """The kind of rule of a policy, as the file names it; "" for a class of the user's own."""
    return str(portfolio.settings["policies"][policy].get("rule", ""))  # type: ignore[index]


def with_rules(portfolio: Portfolio, wanted: Mapping[str, Mapping[str, Any]]) -> tuple[Portfolio, list[str], str]:
    """A portfolio that has a policy of each kind of rule, the names of these, and what was added, in words, or "".

    wanted : by kind of rule, the policy that is added where the file has none, as a file states it. Of several of a
             kind the reference is taken, or else the first.
    """
    first = [portfolio.reference, *portfolio.policies]
    names = {rule_kind_of(portfolio, name): name for name in reversed(first)}
    lacking = {kind: policy for kind, policy in wanted.items() if kind not in names}
    names |= {kind: kind for kind in lacking}
    if not lacking:
        return portfolio, [names[kind] for kind in wanted], ""
    more = load_portfolio(portfolio.file, {f"policies.{kind}": dict(policy) for kind, policy in lacking.items()})
    words = f"The file has no policy of the rule {listed(list(lacking), 'and')}: one is added here with usual settings."
    return more, [names[kind] for kind in wanted], words


def limited_policies(portfolio: Portfolio) -> tuple[Portfolio, str, str, str]:
    """A portfolio, its first policy with a mean-variance allocation under limits, and the first whose limits give way.

    Where none gives way, it is the first again. A file without any gets one, whose limits are the ranges of the file;
    the words say so, else they are "".
    """
    from research.allocation import MeanVariance

    models = {name: held_by(policy, portfolio.strategic) for name, policy in portfolio.policies.items()}
    under = {name: m for name, m in models.items() if isinstance(m, MeanVariance) and m.limited}
    soft = (name for name in under if any(_values(portfolio.settings["policies"][name], "gives_way")))  # type: ignore[index]
    if under:
        first = next(iter(under))
        return portfolio, first, next(soft, first), ""
    ranges = zip(portfolio.market.assets, portfolio.lower.tolist(), portfolio.upper.tolist(), strict=True)
    allocation = {
        "kind": "mean_variance", "objective": "utility", "risk_aversion": 4.0, "schedule": "quarter",
        "forecast": {"mean": "james_stein", "covariance": "ledoit_wolf", "window": window_of(portfolio, 3.0)},
        "constraints": {"lines": {name: {"least": low, "most": high} for name, low, high in ranges}},
    }  # fmt: skip
    policy = {"rule": "calendar", "schedule": "quarter", "allocation": allocation}
    more = load_portfolio(portfolio.file, {"policies.limited": policy})
    words = (
        "The file has no policy with a mean-variance allocation under limits: here one keeps the ranges of its assets. "
        "`data/portfolios/under_limits.yaml` shows how a file states more."
    )
    return more, "limited", "limited", words


def with_plan(portfolio: Portfolio) -> tuple[Portfolio, str]:
    """A portfolio that has a plan, its own or an example, and the example in words, or "".

    The example is no advice: a twenty-fifth of today's NAV a year for thirty years (Bengen 1994).
    """
    if portfolio.plan is not None:
        return portfolio, ""
    spending = {"rule": "indexed", "amount": float(f"{portfolio.nav / 25.0:.2g}")}
    return load_portfolio(portfolio.file, {"plan": {"spending": spending, "inflation": 0.025}}), (
        "The file has no plan. As an example, a twenty-fifth of today's NAV goes each year: state your own as `plan`."
    )


def stated_views(portfolio: Portfolio) -> tuple[str, str]:
    """The views of the first policy that has some, as `read_views` reads them, or an example; and which, in words.

    The example is no advice: the asset that rose most in the last year goes on to beat the one that rose least.
    """
    for name, policy in portfolio.settings["policies"].items():  # type: ignore[union-attr]
        if views := next(_values(policy, "views"), None):
            return "; ".join(map(_view, views)), f"These are the views of the policy {name} of the file."
    market, window = portfolio.market, min(round(portfolio.periods_per_year), len(portfolio.market.dates) - 1)
    grown = np.log1p(np.nan_to_num(market.returns[-window:])).sum(axis=0)
    best, worst = market.assets[int(np.argmax(grown))], market.assets[int(np.argmin(grown))]
    return f"{best} beats {worst} by 1% a year, confidence 50%", (
        f"The file states no views. As an example, {best}, which rose most in the last year, goes on to beat {worst}, "
        "which rose least. State your own in the parameter `views`."
    )


def _values(settings: Any, key: str) -> Iterator[Any]:
    """All values of a key, anywhere in the settings of a policy."""
    inside = settings.values() if isinstance(settings, Mapping) else settings if isinstance(settings, list) else ()
    if isinstance(settings, Mapping) and settings.get(key) is not None:
        yield settings[key]
    for each in inside:
        yield from _values(each, key)


def _view(stated: Mapping[str, Any]) -> str:
    """A view of a file in words, with its confidence or its uncertainty."""
    sure = [f"{key} {100.0 * stated[key]:g}%" for key in ("confidence", "uncertainty") if stated.get(key) is not None]
    return ", ".join([stated["view"], *sure])
