"""Random markets with random mixtures of every cost and event: two engines and two loops agree."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import exchange_calendars as xcals
import numpy as np
import pandas as pd
import pytest
from slow import NoRoot, Portfolio, Rule, Setting, play

from backtests.audits.look_ahead import look_ahead
from backtests.engine import backtest
from backtests.engine.ledger import EXIT, FLOW
from backtests.engine.result import Backtest
from research.accounting import Costs, Execution, Flows, Policy
from research.accounting.costs import Impact, Tax
from research.allocation import FixedWeights
from research.errors import PolicyError
from research.market import Market, instruments_table
from research.rules import Calendar, Never, Threshold, Within

SESSIONS = xcals.get_calendar("XNYS", start="2017-07-03", end="2018-12-31").sessions
MONTH_ENDS = set(SESSIONS[np.flatnonzero(np.diff(SESSIONS.month))])
CASES = 400


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


def market_of(rng: np.random.Generator, days: int, n: int, events: bool, cap: float) -> Market:
    """Quotes that fall and rise by 3 % a day, with dividends, splits, halts, listings, delistings and opens."""
    dates = SESSIONS[SESSIONS.searchsorted(pd.Timestamp("2018-01-16")) :][:days]
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
    before = np.vstack([quotes[:1], quotes[:-1]])  # a halted line's quote goes on as its mark
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
        commission=rng.choice([0.0, 5e-4, 5e-4, 2e-3], n),
        half_spread=spread,
        per_unit=some(rng.uniform(0.0, 0.05, n)),
        minimum=some(rng.uniform(0.0, 2e-4, n) * wealth),
        ticket=some(rng.uniform(0.0, 1e-4, n) * wealth),
        impact=Impact(rng.uniform(0.2, 1.0), rng.choice([1.5, 1.7]), 3, 4) if impact else None,
        tax=Tax(rng.uniform(0.1, 0.4), rng.choice(["average", "highest", "first"])) if taxed else None,
        borrow=some(rng.uniform(0.0, 0.1, n)),
        financing=float(rng.choice([0.0, 0.03])),
        cash_spread=float(rng.choice([0.0, 0.01])),
        management_fee=float(rng.choice([0.0, 0.02])),
    )


def case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    days, n, first = int(rng.integers(25, 45)), int(rng.integers(2, 6)), 7
    wealth, levered, impact = 10.0 ** rng.uniform(3, 7), rng.random() < 0.2, rng.random() < 0.4
    taxed = not levered and rng.random() < 0.6
    market = market_of(rng, days, n, not (impact or levered), wealth)
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
    dividends = str(rng.choice(["reinvest", "cash"]))
    reviews = {
        "never": set(), "day": set(range(days)),
        "month": {t for t, day in enumerate(market.dates) if day in MONTH_ENDS},
    }[rule.every]  # fmt: skip
    if levered:  # what trades beside kept lines of more than all wealth is refused
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


@cache
def playable() -> list[int]:
    """The cases that can be paid for to the end: both engines refuse the others."""
    found = []
    for seed in range(CASES):
        c = case(seed)
        try:
            c.played()
        except PolicyError:
            with pytest.raises(NoRoot):
                play(c.setting)
        else:
            found.append(seed)
    return found


def compare(result: Backtest, slow: Portfolio) -> None:
    """The path of wealth, cash, holdings and costs; and every booking, line by line."""
    book, scale = result.ledger, float(np.max(slow.nav))
    close = {"rtol": 1e-10, "atol": 1e-10 * scale}
    np.testing.assert_allclose(book.nav, slow.nav, rtol=1e-10)
    np.testing.assert_allclose(book.cash, slow.cash_path, **close)
    np.testing.assert_allclose(book.units[result.held] * result.index, slow.held, **close)
    np.testing.assert_allclose(book.holding_costs, slow.holding_costs, rtol=1e-9, atol=1e-13 * scale)
    np.testing.assert_allclose(book.opening_trades, slow.bookings[0].trades, **close)
    np.testing.assert_allclose(book.opening_charges, slow.bookings[0].charges, **close)
    done, told = np.flatnonzero(book.booked >= 0), slow.bookings[1:]
    assert book.booked[done].tolist() == [b.booked for b in told]
    asked = np.where(book.part_of >= 0, book.asked, book.part_of)[done]
    assert asked.tolist() == [b.asked for b in told]
    if told:
        np.testing.assert_allclose(book.trades[done], [b.trades for b in told], **close)
        np.testing.assert_allclose(book.charges[done], [b.charges for b in told], **close)


def test_a_slow_engine_gives_the_same_wealth_holdings_trades_and_charges() -> None:
    for seed in playable():
        c = case(seed)
        try:
            compare(c.played(), play(c.setting))
        except AssertionError as error:
            raise AssertionError(f"case {seed}: {c.setting}") from error


def halted(c: Case) -> Case:
    """The case at opens, with its first line halted on three sessions, and on one more three sessions later."""
    market, rows = c.setting.market, [10, 11, 12, 16]
    panels = {"tradable": False, "returns": 0.0, "prices": np.nan, "volumes": np.nan, "dividends": 0.0, "splits": 1.0}
    changed = {name: np.array(getattr(market, name)) for name in panels}
    opens = np.array(market.bars["open"])  # type: ignore[index]
    opens[rows, 0] = np.nan
    for name, none in panels.items():
        changed[name][rows, 0] = none
    execution = replace(c.setting.execution, at="open")
    market = replace(market, bars={"open": opens}, **changed)
    return replace(c, setting=replace(c.setting, market=market, execution=execution))


def test_spreads_and_impact_at_the_open_after_a_halt_are_those_of_the_slow_engine() -> None:
    seen: Counter[str] = Counter()
    for seed in range(CASES):
        c = case(seed)
        if c.setting.costs.impact is None or c.setting.lag == 0 or c.flows is not None:
            continue
        c = halted(c)
        try:
            result = c.played()
        except PolicyError:
            with pytest.raises(NoRoot):
                play(c.setting)
            continue
        compare(result, play(c.setting))
        resumed = result.ledger.charges[np.isin(result.ledger.booked, [13, 17]), :, 0]
        by_day = c.setting.costs.half_spread.ndim > 1
        seen.update(impact=int((resumed[:, 3] > 0.0).sum()), spread=int((resumed[:, 1] > 0.0).sum()) if by_day else 0)
    assert min(seen["impact"], seen["spread"]) >= 10, seen


def test_the_compiled_loop_and_the_daily_one_are_equal_to_the_bit(by_day: Callable[[Policy], Policy]) -> None:
    for seed in playable()[::2]:
        c = case(seed)
        fast, slow = c.played(), c.played(by_day(c.policy))
        for fact, values in fast.ledger._asdict().items():
            np.testing.assert_array_equal(values, getattr(slow.ledger, fact), err_msg=f"{fact} of case {seed}")
        assert fast.triggers == slow.triggers
        pd.testing.assert_frame_equal(fast.decisions(), slow.decisions(), check_exact=True)


def test_no_mixture_makes_an_honest_policy_look_ahead() -> None:
    """Orders worked over days, flows, opens, lags and costs by the day: what is asked today may be booked later."""
    for seed in playable()[::12]:
        c = case(seed)
        audit = look_ahead(lambda _, c=c: c.policy, c.setting.market, c.setting.costs, days=2, seed=seed, **c.kept)
        assert not audit.found, (seed, audit)
        assert not audit.unrepeatable, (seed, audit)


def test_every_mixture_reconciles() -> None:
    for seed in playable():
        money = case(seed).played().reconcile()
        assert money.holds, (seed, money.verdict)
        assert abs(money.daily["residual"]).max() <= 1e-12 * money.daily["end"].max()


def test_the_mixtures_reach_what_they_are_for() -> None:
    """Comparing nothing proves nothing: each cost is paid and each event happens, often."""
    seen: Counter[str] = Counter()
    for seed in playable():
        c = case(seed)
        result = c.played()
        book, s = result.ledger, c.setting
        paid = result.cost_rates
        facts = {name: paid[name] > 0.0 for name in paid.index}
        facts |= {
            "delisted": (book.part_of == EXIT).any(),
            "flow traded": (book.trades[book.part_of == FLOW] != 0.0).any(),
            "flow kept": s.flows.any() and s.use == "cash",
            "open": s.execution.at == "open" and (book.part_of >= 0).any(),
            "worked over days": (book.part_of[book.booked >= 0] < np.arange((book.booked >= 0).sum())).any(),
            "left out": s.execution.minimum_trade > 0.0 and (book.part_of >= 0).any(),
            "dividends": s.dividends == "cash" and bool((s.market.income[s.first + 1 :] > 0.0).any()),
            "halted": not s.market.tradable[s.first :].all(),
            "short": bool((s.weights < 0.0).any()),
            "lag of three": s.lag == 3 and (book.part_of >= 0).any(),
            "kept a line": ((book.trades == 0.0).any(axis=1) & (book.trades != 0.0).any(axis=1)).any(),
        }
        seen.update(fact for fact, there in facts.items() if there)
    assert all(seen[fact] >= 20 for fact in facts), seen


def test_a_longer_market_leaves_the_past_equal_to_the_bit() -> None:
    for seed in playable()[::8]:
        c = case(seed)
        s, whole = c.setting, c.played()
        stop = len(s.market.dates) - 6
        amounts = {day: a for day, a in (c.flows.amounts if c.flows else {}).items() if day < s.market.dates[stop]}
        short = replace(s, market=s.market.until(s.market.dates[stop - 1]), costs=s.costs.until(stop))
        cut = replace(c, setting=short, flows=Flows(amounts, c.flows.use) if c.flows else None).played()
        days = stop - s.first
        for fact in ("nav", "cash", "holding_costs"):
            np.testing.assert_array_equal(getattr(cut.ledger, fact), getattr(whole.ledger, fact)[:days])
        done = np.flatnonzero(cut.ledger.booked >= 0)
        for fact in ("trades", "charges", "booked", "asked", "part_of", "nav_before"):
            np.testing.assert_array_equal(getattr(cut.ledger, fact)[done], getattr(whole.ledger, fact)[: len(done)])


# -- properties ------------------------------------------------------------------------------------------------------


def test_the_order_of_the_lines_changes_nothing() -> None:
    for seed in playable()[::6]:
        c = case(seed)
        s = c.setting
        order = np.random.default_rng(seed).permutation(len(s.weights))
        lines = {
            name: getattr(s.costs, name)[..., order]
            for name in ("commission", "half_spread", "per_unit", "minimum", "ticket", "borrow")
        }
        market = s.market.select([s.market.assets[i] for i in order])
        allocation = FixedWeights(tuple(s.weights[order]))
        other = replace(c, setting=replace(s, market=market, costs=replace(s.costs, **lines)))
        mixed, plain = other.played(policy_of(s.rule, allocation)).ledger, c.played().ledger
        scale = plain.nav.max()
        np.testing.assert_allclose(mixed.nav, plain.nav, rtol=1e-12, err_msg=str(seed))
        np.testing.assert_allclose(mixed.trades, plain.trades[:, order], rtol=1e-9, atol=1e-11 * scale)
        np.testing.assert_allclose(mixed.charges, plain.charges[..., order], rtol=1e-9, atol=1e-11 * scale)


def test_wealth_amounts_and_volumes_scale_together_and_amounts_do_not_scale_alone() -> None:
    alone = 0
    for seed in playable()[::6]:
        c = case(seed)
        s, k = c.setting, 10.0
        costs = replace(s.costs, minimum=s.costs.minimum * k, ticket=s.costs.ticket * k)
        market = replace(s.market, volumes=np.asarray(s.market.volumes) * k)
        execution = replace(s.execution, minimum_trade=s.execution.minimum_trade * k)
        flows = None if c.flows is None else Flows({day: a * k for day, a in c.flows.amounts.items()}, c.flows.use)
        bigger = replace(s, market=market, costs=costs, execution=execution, wealth=s.wealth * k)
        large, small = replace(c, setting=bigger, flows=flows).played().ledger, c.played().ledger
        np.testing.assert_allclose(large.nav, k * small.nav, rtol=1e-11, err_msg=str(seed))
        np.testing.assert_allclose(large.charges, k * small.charges, rtol=1e-8, atol=1e-11 * large.nav.max())
        if s.costs.ticket.any() or s.costs.impact is not None:
            poorer = replace(c, setting=replace(bigger, costs=s.costs, market=s.market), flows=flows).played().ledger
            alone += not np.allclose(poorer.nav, k * small.nav, rtol=1e-9)
    assert alone > 10


def test_without_a_trade_there_is_no_cost_and_a_line_that_did_not_trade_pays_none() -> None:
    for seed in playable():
        c = case(seed)
        if c.setting.costs.tax is None:
            book = c.played().ledger
            paid = book.charges.sum(axis=1)
            assert not paid[book.trades == 0.0].any(), seed
            assert (book.charges >= 0.0).all()


def test_orders_in_whole_lots_are_whole_and_their_money_is_followed() -> None:
    """Each order is a whole number of units of the day of its decision, however many splits lie between."""
    orders = 0
    for seed in playable()[::4]:
        c = case(seed)
        s = c.setting
        execution = replace(s.execution, sizing="units", days=1, participation=None)
        flows = c.flows and Flows({day: abs(amount) for day, amount in c.flows.amounts.items()}, "cash")
        result = replace(c, setting=replace(s, execution=execution), flows=flows).played()
        assert result.reconcile().holds, (seed, result.reconcile().verdict)
        book, market = result.ledger, s.market
        for j in np.flatnonzero((book.part_of >= 0) & (book.booked >= 0)):
            asked, t = book.asked[j], book.booked[j]
            quotes = market.bars["open"][t] if execution.at == "open" else market.prices[t]  # type: ignore[index]
            known = (book.trades[j] != 0.0) & ~np.isnan(market.prices[asked])
            split = np.prod(market.splits[asked + 1 : t + 1], axis=0)  # type: ignore[index]
            units = (book.trades[j] / (quotes * split))[known]
            assert units == pytest.approx(np.rint(units), abs=1e-6), seed
            orders += known.sum()
    assert orders > 500
