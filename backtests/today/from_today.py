"""Possible outcomes of today's holdings within a year: policies run through simulated futures, under several laws.

Every figure comes with its Monte Carlo standard error, which says how far other random numbers would move it. The
comparison of laws says how far another law would move it; neither is an interval for what will happen.
"""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.inference.estimates import NotAvailable
from backtests.today.future_paths import (
    Opening,
    PlayedPaths,
    SharedBands,
    estimates,
    first_target,
    play_future,
    play_futures,
    shared_bands,
)
from foundation.arguments import is_whole, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError, PolicyError
from research.accounting import Policy
from research.market.calendars import row_name
from research.portfolio import Portfolio
from research.risk.simulation.future_laws import BLOCK_PATHS, FutureLaw, future_laws, sample
from research.rules.protocol import compiled_rule

USUAL_PATHS = 10_000
WORKERS = 2
OTHER_LAWS_EVERY = 4  # of the futures of the recommended law, one in so many is played under each other law
ESTIMATING, DAILY = 100, 50  # paths of a policy that estimates on each path, and of one that decides in Python
MOST_PATHS = 1_000_000
BEYOND = 5  # futures beyond a quantile that say where it is
DRAWDOWN_LIMITS = (0.10, 0.20)  # drawdowns whose breach is counted, where the file states none
FAN_LEVELS = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)  # of the fan: bands of 90, 80 and 50 % round the median
REASON = (
    "it assumes least: days that happened, all assets together, in blocks that keep spells of volatility, and nothing "
    "is estimated."
)
LOSS_FIGURES = {  # name: what it is, its unit
    "loss_month": ("probability of a loss after 30 days", "probability"),
    "loss_year": ("probability of a loss after a year", "probability"),
}
OTHER_FIGURES = {
    "mean": ("mean return of the year", "fraction"),
    "median": ("median return", "fraction"),
    "percentile_5": ("5th percentile", "fraction"),
    "percentile_1": ("1st percentile", "fraction"),
    "under_water": ("longest time under water", "rows"),
    "turnover": ("turnover a year", "fraction"),
    "cost": ("cost a year", "fraction"),
    "tracking_error": ("tracking error to the strategic target", "fraction"),
}


def drawdown_limits(stated: float | None) -> tuple[float, ...]:
    """The drawdowns whose breach is counted: the one that the file states, or else those of `DRAWDOWN_LIMITS`."""
    return DRAWDOWN_LIMITS if stated is None else (stated,)


def drawdown_name(limit: float) -> str:
    """The name of the figure that counts drawdowns of `limit` or more, fraction of NAV: 0.1 is "drawdown_10"."""
    return f"drawdown_{100 * limit:g}"


def figure_words(stated: float | None) -> dict[str, tuple[str, str]]:
    """The description and unit of each figure, by its name, in order.

    stated : the maximum drawdown of the file, which is counted in place of `DRAWDOWN_LIMITS` and stands first; or None.
    """
    whose = "" if stated is None else ", the limit of the file"
    falls = {
        drawdown_name(limit): (f"probability of a drawdown of {100 * limit:g} %{whose}", "probability")
        for limit in drawdown_limits(stated)
    }
    return LOSS_FIGURES | falls | OTHER_FIGURES if stated is None else falls | LOSS_FIGURES | OTHER_FIGURES


class Simulated(NamedTuple):
    """A figure of simulated futures and its Monte Carlo standard error, both in the figure's unit; NaN if not known."""

    value: float
    error: float

    @property
    def known(self) -> bool:
        """True if there are enough futures for a figure."""
        return not math.isnan(self.value)


@dataclass(frozen=True, eq=False)
class PolicyFuture:
    """One policy under one law.

    law     : its name.
    policy  : its name.
    paths   : number of futures.
    figures : figures by the names of `figure_words`.
    fan     : (D + 1, ·) wealth over that of today by date, a column for each level of `FAN_LEVELS`.
    """

    law: str
    policy: str
    paths: int
    figures: Mapping[str, Simulated]
    fan: pd.DataFrame


@dataclass(frozen=True)
class StandingEstimates:
    """A policy that estimates, on the same futures as it is, and with its estimates of the last close.

    paths      : number of futures.
    wealth     : mean size of the difference of wealth after the year, fraction of NAV.
    turnover   : a year, one-way: as it is, and with standing estimates.
    cost       : a year, fraction of NAV, likewise.
    """

    paths: int
    wealth: float
    turnover: tuple[float, float]
    cost: tuple[float, float]


@dataclass(frozen=True, eq=False)
class FromToday:
    """Today's holdings continued by policies, under each law.

    futures  : results by (law, policy).
    laws     : their names, the recommended one first.
    policies : their names; the first is the one that the fan is drawn for.
    nav      : today's NAV, currency.
    basis    : currency of the portfolio.
    dates    : (D + 1,) today and the rows to come.
    month    : the row of `dates` that is the last within 30 days, or the first to come.
    sample   : first and last date of the returns that the laws are fitted to.
    drift    : mean log return a year of the strategic target in that sample: in the long run all laws keep it.
    seed     : seed of the random numbers.
    left_out : names of the features that the file has and the futures have not.
    limit    : the maximum drawdown that the file states, fraction of NAV, or None.
    refused  : the reason why a law could not be fitted, by its name.
    rows     : name of the rows to come: "sessions", or "weeks", "months" and so on.
    checks   : for each policy that estimates: the effect of continuing with its estimates of the last close.
    unopened : true if nothing was ever held: each future begins after the first purchase, whose cost is in wealth and
               in no figure of turnover or cost.
    """

    futures: Mapping[tuple[str, str], PolicyFuture]
    laws: tuple[str, ...]
    policies: tuple[str, ...]
    nav: float
    basis: str
    dates: pd.DatetimeIndex
    month: int
    sample: tuple[pd.Timestamp, pd.Timestamp]
    drift: float
    seed: int
    left_out: tuple[str, ...]
    limit: float | None
    refused: Mapping[str, str]
    rows: str
    checks: Mapping[str, "StandingEstimates"]
    unopened: bool

    @property
    def words(self) -> dict[str, tuple[str, str]]:
        """The description and unit of each figure, by its name."""
        return figure_words(self.limit)

    @property
    def shown(self) -> PolicyFuture:
        """Under the recommended law, the first policy that is played on all futures, or the first."""
        most = max(one.paths for one in self.futures.values())
        return next(one for one in self.futures.values() if one.law == self.laws[0] and one.paths == most)

    def table(self) -> pd.DataFrame:
        """A row for each law and policy: number of paths, figures, and standard errors in columns `<name>_se`."""
        rows = []
        for (law, policy), one in self.futures.items():
            cells = {"law": law, "policy": policy, "paths": one.paths}
            for name, figure in one.figures.items():
                cells |= {name: figure.value, f"{name}_se": figure.error}
            rows.append(cells)
        return pd.DataFrame(rows).set_index(["law", "policy"])


def from_today(
    portfolio: Portfolio,
    policies: Mapping[str, Policy],
    *,
    paths: int = USUAL_PATHS,
    seed: int = 0,
    laws: Mapping[str, FutureLaw] | None = None,
    workers: int = WORKERS,
) -> FromToday:
    """Run policies from today's holdings through a year of simulated futures, under each law.

    A policy that estimates continues with its estimates of the last close; on 100 futures it also runs unchanged, and
    `checks` gives the difference. A policy that cannot run on all futures at once runs under the first law only, on 100
    futures, or on 50 where it decides in Python.
    portfolio : portfolio, whose holdings are those of the last close.
    policies  : policies ready to decide, by name; the first is shown.
    paths     : number of futures of the first law; of each other law a quarter of it.
    seed      : seed of the random numbers; all policies run on the same futures.
    laws      : laws by name, the recommended one first; by default those of `future_laws`.
    workers   : number of threads; the figures do not depend on it.
    Raises    : DataError as `future_laws` and `Opening` do; ConfigError for no policy, or a number of paths out of
                range; PolicyError for a future in which a policy cannot go on.
    """
    if not (is_whole(paths) and 2 <= paths <= MOST_PATHS):
        refuse("paths are", paths, f"give a whole number of futures, 2 to {MOST_PATHS:,}.")
    if not policies:
        refuse("policies are", dict(policies), "give one at least, by name.")
    opening = Opening(portfolio)
    begun = {name: opening.begun(first_target(portfolio, policy)) for name, policy in policies.items()}
    dates, returns = sample(portfolio.market, portfolio.periods_per_year)
    refused: Mapping[str, str] = {}
    if laws is None:
        laws, refused = future_laws(portfolio.market, portfolio.periods_per_year)
    quick = dict[str, SharedBands]()
    for name, policy in policies.items():
        quick |= shared_bands(begun[name], {name: policy})
    found = _quick(opening, begun, laws, quick, paths, seed, workers)
    first, law = next(iter(laws.items()))
    checks = {}
    for name, policy in policies.items():
        if name not in quick:
            found[first, name] = _slow(begun[name], first, law, name, policy, paths, seed)[0]
        elif estimates(policy):
            exact, wealth = _slow(begun[name], first, law, name, policy, paths, seed)
            checks[name] = _check(begun[name], law, quick[name], exact, wealth, seed)
    cash = 1.0 - float(portfolio.target.sum())
    held = np.log1p(returns @ portfolio.target + cash * (opening.cash_growth - 1.0))
    return FromToday(
        {(law, policy): found[law, policy] for law in laws for policy in policies if (law, policy) in found},
        tuple(laws),
        tuple(policies),
        portfolio.nav,
        portfolio.basis,
        opening.dates,
        opening.month,
        (dates[0], dates[-1]),
        float(held.mean()) * portfolio.periods_per_year,
        seed,
        opening.left_out,
        portfolio.limits.max_drawdown,
        refused,
        "sessions" if (row := row_name(portfolio.periods_per_year)) == "day" else f"{row}s",
        checks,
        portfolio.unopened,
    )


def futures_for(draws: int) -> int:
    """The number of futures beside so many draws of a bootstrap: the power of ten with the nearest logarithm.

    So a few draws more or less play no futures anew.

    >>> futures_for(10_000), futures_for(9_000), futures_for(2_000)
    (10000, 10000, 1000)
    """
    count: int = 10 ** round(math.log10(draws))
    return count


def from_today_or_why_not(
    portfolio: Portfolio, policies: Mapping[str, Policy], *, paths: int = USUAL_PATHS
) -> FromToday | NotAvailable:
    """The result of `from_today`; or, where data or a policy do not allow it, the reason."""
    try:
        return from_today(portfolio, policies, paths=paths)
    except (DataError, PolicyError) as error:
        return NotAvailable(str(error))


def _quick(
    opening: Opening,
    begun: Mapping[str, Opening],
    laws: Mapping[str, FutureLaw],
    policies: Mapping[str, SharedBands],
    paths: int,
    seed: int,
    workers: int,
) -> dict[tuple[str, str], PolicyFuture]:
    """Policies whose bands all futures share, under each law: a block of futures after another, by threads."""

    def play(task: tuple[FutureLaw, int, int]) -> dict[str, "_Gathered"]:
        law, block, count = task
        growths = law.growths(block, opening.days, seed)[: count - block * BLOCK_PATHS]
        strategic = opening.costless(growths, opening.portfolio.target)
        return {
            name: _Gathered.of(begun[name], play_futures(begun[name], {name: shared}, growths)[name], strategic)
            for name, shared in policies.items()
        }

    found, recommended = {}, next(iter(laws))
    with ThreadPoolExecutor(workers) as pool:
        for name, law in laws.items() if policies else ():
            count = paths if name == recommended else max(paths // OTHER_LAWS_EVERY, 2)
            parts = list(pool.map(play, [(law, block, count) for block in range(math.ceil(count / BLOCK_PATHS))]))
            for policy in policies:
                found[name, policy] = _future(opening, name, policy, [part[policy] for part in parts])
    return found


def _slow(
    opening: Opening, name: str, law: FutureLaw, policy: str, rule: Policy, paths: int, seed: int
) -> tuple[PolicyFuture, Array]:
    """A policy that is played on a market of its own for each future; its wealth (P,) after the year too."""
    count = min(paths, ESTIMATING if compiled_rule(rule) is not None else DAILY)
    growths, parts = law.growths(0, opening.days, seed)[:count], []
    for one, strategic in zip(growths, opening.costless(growths, opening.portfolio.target), strict=True):
        parts.append(_Gathered.of(opening, play_future(opening, rule, one, policy), strategic[None]))
    return _future(opening, name, policy, parts), np.concatenate([part.wealth[:, -1] for part in parts])


def _check(
    opening: Opening, law: FutureLaw, shared: SharedBands, exact: PolicyFuture, wealth: Array, seed: int
) -> StandingEstimates:
    """The effect of standing estimates.  wealth : (P,) after the year without them."""
    growths = law.growths(0, opening.days, seed)[: exact.paths]
    played = play_futures(opening, {"": shared}, growths)[""]
    standing = _Gathered.of(opening, played, opening.costless(growths, opening.portfolio.target))
    turnover, cost = (
        (exact.figures[name].value, float(getattr(standing, name).mean())) for name in ("turnover", "cost")
    )
    return StandingEstimates(exact.paths, float(np.abs(standing.wealth[:, -1] - wealth).mean()), turnover, cost)


class _Gathered(NamedTuple):
    """Results of P futures: wealth (P, D + 1) over that of today, and (P,) figures in the units of `figure_words`."""

    wealth: Array
    drawdown: Array
    under_water: Array
    turnover: Array
    cost: Array
    tracking_error: Array

    @classmethod
    def of(cls, opening: Opening, played: PlayedPaths, strategic: Array) -> "_Gathered":
        """The figures of played futures.  strategic : (P, D) returns."""
        portfolio = opening.portfolio
        wealth, year = played.nav / (portfolio.nav + opening.paid), portfolio.periods_per_year / opening.days
        peak = np.maximum.accumulate(wealth, axis=1)
        row = np.arange(wealth.shape[1])
        since = row - np.maximum.accumulate(np.where(wealth == peak, row, 0), axis=1)
        apart = (played.gross - strategic).std(axis=1, ddof=1) * math.sqrt(portfolio.periods_per_year)
        return cls(
            wealth,
            (wealth / peak).min(axis=1) - 1.0,
            since.max(axis=1).astype(float),
            played.turnover.sum(axis=1) * year,
            (played.cost + played.holding).sum(axis=1) * year,
            apart,
        )


def _future(opening: Opening, law: str, policy: str, parts: list[_Gathered]) -> PolicyFuture:
    wealth, drawdown, *rest = (np.concatenate(column) for column in zip(*parts, strict=True))
    by_date = np.sort(np.ascontiguousarray(wealth.T), axis=1)
    end = by_date[-1] - 1.0
    stated = opening.portfolio.limits.max_drawdown
    found = {
        "loss_month": share(wealth[:, opening.month] < 1.0),
        "loss_year": share(wealth[:, -1] < 1.0),
        **{drawdown_name(x): share(drawdown <= -x) for x in drawdown_limits(stated)},
        "mean": mean(wealth[:, -1] - 1.0),
        "median": quantile(end, 0.50),
        "percentile_5": quantile(end, 0.05),
        "percentile_1": quantile(end, 0.01),
        **dict(zip(_Gathered._fields[2:], map(mean, rest), strict=True)),
    }
    figures = {name: found[name] for name in figure_words(stated)}
    fan = pd.DataFrame(_at(by_date, np.array(FAN_LEVELS)), index=opening.dates, columns=[f"{q:g}" for q in FAN_LEVELS])
    return PolicyFuture(law, policy, len(wealth), figures, fan)


# -- figures and their errors ----------------------------------------------------------------------------------------


def share(happened: np.ndarray) -> Simulated:
    """The share of futures (P,) in which something happened.

    Its error is that of a share with two more futures of each kind, so that it is above zero where nothing happened.
    Source : Agresti and Coull (1998), Approximate is better than "exact".

    >>> round(share(np.array([True, False, False, False])).error, 4)
    0.1712
    """
    count, seen = len(happened), int(happened.sum())
    moved = (seen + 2.0) / (count + 4.0)
    return Simulated(seen / count, math.sqrt(moved * (1.0 - moved) / (count + 4.0)))


def mean(values: Array) -> Simulated:
    """The mean of a figure over futures (P,), and its standard error.

    >>> round(mean(np.array([1.0, 2.0, 3.0])).error, 4)
    0.5774
    """
    return Simulated(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)))


def quantile(ordered: Array, level: float) -> Simulated:
    """A quantile of futures (P,), sorted, interpolated linearly; its error is half the distance of those at one error.

    Both are NaN where fewer than `BEYOND` futures lie beyond the quantile.
    Source : Maritz and Jarrett (1978) and others: the number of futures below a quantile is binomial.
    """
    if min(level, 1.0 - level) * len(ordered) < BEYOND:
        return Simulated(math.nan, math.nan)
    error = math.sqrt(level * (1.0 - level) / len(ordered))
    low, middle, high = _at(ordered[None], np.clip([level - error, level, level + error], 0.0, 1.0))[0]
    return Simulated(float(middle), float(high - low) / 2.0)


def _at(ordered: Array, levels: Array) -> Array:
    """(T, k) quantiles of sorted rows (T, P), interpolated linearly as numpy's."""
    place = np.asarray(levels) * (ordered.shape[1] - 1)
    below = np.minimum(np.floor(place).astype(np.int64), max(ordered.shape[1] - 2, 0))
    above = np.minimum(below + 1, ordered.shape[1] - 1)
    found: Array = ordered[:, below] + (place - below) * (ordered[:, above] - ordered[:, below])
    return found
