"""The monitor: readings of a portfolio at its last close, against the levels that its file states.

Drift, ranges, VaR, drawdown and a crisis trigger a cycle, as its policy does; the other readings raise flags.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.inference.sharpe_inference import SharpeEstimate, sharpe_with_error
from backtests.laboratory.learned.warnings import drift_in, drift_words
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.paper.wording import class_words, counted, percent
from foundation.tolerances import TRIGGER
from research.allocation import NewsTilt
from research.allocation.wrapper import each_of
from research.forecast.regimes.percentiles import REGIME_NAMES, VolatilityPercentiles
from research.learning import LearnedPolicy
from research.market import Market
from research.market.calendars import row_name
from research.market.quality import market_warnings
from research.orders.before_after import BeforeAfter, Figures
from research.orders.lots.position import Position
from research.orders.lots.sizing import SizedOrders
from research.orders.trade_lists import TradeList
from research.portfolio import Portfolio
from research.risk import drawdown
from research.risk.decomposition.ex_ante import stopped_words

CLASS_COLUMNS = ("asset_class", "sector")
ASSET_DRIFT = "drift of an asset"  # the name of a reading
CRISIS = REGIME_NAMES[-1]
CORRELATION_ROWS = 63  # rows of the correlations
MAX_CORRELATED = 10  # assets whose correlations a language model is told
LIVE_BREAK = "break from the backtest"  # name of a reading
NORMAL_LEVEL, QUIET = "normal", "quiet"  # of a reading, and of a day


@dataclass(frozen=True)
class Reading:
    """A reading.

    name     : what was read.
    value    : its value, a fraction where its sentence states percent or points; None where it is not known.
    level    : "normal", or the level that it reached: medium, high, warning, critical.
    triggers : true if it triggers a cycle.
    sentence : the reading in words.
    of       : assets or group that it is about, with commas between them; "" for the portfolio.
    """

    name: str
    value: float | None
    level: str
    triggers: bool
    sentence: str
    of: str = ""


@dataclass(frozen=True)
class Monitored:
    """The readings at a close.

    readings : in the order of the page.
    policy   : the reason why the policy trades, or "" where it holds.
    """

    readings: tuple[Reading, ...]
    policy: str

    @property
    def shown(self) -> tuple[Reading, ...]:
        """The readings, after that of the policy where it trades."""
        said = f"the policy trades: {self.policy}"
        of_policy = (Reading("policy", None, NORMAL_LEVEL, triggers=True, sentence=said),) if self.policy else ()
        return (*of_policy, *self.readings)

    @property
    def triggers(self) -> tuple[str, ...]:
        """The sentences of what triggers a cycle, the policy's first."""
        return tuple(each.sentence for each in self.shown if each.triggers)

    @property
    def flags(self) -> tuple[str, ...]:
        """The sentences of what is beyond a level and triggers nothing."""
        return tuple(each.sentence for each in self.readings if each.level != NORMAL_LEVEL and not each.triggers)

    @property
    def status(self) -> str:
        """triggered or quiet."""
        return "triggered" if self.triggers else QUIET

    def __getitem__(self, name: str) -> Reading:
        """The reading of a name."""
        return next(each for each in self.readings if each.name == name)


def monitored(listed: TradeList, given: Sequence[Reading] = ()) -> Monitored:
    """The readings of the portfolio of a trade list, before its orders.  given : readings of what the desk knows."""
    of = _Readings(listed.before_after, listed.target, listed.stale_words)
    readings = [*of.all(), *given]
    if isinstance(listed.decides, LearnedPolicy):
        readings.append(feature_drift(listed.portfolio, listed.decides, listed.policy))
    for part in each_of(listed.decides):  # type: ignore[arg-type]  # a policy holds an allocation as a wrapper does
        if isinstance(part, NewsTilt):
            readings.append(news(listed.portfolio.market, part))
    return Monitored(tuple(readings), "" if listed.holds else listed.reason)


def news(market: Market, tilt: NewsTilt) -> Reading:
    """The assets with bad news at the last close: any is a flag, and good news takes none away."""
    flagged = tilt.flagged(market.past(len(market.dates) - 1))
    said = ", ".join(f"{asset} {mean:+.2f}" for asset, mean in flagged.items())
    sentence = f"mean score of news is at most {tilt.flag:+.2f}: {said}" if flagged else "no asset has bad news"
    worst = min(flagged.values(), default=None)
    return Reading("news", worst, "warning" if flagged else NORMAL_LEVEL, False, sentence, ", ".join(sorted(flagged)))


def feature_drift(portfolio: Portfolio, policy: LearnedPolicy, name: str) -> Reading:
    """The number of features of a learned policy that drifted from its training in the last year; any is a flag.

    Raises : PolicyError as `backtest` does.
    """
    played = backtest_candidate(portfolio, policy, name)
    drifts = drift_in(played, slice(-portfolio.periods_per_year, None))
    if not drifts:
        return _unknown("drift of features", f"{name} has decided too seldom, or its card holds no limits")
    count = sum(each.drifted for each in drifts)
    said = drift_words(name, drifts).rstrip(".") or f"Features of {name} are as in its training"
    return Reading("drift of features", float(count), "warning" if count else NORMAL_LEVEL, False, said)


def has_groups(portfolio: Portfolio, by: str) -> bool:
    """True if each asset of a portfolio names its group. by : one of `CLASS_COLUMNS`."""
    instruments = portfolio.market.instruments
    return by in instruments.columns and all(map(str, instruments[by]))


def sharpe_of_year(portfolio: Portfolio, earned: Array) -> SharpeEstimate:
    """The Sharpe ratio of the last year of returns. Raises as `sharpe_with_error` does.

    earned : (d,) simple returns up to the last close, fraction.
    """
    year = portfolio.periods_per_year
    last = earned[-year:]
    return sharpe_with_error(last - portfolio.market.cash[-len(last) :], year)


def weights_by_group(portfolio: Portfolio, weights: Array) -> dict[str, dict[str, float]]:
    """The weights (n,), fraction of NAV, by asset class and by sector: of each kind that all assets name."""
    named = (by for by in CLASS_COLUMNS if has_groups(portfolio, by))
    return {by: {name: float(part @ weights) for name, part in portfolio.exposures(by).items()} for by in named}


def counted_rows(portfolio: Portfolio, count: int) -> str:
    """A number of rows of a portfolio's market in words: sessions, weeks, months."""
    row = row_name(portfolio.periods_per_year)
    return counted(count, "session" if row == "day" else row)


def regime_of(rank: float) -> str:
    """The name of the regime of a percentile of volatility, fraction.

    >>> regime_of(0.57)
    'moderate'
    """
    return REGIME_NAMES[int(np.searchsorted(VolatilityPercentiles.levels, rank))]


def is_triggered(portfolio: Portfolio, target: Array) -> bool:
    """True if a reading triggers a cycle.  target : (n,) weights in force, fraction of NAV."""
    return any(each.triggers for each in _readings(portfolio, target).triggering())


def risk_words(portfolio: Portfolio) -> tuple[str, ...]:
    """Sentences on what is held at the last close: weights, and where they are known the risk and the correlations.

    The risk is volatility, VaR and drawdown; no amount is told. Of more than `MAX_CORRELATED` assets, the correlations
    are those of the largest.
    """
    of = _readings(portfolio, portfolio.target)
    weights = dict(zip((*portfolio.market.assets, "cash"), (*of.weights, 1.0 - of.weights.sum()), strict=True))
    held = ", ".join(f"{name} {percent(weight, 2)}" for name, weight in weights.items() if abs(weight) > TRIGGER)
    volatility = of.figures.volatility
    yearly = [] if volatility is None else [f"volatility is {percent(volatility, 2)} a year"]
    known = [each.sentence for each in (of.loss(), of.drawdown(), of.correlation()) if each.value is not None]
    return (f"weights of NAV: {held}", *yearly, *known, *of.pairs())


def _readings(portfolio: Portfolio, target: Array) -> "_Readings":
    """The readings of a portfolio without orders.  target : (n,) weights in force, fraction of NAV."""
    position = Position.of(portfolio)
    none, weights = np.zeros(len(target)), position.weights
    return _Readings(BeforeAfter(portfolio, target, SizedOrders(position, none, none, weights, weights)), target)


@dataclass(frozen=True, eq=False)
class _Readings:
    """The readings of a portfolio before orders, with weights in force (n,)."""

    before_after: BeforeAfter
    target: Array
    stale: str = ""

    @property
    def portfolio(self) -> Portfolio:
        return self.before_after.portfolio

    @property
    def figures(self) -> Figures:
        return self.before_after.figures["before"]

    @property
    def weights(self) -> Array:
        return self.before_after.states["before"].weights

    def all(self) -> Iterator[Reading]:
        """The readings in turn."""
        yield from self.triggering()
        yield from (self.sharpe(), self.beta(), self.correlation(), self.since_trade(), self.data())

    def triggering(self) -> Iterator[Reading]:
        """Those that may trigger a cycle."""
        yield from self.drifts()
        yield from (self.outside(), self.loss(), self.drawdown(), self.regime())

    # -- drift -----------------------------------------------------------------------------------------------------

    def drifts(self) -> Iterator[Reading]:
        """The largest drift of an asset, or of cash, and of a group of each kind."""
        gaps = self.weights - self.target
        assets = (*self.portfolio.market.assets, "cash")
        yield self._drift(ASSET_DRIFT, dict(zip(assets, np.append(gaps, -gaps.sum()), strict=True)))
        for by in CLASS_COLUMNS:
            if not has_groups(self.portfolio, by):
                continue
            groups = self.portfolio.exposures(by)
            groups = {k: x for k, x in groups.items() if (x != 0.0).sum() > 1 and (x != 1.0).any()}  # else one was read
            if groups:
                yield self._drift(
                    f"drift of a {by.replace('asset_', '')}", {name: float(x @ gaps) for name, x in groups.items()}
                )

    def _drift(self, name: str, gaps: dict[str, float]) -> Reading:
        furthest = max(gaps, key=lambda each: abs(gaps[each]))
        gap, levels = float(gaps[furthest]), self.portfolio.cycle.drift
        rising = (("critical", levels.critical), ("high", levels.high), ("medium", levels.medium))
        level = next((name for name, least in rising if abs(gap) >= least - TRIGGER), NORMAL_LEVEL)
        side = "over" if gap > 0.0 else "under"
        what = furthest if name == ASSET_DRIFT else class_words(furthest)
        sentence = f"{what} is {100 * abs(gap):.2f} points {side} target"
        of = ", ".join(sorted(each for each in gaps if abs(gaps[each]) >= abs(gap) - TRIGGER))  # of two, both
        return replace(_levelled(name, gap, level, sentence, triggers=level == "critical"), of=of)

    def outside(self) -> Reading:
        """The assets outside their ranges."""
        found = self.before_after.outside("before")
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        sentence = f"{found[0].sentence}{more}" if found else "each asset is within its range"
        of = ", ".join(sorted(each.asset for each in found))
        return Reading("ranges", float(len(found)), "critical" if found else NORMAL_LEVEL, bool(found), sentence, of)

    def since_trade(self) -> Reading:
        """The sessions since the last trade."""
        count = self.portfolio.sessions_since_trade
        said = f"{counted_rows(self.portfolio, count)} since the last trade of {self.portfolio.last_trade:%Y-%m-%d}"
        return Reading("sessions since the last trade", float(count), NORMAL_LEVEL, False, said)

    # -- risk ------------------------------------------------------------------------------------------------------

    @property
    def unknown(self) -> str:
        """The reason why no risk is known, or ""."""
        return self.before_after.ex_ante if isinstance(self.before_after.ex_ante, str) else ""

    def loss(self) -> Reading:
        """One-row VaR at 95 %."""
        horizon, levels = self.before_after.horizons[0], self.portfolio.cycle.var
        value, name = self.figures.var[horizon], f"VaR 95 of {horizon}"
        if value is None:
            return _unknown(name, self.unknown)
        level = "critical" if value >= levels.critical else "warning" if value >= levels.warning else NORMAL_LEVEL
        return _levelled(name, value, level, f"{name} is {percent(value, 2)} of NAV", triggers=level == "critical")

    def drawdown(self) -> Reading:
        """The drawdown since the first close of the NAV history, against the limit of the file."""
        path = self._wealth()
        if fault := self.portfolio.nav_history.fault(self.portfolio.nav):
            return replace(_unknown("drawdown", fault), level="warning")
        if path is None:
            return _unknown("drawdown", "the file names no `nav_history`")
        value, limit = float(drawdown(path)[-1]), self.portfolio.limits.max_drawdown
        broken = limit is not None and -value >= limit
        said = f"NAV is {percent(abs(value), 2)} below its peak"
        said += f", and the limit is {percent(limit, 2)}" if broken else ""
        return Reading("drawdown", value, "critical" if broken else NORMAL_LEVEL, broken, said)

    def sharpe(self) -> Reading:
        """The Sharpe ratio of the last year: of NAV where its history is long enough, else of the holdings."""
        year, levels = self.portfolio.periods_per_year, self.portfolio.cycle.sharpe
        path = self._wealth()
        own = path is not None and len(path) > year
        if not own and self.unknown:
            return _unknown("Sharpe ratio", self.unknown)
        earned = path[1:] / path[:-1] - 1.0 if path is not None and own else self._of_weights()
        try:
            found = sharpe_of_year(self.portfolio, earned)
        except DataError as error:
            return _unknown("Sharpe ratio", str(error))
        level = (
            "critical" if found.value < levels.critical else "warning" if found.value < levels.warning else NORMAL_LEVEL
        )
        of = "NAV" if own else "today's weights"
        said = f"Sharpe ratio of {of} in the last year is {found.value:.2f} ({found.lower:.2f} to {found.upper:.2f})"
        return _levelled("Sharpe ratio", found.value, level, said)

    def beta(self) -> Reading:
        """Beta to the benchmark of the file."""
        if self.figures.beta is None:
            return _unknown("beta", self.before_after.undefined.get("beta", self.unknown))
        level = "high" if self.figures.beta > self.portfolio.cycle.beta else NORMAL_LEVEL
        said = f"beta to {self.before_after.benchmark} is {self.figures.beta:.2f}"
        return _levelled("beta", self.figures.beta, level, said)

    def correlation(self) -> Reading:
        """The mean correlation of the assets held, and its change against the year before."""
        held = np.flatnonzero(np.abs(self.weights) > TRIGGER)
        if self.unknown or len(held) < 2:
            return _unknown("correlation", self.unknown or "fewer than two assets are held")
        returns = self.portfolio.market.returns[:, held]
        now, before = (
            _mean_correlation(each)
            for each in (returns[-CORRELATION_ROWS:], returns[:-CORRELATION_ROWS][-CORRELATION_ROWS * 4 :])
        )
        if now is None:
            return _unknown("correlation", f"an asset did not move in {CORRELATION_ROWS} rows")
        level = "high" if now > self.portfolio.cycle.correlation else NORMAL_LEVEL
        change = "" if before is None else f" ({now - before:+.2f} against the year before)"
        return _levelled("correlation", now, level, f"mean correlation of the assets held is {now:.2f}{change}")

    def pairs(self) -> Iterator[str]:
        """The correlations of the largest assets held that move, pair by pair, in a sentence; none for one asset."""
        returns, assets = self.portfolio.market.returns[-CORRELATION_ROWS:], self.portfolio.market.assets
        sizes = np.abs(self.weights) * (returns.std(axis=0) > 0.0)
        largest = [int(i) for i in np.argsort(-sizes, kind="stable")[:MAX_CORRELATED] if sizes[i] > TRIGGER]
        if self.unknown or len(largest) < 2:
            return
        of = np.atleast_2d(np.corrcoef(returns[:, largest], rowvar=False))
        pairs = combinations(range(len(largest)), 2)
        said = ", ".join(f"{assets[largest[i]]} and {assets[largest[k]]} {of[i, k]:.2f}" for i, k in pairs)
        yield f"correlations in the last {counted_rows(self.portfolio, len(returns))}: {said}"

    def regime(self) -> Reading:
        """The regime of volatility of the holdings, by its percentile so far."""
        if self.unknown:
            return _unknown("regime", self.unknown)
        of = VolatilityPercentiles(self.portfolio.name)
        try:
            rank = float(of.percentiles(self._of_weights(), days=1)[0])
        except DataError as error:
            return _unknown("regime", str(error))
        name = regime_of(rank)
        row = row_name(self.portfolio.periods_per_year)
        said = f"volatility is {name}: above {percent(rank, 0)} of the {row}s so far"
        level = {"high": "high", CRISIS: "critical"}.get(name, NORMAL_LEVEL)
        return Reading("regime", rank, level, name == CRISIS, said)

    # -- data ------------------------------------------------------------------------------------------------------

    def data(self) -> Reading:
        """The age and the quality of prices."""
        portfolio = self.portfolio
        poor = (
            *stopped_words(portfolio.market, portfolio.weights),
            *market_warnings(portfolio.market, portfolio.test_start, file=portfolio.file),
        )
        sound = f"prices are of {portfolio.priced_on:%Y-%m-%d}; none looks wrong"
        said = self.stale or (poor[0] if poor else sound)
        level = "warning" if poor or self.stale else NORMAL_LEVEL
        return Reading("data", float(len(poor)), level, False, said.rstrip("."))

    # -- series ----------------------------------------------------------------------------------------------------

    def _wealth(self) -> Array | None:
        """(d + 1,) growth of NAV at each close of its history, money that came and went left out.

        None without a history, and for one of other holdings.
        """
        kept = self.portfolio.nav_history
        if not len(kept.nav) or kept.fault(self.portfolio.nav):
            return None
        nav = np.append(kept.nav, self.portfolio.nav)
        return np.cumprod(np.append(1.0, (nav[1:] - kept.flows[1:]) / nav[:-1]))

    def _of_weights(self) -> Array:
        """(T',) return of today's weights on each row on which all assets have returns."""
        known = self.before_after.ex_ante
        assert not isinstance(known, str)
        return known.returned(self.weights, self.before_after.horizons[0])


def _mean_correlation(returns: Array) -> float | None:
    """The mean correlation of pairs of columns (T, n); None where one does not vary, or for fewer than RECENT rows."""
    if len(returns) < CORRELATION_ROWS or not (returns.std(axis=0) > 0.0).all():
        return None
    n = returns.shape[1]
    return float((np.corrcoef(returns, rowvar=False).sum() - n) / (n * (n - 1)))


def _levelled(name: str, value: float, level: str, said: str, *, triggers: bool = False) -> Reading:
    """A reading whose sentence ends with its level, where that is not normal."""
    return Reading(name, value, level, triggers, said if level == NORMAL_LEVEL else f"{said}, {level}")


def _unknown(name: str, why: str) -> Reading:
    return Reading(name, None, NORMAL_LEVEL, False, f"{name} is not known: {why.rstrip('.')}")
