"""Stress tests of the policies of a comparison, or of one by itself: episodes, shocks from today, higher costs.

    tests = stress_tests(replays, policy)

Every figure of a policy comes from a backtest of it, played by the engine on a market and at costs that are changed:

- an episode inside the test is read from the backtest of the test. For one of which most is before it, the rules that
  were not fitted are backtested on its days, from their target at its first close; a tuned or learned policy has seen
  those days, and is left out;
- a shock is the session after the last close. The policy goes on from its last trade and is asked at that session and
  at those after it, on which prices stay where the shock left them; a trade that it decided at the last close is booked
  at the prices of the shock;
- the shock to liquidity charges the same decisions more, on the days of the test.

A policy of a user's own class that decides day by day may take minutes for a backtest: unless the sheet recommends it,
it has figures in the episodes of the test and after shocks only.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import numpy as np

from backtests.attribution.contributions import cash_name
from backtests.comparison.descriptions.replays import Replays
from backtests.comparison.descriptions.stress_episodes import REFUSALS, EpisodeResult, episode_results
from backtests.engine.result import Backtest
from backtests.engine.run import backtest, conditions
from backtests.evaluation.benchmark import Benchmark, daily_costs
from foundation.dataclasses import dataclass, replace
from foundation.paper.wording import listed
from research.accounting import Costs, Policy
from research.accounting.turnover import one_way
from research.accounting.view import View
from research.allocation import TargetPath, target_path
from research.market import Market
from research.portfolio import Portfolio
from research.portfolio.keys.stress import house_episodes
from research.risk.stress.correlation_breakdown import StressedRisk, stressed_risk
from research.risk.stress.shocked_market import market_after
from research.risk.stress.shocks import (
    Moved,
    ShockEffect,
    covariance_of_held,
    propagated,
    recent_covariance,
    shock_effect,
    shock_window,
)
from research.rules.protocol import RULE_FAMILIES, compiled_rule, held_by, short_name, traits

SHOCK_SESSIONS = 21  # sessions after a shock, prices unchanged, on which trades are counted
COSTS_TIMES, VOLUME_OVER = 5.0, 5.0  # of the shock to liquidity
P = TypeVar("P", bound=Policy)


@dataclass(frozen=True, eq=False)
class AfterShock:
    """The effect of a shock on a policy that holds its last weights, and its trades afterwards.

    effect    : effect on these weights, before any trade.
    line      : the asset furthest from its target after the shock, or "cash".
    gap       : weight less target of that asset, fraction of NAV.
    sessions  : from the shock to the first trade that is booked: 0 for one at the close of the shock, which was decided
                before it; None where nothing is booked in `SHOCK_SESSIONS` sessions.
    reason    : reason of that trade, or "".
    turnover  : trades booked from the shock to `SHOCK_SESSIONS` sessions after it, one-way, fraction of NAV.
    orders    : number of these orders.
    cost      : cost of these trades, fraction of NAV.
    """

    effect: ShockEffect
    line: str
    gap: float
    sessions: int | None
    reason: str
    turnover: float
    orders: int
    cost: float


@dataclass(frozen=True, eq=False)
class ShockResult:
    """One shock.

    moved    : the returns of the assets.
    policies : its effect on each policy, by name.
    left_out : the reason why a policy has none, by name.
    """

    moved: Moved
    policies: Mapping[str, AfterShock]
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class LiquidityStress:
    """One policy on the days of the test, as costs are and with higher ones; bp of NAV a year.

    cost, loss              : trading and holding cost, and J.
    stressed_cost, stressed_loss : the same after the shock.
    """

    cost: float
    loss: float
    stressed_cost: float
    stressed_loss: float


@dataclass(frozen=True, eq=False)
class StressTests:
    """The stress tests of one comparison, or of one backtest.

    episodes    : the episodes that the data covers, in order of their days.
    shocks      : the shocks that move an asset of the portfolio.
    liquidity   : results of the shock to liquidity, by policy.
    volumes     : True if costs or orders depend on volumes, so that less volume matters.
    impact      : multiple of the market impact of an order in the shock to liquidity; None without impact.
    breakdown   : risk of the last weights of `policy` with correlations moved toward one.
    policy      : name of the policy of these weights: the recommended one, or the reference.
    window      : number of returns in the covariance of shocks and correlations.
    left_out    : sentences that name the episodes, shocks and policies left out, and the reasons.
    """

    episodes: tuple[EpisodeResult, ...]
    shocks: tuple[ShockResult, ...]
    liquidity: Mapping[str, LiquidityStress]
    volumes: bool
    impact: float | None
    breakdown: tuple[StressedRisk, ...]
    policy: str
    window: int
    left_out: tuple[str, ...]


def stress_tests(replays: Replays, policy: str) -> StressTests:
    """All stress tests of the policies of a portfolio.

    replays : the policies, as they were backtested; their portfolio has its episodes and shocks.
    policy : name of the policy whose last weights have their correlations stressed.
    """
    portfolio, backtests = replays.portfolio, replays.backtests
    again = {name: rule for name, rule in replays.policies.items() if name == policy or not is_slow(rule)}
    episodes, said = episode_results(portfolio.stress.episodes, replays.benchmark, backtests, portfolio, again)
    window = shock_window(portfolio.periods_per_year)
    if slow := [name for name in replays.policies if name not in again]:
        said.append(
            f"{listed(slow)}: of a class of your own that decides day by day; not backtested again, before the test or "
            "at higher costs."
        )
    shocks: list[ShockResult] = []
    try:
        shocks, not_moved = shock_results(replays, window)
        said += not_moved
    except REFUSALS as error:
        said.append(f"Shocks: {error}")
    risk, no_risk = breakdown(backtests[policy], window)
    said += no_risk
    charged = {}
    for name in again:
        try:
            charged[name] = liquidity(replays, name)
        except REFUSALS as error:
            said.append(f"Higher costs of {name}: {error}")
    impact = impact_times(portfolio.costs)
    return StressTests(
        tuple(episodes), tuple(shocks), charged, by_volume(portfolio), impact, risk, policy, window, tuple(said)
    )


def stress_without_portfolio(played: Backtest, benchmark: Benchmark) -> StressTests:
    """The stress tests that need no portfolio file: the house's episodes in the test, and correlations.

    played    : a backtest.
    benchmark : benchmark by which it is measured.
    """
    window = shock_window(played.periods_per_year)
    episodes, left_out = episode_results(house_episodes(), benchmark, {played.name: played})
    risk, no_risk = breakdown(played, window)
    said = (*left_out, *no_risk)
    return StressTests(tuple(episodes), (), {}, False, None, risk, played.name, window, said)


def is_slow(rule: Policy) -> bool:
    """True if the policy is of a user's own class and decides day by day."""
    return compiled_rule(rule) is None and traits(rule).family == RULE_FAMILIES[-1]


# -- shocks from today -----------------------------------------------------------------------------------------------


def shock_results(replays: Replays, window: int) -> tuple[list[ShockResult], list[str]]:
    """The effects of a portfolio's shocks on its policies, and a sentence for each that is left out at least in part.

    replays : the policies, as they were backtested.
    window : number of returns in the covariance by which a shock is propagated.
    Raises : DataError where no covariance is known.
    """
    portfolio = replays.portfolio
    market = portfolio.market
    past = market.past(len(market.dates) - 1)
    covariance, known = recent_covariance(past, window)
    found, left_out = [], []
    for shock in portfolio.stress.shocks:
        if sentence := shock.left_out(market.assets, market.asset_class):
            left_out.append(sentence)
        if np.isnan(shock.stated(market.assets, market.asset_class)).all():
            continue
        try:
            moved = propagated(shock, market.assets, market.asset_class, covariance, known)
            after = market_after(market, moved.returns, 1 + SHOCK_SESSIONS, portfolio.periods_per_year)
        except REFUSALS as error:
            left_out.append(f"{shock.name}: {error}")
            continue
        costs = longer_costs(portfolio.costs, 1 + SHOCK_SESSIONS)
        effects, refused = {}, {}
        for name in replays.backtests:
            try:
                effects[name] = _after_shock(replace(portfolio, market=after, costs=costs), replays, name, moved)
            except REFUSALS as error:
                refused[name] = str(error)
        found.append(ShockResult(moved, effects, refused))
    return found, left_out


def longer_costs(costs: Costs, rows: int) -> Costs:
    """The costs for `rows` more rows of their market: spreads by the day stay as they are on the last."""
    spread = costs.half_spread
    if spread.ndim == 1:
        return costs
    return replace(costs, half_spread=np.concatenate([spread, np.repeat(spread[-1:], rows, axis=0)]))


def _after_shock(longer: Portfolio, replays: Replays, name: str, moved: Moved) -> AfterShock:
    """The effect of a shock on one policy.

    longer : the portfolio on the market with the session of the shock and those after it, and its costs there.
    replays : the policies without the shock.
    name   : name of the policy.
    moved  : returns of the shock.
    """
    rule, shocked = replays.policies[name], len(replays.portfolio.market.dates)
    after = _going_on(longer, rule, replays.backtests[name])
    effect = shock_effect(after.weights.to_numpy()[shocked - 1 - after.first], moved)
    target = after.targets.at(shocked)
    gaps = np.append(effect.weights - target, target.sum() - effect.weights.sum())
    widest = int(np.argmax(np.abs(gaps)))
    book, market = after.ledger, longer.market
    done = after.booked[book.booked[after.booked] >= shocked]
    done = done[after.counted[done].any(axis=1)]
    trades, wealth = book.trades[done], book.nav_before[done]
    return AfterShock(
        effect,
        line=[*market.assets, cash_name(market.assets)][widest],
        gap=float(gaps[widest]),
        sessions=int(book.booked[done[0]]) - shocked if len(done) else None,
        reason=after.why(int(done[0])).sentence(market.labels, rule=short_name(rule)) if len(done) else "",
        turnover=float((one_way(trades) / wealth).sum()),
        orders=int(np.count_nonzero(after.counted[done])),
        cost=float((book.charges[done].sum(axis=(1, 2)) / wealth).sum()),
    )


def _going_on(longer: Portfolio, rule: Policy, played: Backtest) -> Backtest:
    """A policy on a longer market, from its last trade on, so that it knows how long ago that was.

    longer : portfolio by whose market, costs and accounting it trades.
    rule   : the policy.
    played : its backtest in the test, without the shock.
    """
    market, opened = longer.market, int(played.last_booked[-1])
    row = opened - played.first
    held = played.weights.to_numpy()[row]
    return backtest(
        market,
        rule,
        longer.costs,
        start=market.dates[opened + 1],
        start_weights=held,
        targets=target_path(held_by(rule, longer.strategic), market, start=opened),
        leverage_limit=max(1.0, float(np.abs(held).sum())),
        name=played.name,
        **conditions(longer, nav=float(played.ledger.nav[row]), flows=None),
    )


# -- liquidity and correlations --------------------------------------------------------------------------------------


def by_volume(portfolio: Portfolio) -> bool:
    """True if costs or orders of a portfolio depend on volumes."""
    return portfolio.market.volumes is not None and (
        portfolio.costs.impact is not None or portfolio.execution.participation is not None
    )


def impact_times(costs: Costs) -> float | None:
    """Multiple of the impact of an order, from its coefficient and the volume; None without impact."""
    return None if costs.impact is None else COSTS_TIMES * VOLUME_OVER ** (costs.impact.exponent - 1.0)


def with_higher_costs(portfolio: Portfolio) -> Portfolio:
    """The portfolio with `COSTS_TIMES` its costs of trading and a `VOLUME_OVER`th of the volumes of its market."""
    market = portfolio.market
    if by_volume(portfolio):
        assert market.volumes is not None
        market = replace(market, volumes=market.volumes / VOLUME_OVER)
    return replace(portfolio, market=market, costs=portfolio.costs.scaled(COSTS_TIMES))


def liquidity(replays: Replays, name: str) -> LiquidityStress:
    """One policy with higher costs, on the days of the test, deciding as if costs had not changed."""
    portfolio, policy = replays.portfolio, replays.policies[name]
    stressed = replays.again(name, with_higher_costs(portfolio), deciding_at(policy, portfolio.costs))
    before, after = ((float(daily_costs(b).mean()), replays.loss(b)) for b in (replays.backtests[name], stressed))
    return LiquidityStress(*before, *after)


def deciding_at(rule: P, costs: Costs) -> P:
    """The same policy, which sees these costs whatever it is charged: its decisions do not react to higher costs."""
    if not hasattr(rule, "__dict__"):  # a class with slots cannot be derived from so, and sees what is charged
        return rule
    kind: Any = type(rule)

    def decide(self: Any, view: View) -> Any:
        return kind.decide(self, replace(view, costs=costs))

    def no_trade_bands(self: Any, market: Market, targets: TargetPath, _: Costs | None = None) -> Any:
        return kind.no_trade_bands(self, market, targets, costs)

    members = {"decide": decide} | ({} if compiled_rule(rule) is None else {"no_trade_bands": no_trade_bands})
    same: Any = object.__new__(type(kind.__name__, (kind,), members))
    same.__dict__.update(rule.__dict__)
    return cast(P, same)


def breakdown(played: Backtest, window: int) -> tuple[tuple[StressedRisk, ...], list[str]]:
    """The risk of a policy's last weights with correlations moved toward one, or none with a sentence that says why.

    played : its backtest.
    window : returns of the covariance.
    """
    past = played.market.past(len(played.market.dates) - 1)
    weights = played.weights.to_numpy()[-1]
    try:
        covariance = covariance_of_held(weights, past, window)
        return tuple(stressed_risk(weights, covariance, played.periods_per_year)), []
    except REFUSALS as error:  # without risk, or with too few returns of an asset that is held
        return (), [f"Correlations: {error}"]
