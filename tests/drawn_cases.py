"""Random markets, policies and accounting with random mixtures of every cost and event."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from new_york import sessions
from slow import Rule, Setting

from backtests.engine import backtest
from backtests.engine.result import Backtest
from research.accounting import Costs, Execution, Flows, Policy
from research.accounting.costs import Impact, Tax
from research.allocation import FixedWeights
from research.market import Market, instruments_table
from research.rules import Calendar, Never, Threshold, Within

SESSIONS = sessions("2017-07-03", "2018-12-31")
MONTH_ENDS = set(SESSIONS[np.flatnonzero(np.diff(SESSIONS.month))])


@dataclass(frozen=True)
class Case:
    """One random market, policy and accounting."""

    setting: Setting
    policy: Policy
    flows: Flows | None

    @property
    def kept(self) -> dict[str, object]:
        s = self.setting
        return {
            "start": s.market.dates[s.first + 1],
            "nav": s.wealth,
            "lag": s.lag,
            "execution": s.execution,
            "dividends": s.dividends,
            "flows": self.flows,
            "leverage_limit": 3.0,
        }

    def played(self, policy: Policy | None = None) -> Backtest:
        return backtest(self.setting.market, policy or self.policy, self.setting.costs, **self.kept)


def market_of(rng: np.random.Generator, days: int, n: int, events: bool, cap: float, begin: str) -> Market:
    """Quotes that fall and rise by 3 % a day, with dividends, splits, halts, listings, delistings and opens."""
    dates = SESSIONS[SESSIONS.searchsorted(pd.Timestamp(begin)) :][:days]
    tradable, exits = np.ones((days, n), dtype=bool), np.full(n, days)
    if events:
        tradable &= rng.random((days, n)) > rng.choice([0.0, 0.1])
        tradable[:9] = True
        for i in range(1, n):
            if rng.random() < 0.3:
                exits[i] = rng.integers(12, days)
                tradable[exits[i] - rng.integers(1, 4) :, i] = False
            elif rng.random() < 0.3:
                tradable[: rng.integers(8, days - 4), i] = False
    growth = np.where(tradable, np.exp(rng.normal(0.0, 0.03, (days, n))), 1.0)
    splits = np.where(tradable & (rng.random((days, n)) < 0.02), rng.choice([0.5, 2.0, 3.0], (days, n)), 1.0)
    yields = np.where(tradable & (rng.random((days, n)) < 0.08), rng.uniform(0.002, 0.03, (days, n)), 0.0)
    first_trade = np.argmax(tradable, axis=0)
    for i in range(n):
        for row in (growth, splits):
            row[: first_trade[i] + 1, i] = 1.0
        yields[: first_trade[i] + 1, i] = 0.0
    quotes = rng.uniform(5.0, 150.0, n) * np.cumprod(growth / splits, axis=0)
    before = np.vstack([quotes[:1], quotes[:-1]])  # a halted asset's quote goes on as its mark
    returns = growth - 1.0 + yields
    stated = np.full(n, np.nan)
    for i in np.flatnonzero(exits < days):
        stated[i] = rng.choice([-1.0, -0.3, 0.1])
        returns[exits[i], i] = stated[i]
    prices = np.where(tradable, quotes, np.nan)
    names = [f"A{i}" for i in range(n)]
    left = [dates[e] if e < days else None for e in exits]
    lines = instruments_table(names, asset_class=["stock"] * n, delisted=left, delisting_return=stated)
    opens = np.where(tradable, before / splits * np.exp(rng.normal(0.0, 0.01, (days, n))), np.nan)
    return Market(
        dates, tuple(names), returns, tradable, rng.normal(1e-4, 1e-4, days), lines, prices,
        volumes=np.where(tradable, cap * rng.uniform(0.5, 2.0, (days, n)) / quotes, np.nan),
        dividends=yields * before / splits, splits=splits, bars={"open": opens}, name="made",
    )  # fmt: skip


def costs_of(rng: np.random.Generator, days: int, n: int, wealth: float, taxed: bool, impact: bool) -> Costs:
    """Each cost is there about half of the time."""

    def some(values: np.ndarray) -> np.ndarray:
        return values if rng.random() < 0.5 else np.zeros(n)

    spread = rng.uniform(0.0, 0.004, (days, n)) if rng.random() < 0.4 else rng.choice([0.0, 5e-4, 2e-3], n)
    return Costs(
        commission=rng.choice([0.0, 5e-4, 5e-4, 2e-3], n), half_spread=spread,
        per_unit=some(rng.uniform(0.0, 0.05, n)), minimum=some(rng.uniform(0.0, 2e-4, n) * wealth),
        ticket=some(rng.uniform(0.0, 1e-4, n) * wealth),
        impact=Impact(rng.uniform(0.2, 1.0), rng.choice([1.5, 1.7]), 3, 4) if impact else None,
        tax=Tax(rng.uniform(0.1, 0.4), rng.choice(["average", "highest", "first"])) if taxed else None,
        borrow=some(rng.uniform(0.0, 0.1, n)), financing=float(rng.choice([0.0, 0.03])),
        cash_spread=float(rng.choice([0.0, 0.01])), management_fee=float(rng.choice([0.0, 0.02])),
    )  # fmt: skip


def case(seed: int, terms: bool = False) -> Case:
    """A case; with `terms`, gains are taxed by the term of their lots, and a new year begins on the way."""
    rng = np.random.default_rng(seed)
    days, n, first = int(rng.integers(25, 45)), int(rng.integers(2, 6)), 7
    wealth, levered, impact = 10.0 ** rng.uniform(3, 7), rng.random() < 0.2, rng.random() < 0.4
    taxed = not levered and rng.random() < 0.6
    market = market_of(rng, days, n, not (impact or levered), wealth, "2017-12-08" if terms else "2018-01-16")
    weights = rng.dirichlet(np.ones(n + 1)) if rng.random() < 0.5 else np.append(rng.dirichlet(np.ones(n)), 0.0)
    weights = weights[:-1]
    if levered:
        weights = weights * rng.choice([1.0, 1.3])
        weights[0] *= -0.5
    band = float(rng.choice([0.005, 0.01, 0.02]))
    part = float(rng.choice([1.0, 1.0, 0.5]))
    rule = [
        Rule("never", 0.0, 0.0, 1.0), Rule("day", 0.0, 0.0, part), Rule("month", 0.0, 0.0, part),
        Rule("day", band, band * float(rng.choice([0.0, 0.3, 1.0])), part),
        Rule("day", band, band * float(rng.choice([0.0, 0.3, 1.0])), part),
    ][rng.integers(0, 5)]  # fmt: skip
    lag = int(rng.choice([0, 1, 1, 3]))
    execution = Execution(
        at="open" if lag > 0 and rng.random() < 0.4 else "close",
        days=int(rng.choice([1, 1, 3])),
        participation=float(rng.choice([0.002, 0.02])) if rng.random() < 0.3 else None,
        minimum_trade=float(rng.choice([0.0, 0.0, 3e-3])) * wealth,
    )
    amounts, flows, use = np.zeros(days), None, str(rng.choice(["rebalance", "cash"]))
    if rng.random() < 0.5:
        rows = rng.choice(np.arange(first + 1, days), 4, replace=False)
        amounts[rows] = rng.normal(0.0, 0.05, 4) * wealth
        flows = Flows({market.dates[t]: amounts[t] for t in rows}, use)
    costs = costs_of(rng, days, n, wealth, taxed, impact)
    if terms and costs.tax is not None:
        limit = [None, 0.0, 1e-3 * wealth, 0.05 * wealth][seed % 4]
        lots = (costs.tax.lots, "tax_minimal")[int(rng.random() < 0.4)]
        costs = replace(costs, tax=Tax(costs.tax.rate, lots, rng.uniform(0.0, 0.5), int(rng.integers(0, 15)), limit))
    dividends = str(rng.choice(["reinvest", "cash"]))
    reviews = {
        "never": set(), "day": set(range(days)),
        "month": {t for t, day in enumerate(market.dates) if day in MONTH_ENDS},
    }[rule.every]  # fmt: skip
    if levered:  # what trades beside kept assets of more than all wealth is refused
        rule = replace(rule, box=0.0)
    allocation = FixedWeights(tuple(weights))
    setting = Setting(market, weights, rule, costs, first, wealth, lag, execution, dividends, amounts, use, reviews)
    return Case(setting, policy_of(rule, allocation), flows)


def policy_of(rule: Rule, allocation: FixedWeights) -> Policy:
    if rule.every == "never":
        return Never(allocation)
    if rule.band == 0.0:
        return Calendar(allocation, rule.every, fraction=rule.part)
    return Threshold(allocation, rule.band, Within(rule.box), fraction=rule.part)
