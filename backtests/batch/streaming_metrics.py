"""The figures of a path, taken while it is played: the metrics of `backtests.evaluation.scores` without the path.

A configuration keeps twelve numbers from day to day (`Curve`) and four that only a trade changes (`Traded`). The one
path's figures come from its ledger through the same compiled functions, so that both have the same bits; they are those
of `backtests.evaluation.scores.score` to 1e-11, but that only trades of decisions are counted here. Nothing is divided
on a day but 1 by the NAV.
"""

import math
from typing import NamedTuple, TypeAlias

import numpy as np

from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import target_returns
from foundation.arrays import Array, frozen, kept
from foundation.compiled import compiled, inlined, linked
from foundation.compiled.simd import maximum, where
from foundation.errors import DataError
from foundation.tolerances import COUNTED, SERIES
from research.allocation import TargetPath
from research.market import Market
from research.market.calendars import DAYS_PER_YEAR
from research.risk import cvar
from research.risk.measures import BPS

BATCH_METRICS = (
    "growth", "volatility", "sharpe", "max_drawdown", "tracking_error", "tracking_error_own", "loss", "turnover",
    "cost", "trades", "trading_days", "opening_cost", "nav",
)  # fmt: skip
CVAR = "cvar95"  # the one figure that needs the path: only where asked for
SHARPE = BATCH_METRICS.index("sharpe")
EPS = float(np.finfo(np.float64).eps)
Arrays: TypeAlias = tuple[Array, ...]


class Curve(NamedTuple):
    """The running figures of a path of NAV, kept from day to day.

    per_nav : 1 over the last NAV.  peak : the highest NAV.  low, low_peak : NAV at the deepest fall, and the peak
    before it.  The others are sums of daily returns and of their squares: net of costs, over cash, and, before costs,
    over the strategic target and over the policy's own.
    """

    per_nav: float
    peak: float
    low: float
    low_peak: float
    net: float
    net2: float
    excess: float
    excess2: float
    active: float
    active2: float
    own: float
    own2: float


class Traded(NamedTuple):
    """The running sums of trades: cost and one-way turnover over NAV before them, assets traded, days of trading."""

    cost: float
    turnover: float
    lines: float
    days: float


class Span(NamedTuple):
    """The days of a path.

    first        : NAV after the opening trade, of a wealth of 1.
    last         : NAV at the end, likewise.
    opening_cost : cost of the opening trade, fraction of the wealth before it.
    days         : number of returns.
    calendar     : calendar days.
    """

    first: float
    last: float
    opening_cost: float
    days: int
    calendar: float


class Terms(NamedTuple):
    """The terms by which figures are taken.

    tracking_penalty : price of squared tracking error.
    periods_per_year : number of periods by which figures are annualised.
    """

    tracking_penalty: float
    periods_per_year: float


@inlined
def opened(nav: float) -> Curve:
    """The curve at the close of the opening trade."""
    return Curve(1.0 / nav, nav, nav, nav, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@inlined
def lived(curve: Curve, before: float, after: float, cash: float, strategic: float, own: float) -> Curve:
    """The curve a day later.

    curve     : running figures up to the day before.
    before    : NAV before the day's trade, currency.
    after     : NAV after it, currency.
    cash      : the day's return of cash, fraction.
    strategic : the day's return of the strategic target, fraction.
    own       : the day's return of the policy's own target, fraction.
    """
    net = after * curve.per_nav - 1.0
    gross = before * curve.per_nav - 1.0
    excess, active, gap = net - cash, gross - strategic, gross - own
    peak = maximum(curve.peak, after)
    deeper = after * curve.low_peak < curve.low * peak
    return Curve(
        1.0 / after,
        peak,
        where(deeper, after, curve.low),
        where(deeper, peak, curve.low_peak),
        curve.net + net,
        curve.net2 + net * net,
        curve.excess + excess,
        curve.excess2 + excess * excess,
        curve.active + active,
        curve.active2 + active * active,
        curve.own + gap,
        curve.own2 + gap * gap,
    )


@inlined
def charged(charges: Array) -> float:
    """Sum of charges (columns, n), currency, asset by asset."""
    total = 0.0
    for i in range(charges.shape[1]):
        for c in range(len(charges)):
            total += charges[c, i]
    return total


@inlined
def traded(so_far: Traded, trades: Array, charges: Array, nav: float) -> Traded:
    """The running sums with one more trade.

    so_far  : running sums of the trades before.
    trades  : (n,) currency, buys positive.
    charges : (columns, n) currency.
    nav     : NAV before the trade, currency.
    """
    bought = sold = 0.0
    lines = 0
    for i in range(len(trades)):
        bought += max(trades[i], 0.0)
        sold += max(-trades[i], 0.0)
        lines += abs(trades[i]) > COUNTED * nav
    return more_traded(so_far, charged(charges), bought, sold, lines, nav)


@inlined
def more_traded(so_far: Traded, cost: float, bought: float, sold: float, lines: float, nav: float) -> Traded:
    """The running sums with one more trade.

    so_far : running sums of the trades before.
    cost   : cost of the trade, currency.
    bought : purchases, currency.
    sold   : sales, currency.
    lines  : number of assets that count as traded.
    nav    : NAV before the trade, currency.
    """
    per_nav = 1.0 / nav
    return Traded(
        so_far.cost + cost * per_nav,
        so_far.turnover + maximum(bought, sold) * per_nav,
        so_far.lines + lines,
        so_far.days + where(lines > 0.0, 1.0, 0.0),
    )


@inlined
def _variance(total: float, squares: float, days: int) -> float:
    """The variance of `days` numbers, from their sum and the sum of their squares, ddof 1."""
    return max(squares - total * total / days, 0.0) / (days - 1)


@linked
def finish(curve: Curve, trades: Traded, span: Span, terms: Terms, out: Array) -> None:
    """Write the metrics of a path.

    curve  : running figures of its NAV.
    trades : running sums of its trades.
    span   : its days.
    terms  : price of tracking, and periods a year.
    out    : (len(BATCH_METRICS),) in the units of records; written.

    The Sharpe ratio of a path that gains the same on cash every day is not defined, and NaN: callers that show it
    refuse it. Gains are the same where they differ by rounding only: by `SERIES`, or by what the two sums over the days
    may have lost, each of them at most days × eps / 2 of itself, and the square of the first twice that.
    """
    days, periods_per_year = span.days, terms.periods_per_year
    years, root = days / periods_per_year, math.sqrt(periods_per_year)
    spread = math.sqrt(_variance(curve.excess, curve.excess2, days))
    rounding = math.sqrt(2.0 * EPS * curve.excess2 * days / (days - 1))
    out[0] = math.expm1(math.log(span.last / span.first) * (DAYS_PER_YEAR / span.calendar))
    out[1] = math.sqrt(_variance(curve.net, curve.net2, days)) * root
    out[2] = curve.excess / days / spread * root if spread > max(SERIES, rounding) else np.nan
    out[3] = curve.low / curve.low_peak - 1.0
    out[4] = math.sqrt(_variance(curve.active, curve.active2, days)) * root
    out[5] = math.sqrt(_variance(curve.own, curve.own2, days)) * root
    out[6] = periods_per_year * BPS * ((trades.cost + 0.5 * terms.tracking_penalty * curve.active2) / days)
    out[7] = trades.turnover / years
    out[8] = trades.cost / years * BPS
    out[9] = trades.lines / years
    out[10] = trades.days / years
    out[11] = span.opening_cost * BPS
    out[12] = span.last


def target_path_returns(targets: TargetPath, market: Market) -> Array:
    """(T,) return of the target in force at yesterday's close, rebalanced daily at no cost; zero until there is one."""

    def make() -> Array:
        first = int(np.argmax(targets.row >= 0))
        returns = np.zeros(len(market.dates))
        returns[first + 1 :] = target_returns(targets, market, first)
        return frozen(returns)

    return kept(market, ("returns", targets), make)


def batch_metrics(
    backtest: Backtest, strategic: Array, own: Array, tracking_penalty: float, *, cvar95: bool = False
) -> Array:
    """(len(BATCH_METRICS),) the metrics of one backtest, in the units of records; as a batch has them, to the bit.

    backtest         : one policy on one market.
    strategic        : (T,) simple returns of the strategic target, fraction (`target_path_returns`).
    own              : (T,) simple returns of the policy's own target, fraction.
    tracking_penalty : price of tracking error.
    cvar95           : give `CVAR` too, last.
    Raises           : DataError where a figure is not defined.
    """
    market, first, book = backtest.market, backtest.first, backtest.ledger
    out = np.empty(len(BATCH_METRICS) + cvar95)
    calendar = float(market.days[-1].astype(int) - market.days[first].astype(int))
    of_days = market.cash[first + 1 :], strategic[first + 1 :], own[first + 1 :]
    opening = charged(book.opening_charges) / backtest.wealth
    path, done = _path(backtest), backtest.booked
    aside, charges, others = 0.0, book.charges[done], book.booked >= 0
    others[done] = False
    if others.any():
        aside = float((book.charges[others].sum(axis=(1, 2)) / backtest.wealth_charged[others]).sum())
    if not backtest.plain:
        aside += float((book.holding_costs[1:].sum(axis=1) / book.nav[:-1]).sum())
        charges *= (book.nav_before[done] / backtest.wealth_charged[done])[:, None, None]
    span = Span(path[0][0], path[0][-1], opening, len(of_days[0]), calendar)
    trades = book.trades[done], charges, book.nav_before[done]
    terms = Terms(float(tracking_penalty), float(backtest.periods_per_year))  # an int has code of its own compiled
    _one_path(path, of_days, trades, aside, span, terms, out)
    if cvar95:
        out[-1] = path_cvar(path[0])
    return checked_figures(out, f"backtest {backtest.name!r}")


def _path(backtest: Backtest) -> tuple[Array, Array]:
    """(D + 1,) what a wealth of 1 grew to, time-weighted, and (D,) the same at each close before that day's costs."""
    if backtest.plain:
        return backtest.ledger.nav / backtest.wealth, backtest.nav_before / backtest.wealth
    path = backtest.growth_path / backtest.wealth
    return path, path[:-1] * (1.0 + backtest.gross_returns)


@compiled
def _one_path(
    path: Arrays, returns: Arrays, trades: Arrays, aside: float, span: Span, terms: Terms, out: Array
) -> None:
    """Write the metrics of a path into `out`.

    path    : (D + 1,) NAV from a wealth of 1, and (D,) NAV before each day's costs, likewise.
    returns : (D,) each, of cash and of the two targets, fraction.
    trades  : (k, n) trades, (k, columns, n) charges and (k,) wealths, currency.
    aside   : costs that no trade caused, fraction of NAV.
    span    : the days of the path.
    terms   : price of tracking, and periods a year.
    out     : (len(BATCH_METRICS),) in the units of records; written.
    """
    (nav, nav_before), (cash, strategic, own), (orders, charges, wealth) = path, returns, trades
    curve = opened(nav[0])
    for t in range(len(cash)):
        curve = lived(curve, nav_before[t], nav[t + 1], cash[t], strategic[t], own[t])
    sums = Traded(aside, 0.0, 0.0, 0.0)
    for j in range(len(orders)):
        sums = traded(sums, orders[j], charges[j], wealth[j])
    finish(curve, sums, span, terms, out)


def checked_figures(figures: Array, name: str) -> Array:
    """The figures unchanged, if the Sharpe ratio is defined.

    figures : (len(BATCH_METRICS),) or longer, in the units of records.
    name    : owner of the figures, for the message.
    Raises  : DataError if the Sharpe ratio is not defined.
    """
    if np.isnan(figures[SHARPE]):
        raise DataError(
            f"the Sharpe ratio of {name} is not defined: it gains the same on cash every day. Leave out what only "
            "holds cash or grows at one rate."
        )
    return figures


def path_cvar(nav: Array) -> float:
    """`CVAR` of a path of NAV (D + 1,)."""
    return cvar(nav[1:] * (1.0 / nav[:-1]) - 1.0, 0.95)
