"""Results and figures of policies in named episodes: in the test, or before it where they were not fitted."""

from collections.abc import Mapping, Sequence
from itertools import compress
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark, target_returns
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from research.accounting import Policy
from research.allocation import Allocation, TargetPath, target_path
from research.market import Market
from research.portfolio import Portfolio
from research.risk import drawdown
from research.risk.stress.episodes import CoveredSpan, Episode, span_of
from research.rules.estimates import known_from
from research.rules.protocol import fitted_until, held_by, traits

REFUSALS = (ValueError, ArithmeticError)  # the house's are ValueErrors; a rule of one's own may raise others


@dataclass(frozen=True)
class EpisodeFigures:
    """Figures of one policy in one episode, not annualised.

    total_return : net of costs, fraction.
    max_drawdown : the lowest NAV over its peak since the close before the episode, less 1; never positive.
    turnover     : one-way, fraction of NAV, of decisions only.
    orders       : number of orders whose notional exceeds 1e-6 of NAV, of decisions only.
    cost         : fraction of NAV, of trading and holding.
    """

    total_return: float
    max_drawdown: float
    turnover: float
    orders: int
    cost: float


@dataclass(frozen=True)
class EpisodeResult:
    """The results of the policies in one episode.

    episode  : its name, days and source.
    first    : the close on which its first return is earned.
    last     : its last close.
    when     : "test", or "before" for an episode before the test, with backtests of its own.
    whole    : True if the whole of it is covered.
    target   : return of the strategic target in it, rebalanced daily at no cost, fraction.
    figures  : figures of each policy, by name.
    left_out : the reason why a policy has no figures, by name.
    unlisted : assets with a target that were not listed at its first close; their target was spread over the others.
    """

    episode: Episode
    first: pd.Timestamp
    last: pd.Timestamp
    when: Literal["test", "before"]
    whole: bool
    target: float
    figures: Mapping[str, EpisodeFigures]
    left_out: Mapping[str, str]
    unlisted: tuple[str, ...]


def episode_figures(backtest: Backtest, base: int, last: int) -> EpisodeFigures:
    """The figures of a backtest between two closes.

    backtest : D test days.
    base     : row of `backtest.dates` of the close on which the first return is earned.
    last     : row of the last close.
    """
    path = backtest.growth_path[base : last + 1]
    booked = backtest.ledger.booked[backtest.booked] - backtest.first
    inside = backtest.booked[(booked > base) & (booked <= last)]
    return EpisodeFigures(
        total_return=float(path[-1] / path[0]) - 1.0,
        max_drawdown=float(drawdown(path).min()),
        turnover=float(backtest.turnover[base:last].sum()),
        orders=int(np.count_nonzero(backtest.counted[inside])),
        cost=float(backtest.cost_rate[base:last].sum()),
    )


def episode_results(
    episodes: Sequence[Episode],
    benchmark: Benchmark,
    backtests: Mapping[str, Backtest],
    portfolio: Portfolio | None = None,
    rules: Mapping[str, Policy] = MappingProxyType({}),
) -> tuple[list[EpisodeResult], list[str]]:
    """The results of policies in episodes, and a sentence for each episode that is left out.

    episodes  : in the order of their days.
    benchmark : benchmark with the strategic target.
    backtests : backtests of the test by name; one at least.
    portfolio : portfolio by which policies are backtested before the test; None leaves such episodes out.
    rules     : the policies that can be backtested again, as they were fitted, by name.

    An episode belongs to the test if the test has at least half of its days.
    """
    tested = next(iter(backtests.values()))
    market = tested.market
    target = None if portfolio is None else portfolio.target
    found, left_out = [], []
    for episode in episodes:
        span, there = span_of(episode, market.days[tested.first :]), span_of(episode, market.days)
        name = f"{episode.name} ({episode.first:%Y-%m-%d} to {episode.last:%Y-%m-%d})"
        if there.coverage == "none":
            left_out.append(f"{name}: the data runs from {market.days[0]} to {market.days[-1]}.")
            continue
        if 2 * (span.last - span.base) >= there.last - there.base:
            found.append(_in_test(episode, span, target, benchmark, backtests))
            continue
        if portfolio is None:
            most = "" if span.coverage == "none" else "most of its days are "
            left_out.append(f"{name}: {most}before the test.")
            continue
        try:
            found.append(_before_test(episode, there, portfolio, rules))
        except REFUSALS as error:
            left_out.append(f"{episode.name}: {error}")
    return found, left_out


def _in_test(
    episode: Episode, span: CoveredSpan, target: Array | None, benchmark: Benchmark, backtests: Mapping[str, Backtest]
) -> EpisodeResult:
    """An episode as the backtests of the test have it.

    target : (n,) strategic weights as the portfolio file states them; None without a file.
    """
    one = next(iter(backtests.values()))
    base, dates = one.first + span.base, one.market.dates
    returns = target_returns(benchmark.strategic, one.market, one.first)[span.base : span.last]
    return EpisodeResult(
        episode,
        dates[base],
        dates[one.first + span.last],
        "test",
        span.coverage == "whole",
        _compounded(returns),
        {name: episode_figures(played, span.base, span.last) for name, played in backtests.items()},
        {},
        () if target is None else _unlisted(one.market, base, target),
    )


def _before_test(
    episode: Episode, span: CoveredSpan, portfolio: Portfolio, rules: Mapping[str, Policy]
) -> EpisodeResult:
    """An episode before the test, played by the rules that were not fitted, on a market that ends with it.

    Raises : DataError where the strategic target cannot be played.
    """
    days = portfolio.market.dates
    market = portfolio.market.until(days[span.last])
    then = replace(
        portfolio,
        market=market,
        costs=portfolio.costs.until(len(market.dates)),
        test_start=days[span.base + 1],
        flows=None,
    )
    strategic = target_path(portfolio.strategic, market, start=span.base)
    paths: dict[Allocation, TargetPath] = {portfolio.strategic: strategic}
    figures, left_out = {}, {}
    for name, rule in rules.items():
        why = _not_before(rule, market, span.base)
        if not why:
            try:
                played = backtest_candidate(then, rule, name, paths)
                figures[name] = episode_figures(played, 0, span.last - span.base)
            except REFUSALS as error:
                why = str(error)
        if why:
            left_out[name] = why
    return EpisodeResult(
        episode,
        days[span.base],
        days[span.last],
        "before",
        span.coverage == "whole",
        _compounded(target_returns(strategic, market, span.base)),
        figures,
        left_out,
        _unlisted(market, span.base, portfolio.target),
    )


def _not_before(rule: Policy, market: Market, row: int) -> str:
    """The reason why a policy has no backtest from a row before the test, or ""."""
    if (seen := fitted_until(rule)) is not None:
        return f"fitted on days up to {seen:%Y-%m-%d}, which contain days of the episode"
    window = max(traits(rule).window, getattr(held_by(rule), "window", 0))
    late = traits(rule).window > 0 and known_from(market, traits(rule).window) > row
    if window > row or late:
        return f"{window} returns before the episode are needed"
    return ""


def _compounded(returns: Array) -> float:
    return float(np.prod(1.0 + returns)) - 1.0


def _unlisted(market: Market, row: int, target: Array) -> tuple[str, ...]:
    """The assets with a target (n,) that are not listed at a row of their market."""
    return tuple(compress(market.assets, (target != 0.0) & ~market.listed[row]))
