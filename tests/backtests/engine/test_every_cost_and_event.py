"""Random markets with random mixtures of every cost and event: two engines and two loops agree."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from drawn_cases import Case, case, policy_of
from slow import NoRoot, Portfolio, play

from backtests.engine.ledger import EXIT_BOOKING, FLOW_BOOKING, HARVEST_BOOKING, TAX_BOOKING
from backtests.engine.result import Backtest
from backtests.studies.audits.look_ahead import look_ahead
from foundation.errors import PolicyError
from research.accounting import Flows, Policy
from research.allocation import FixedWeights

CASES, HALTED, WITH_TERMS = 240, 400, 80  # seeds; a halt at the open beside spreads by the day is rarer


@cache
def drawn(seed: int) -> tuple[Case, Backtest]:
    """A case and how it was played, once for all tests."""
    c = case(seed)
    return c, c.played()


@cache
def playable() -> list[int]:
    """The cases that can be paid for to the end: both engines refuse the others."""
    found = []
    for seed in range(CASES):
        try:
            drawn(seed)
        except PolicyError:
            with pytest.raises(NoRoot):
                play(case(seed).setting)
        else:
            found.append(seed)
    return found


def compare(result: Backtest, slow: Portfolio) -> None:
    """The path of wealth, cash, holdings and costs; and every booking, asset by asset."""
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
    assert np.where(book.part_of >= 0, book.asked, book.part_of)[done].tolist() == [b.asked for b in told]
    if told:
        np.testing.assert_allclose(book.trades[done], [b.trades for b in told], **close)
        np.testing.assert_allclose(book.charges[done], [b.charges for b in told], **close)


def test_a_slow_engine_gives_the_same_wealth_holdings_trades_and_charges() -> None:
    for seed in playable():
        c, result = drawn(seed)
        try:
            compare(result, play(c.setting))
        except AssertionError as error:
            raise AssertionError(f"case {seed}: {c.setting}") from error


def test_gains_by_term_and_tax_returns_are_those_of_the_slow_engine(by_day: Callable[[Policy], Policy]) -> None:
    """Both loops, every order of sale, rates of either order, and a year's end with each kind of limit."""
    seen: Counter[str] = Counter()
    for seed in range(WITH_TERMS):
        c = case(seed, terms=True)
        if c.setting.costs.tax is None:
            continue
        try:
            result = c.played()
        except PolicyError:
            with pytest.raises(NoRoot):
                play(c.setting)
            continue
        compare(result, play(c.setting))
        assert result.reconcile().holds, (seed, result.reconcile().verdict)
        daily = c.played(by_day(c.policy))
        for fact, values in result.ledger._asdict().items():
            np.testing.assert_array_equal(values, getattr(daily.ledger, fact), err_msg=f"{fact} of case {seed}")
        assert result.triggers == daily.triggers
        tax, settled = c.setting.costs.tax, result.ledger.charges[result.ledger.part_of == TAX_BOOKING].sum()
        seen.update([str(tax.lots), "refund" if settled < 0.0 else "none"])
    assert min(seen[fact] for fact in ("average", "first", "highest", "tax_minimal", "refund")) >= 3, seen


def test_harvests_are_those_of_the_slow_engine(by_day: Callable[[Policy], Policy]) -> None:
    """Lots, losses, costs of both orders, windows and limits: two engines agree, and two loops to the bit."""
    seen: Counter[str] = Counter()
    for seed in range(WITH_TERMS):
        c, rng = case(seed, terms=True), np.random.default_rng(seed)
        if c.setting.costs.tax is None:
            continue
        least = float(rng.choice([0.0, 1e-3])) * c.setting.wealth
        tax = replace(
            c.setting.costs.tax, harvest_above=rng.uniform(0.005, 0.08), harvest=least,
            wash_sale_days=int(rng.integers(0, 9)),
        )  # fmt: skip
        c = replace(c, setting=replace(c.setting, costs=replace(c.setting.costs, tax=tax)))
        try:
            result = c.played()
        except PolicyError:
            with pytest.raises(NoRoot):
                play(c.setting)
            continue
        slow, rows = play(c.setting), result.ledger.part_of == HARVEST_BOOKING
        compare(result, slow)
        losses = [b.loss for b in slow.bookings if b.asked == HARVEST_BOOKING]
        np.testing.assert_allclose(result.ledger.size[rows], losses, rtol=1e-8, err_msg=str(seed))
        assert result.reconcile().holds, (seed, result.reconcile().verdict)
        daily = c.played(by_day(c.policy))
        for fact, values in result.ledger._asdict().items():
            np.testing.assert_array_equal(values, getattr(daily.ledger, fact), err_msg=f"{fact} of case {seed}")
        assert result.triggers == daily.triggers
        limited = c.setting.execution.participation is not None
        seen.update({str(tax.lots): len(losses), "open": len(losses) * (c.setting.execution.at == "open"),
                     "limited": len(losses) * limited, "least": len(losses) * (least > 0.0)})  # fmt: skip
    assert min(seen[fact] for fact in ("average", "first", "highest", "tax_minimal", "open", "least")) >= 5, seen
    assert seen["limited"] > 0, seen


def halted(c: Case) -> Case:
    """The case at opens, with its first asset halted on three sessions, and on one more three sessions later."""
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
    for seed in range(HALTED):
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
        c, fast = drawn(seed)
        slow = c.played(by_day(c.policy))
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
        money = drawn(seed)[1].reconcile()
        assert money.holds, (seed, money.verdict)
        assert abs(money.daily["residual"]).max() <= 1e-12 * money.daily["end"].max()


def test_the_mixtures_reach_what_they_are_for() -> None:
    """Comparing nothing proves nothing: each cost is paid and each event happens, often."""
    seen: Counter[str] = Counter()
    for seed in playable():
        c, result = drawn(seed)
        book, s = result.ledger, c.setting
        paid = result.cost_rates
        facts = {name: paid[name] > 0.0 for name in paid.index}
        facts |= {
            "delisted": (book.part_of == EXIT_BOOKING).any(),
            "flow traded": (book.trades[book.part_of == FLOW_BOOKING] != 0.0).any(),
            "flow kept": s.flows.any() and s.use == "cash",
            "open": s.execution.at == "open" and (book.part_of >= 0).any(),
            "worked over days": (book.part_of[book.booked >= 0] < np.arange((book.booked >= 0).sum())).any(),
            "left out": s.execution.minimum_trade > 0.0 and (book.part_of >= 0).any(),
            "dividends": s.dividends == "cash" and bool((s.market.income[s.first + 1 :] > 0.0).any()),
            "halted": not s.market.tradable[s.first :].all(),
            "short": bool((s.weights < 0.0).any()),
            "lag of three": s.lag == 3 and (book.part_of >= 0).any(),
            "kept an asset": ((book.trades == 0.0).any(axis=1) & (book.trades != 0.0).any(axis=1)).any(),
        }
        seen.update(fact for fact, there in facts.items() if there)
    assert all(seen[fact] >= 20 for fact in facts), seen


def test_a_longer_market_leaves_the_past_equal_to_the_bit() -> None:
    for seed in playable()[::8]:
        c, whole = drawn(seed)
        s = c.setting
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
        c, plain = drawn(seed)[0], drawn(seed)[1].ledger
        s = c.setting
        order = np.random.default_rng(seed).permutation(len(s.weights))
        lines = {
            name: getattr(s.costs, name)[..., order]
            for name in ("commission", "half_spread", "per_unit", "minimum", "ticket", "borrow")
        }
        market = s.market.select([s.market.assets[i] for i in order])
        allocation = FixedWeights(tuple(s.weights[order]))
        other = replace(c, setting=replace(s, market=market, costs=replace(s.costs, **lines)))
        mixed, scale = other.played(policy_of(s.rule, allocation)).ledger, plain.nav.max()
        np.testing.assert_allclose(mixed.nav, plain.nav, rtol=1e-12, err_msg=str(seed))
        np.testing.assert_allclose(mixed.trades, plain.trades[:, order], rtol=1e-9, atol=1e-11 * scale)
        np.testing.assert_allclose(mixed.charges, plain.charges[..., order], rtol=1e-9, atol=1e-11 * scale)


def test_wealth_amounts_and_volumes_scale_together_and_amounts_do_not_scale_alone() -> None:
    alone = 0
    for seed in playable()[::6]:
        c, small = drawn(seed)[0], drawn(seed)[1].ledger
        s, k = c.setting, 10.0
        costs = replace(s.costs, minimum=s.costs.minimum * k, ticket=s.costs.ticket * k)
        market = replace(s.market, volumes=np.asarray(s.market.volumes) * k)
        execution = replace(s.execution, minimum_trade=s.execution.minimum_trade * k)
        flows = None if c.flows is None else Flows({day: a * k for day, a in c.flows.amounts.items()}, c.flows.use)
        bigger = replace(s, market=market, costs=costs, execution=execution, wealth=s.wealth * k)
        large = replace(c, setting=bigger, flows=flows).played().ledger
        np.testing.assert_allclose(large.nav, k * small.nav, rtol=1e-11, err_msg=str(seed))
        np.testing.assert_allclose(large.charges, k * small.charges, rtol=1e-8, atol=1e-11 * large.nav.max())
        if s.costs.ticket.any() or s.costs.impact is not None:
            poorer = replace(c, setting=replace(bigger, costs=s.costs, market=s.market), flows=flows).played().ledger
            alone += not np.allclose(poorer.nav, k * small.nav, rtol=1e-9)
    assert alone > 10


def test_without_a_trade_there_is_no_cost_and_a_line_that_did_not_trade_pays_none() -> None:
    for seed in playable():
        c, result = drawn(seed)
        if c.setting.costs.tax is None:
            book = result.ledger
            assert not book.charges.sum(axis=1)[book.trades == 0.0].any(), seed
            assert (book.charges >= 0.0).all()


def test_orders_in_whole_lots_are_whole_and_their_money_is_followed() -> None:
    """Each order is a whole number of units of its day, however many splits lie between it and its decision."""
    orders, fractions = 0, 0
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
            units = (book.trades[j] / quotes)[known]
            assert units == pytest.approx(np.rint(units), abs=1e-6), seed
            orders += known.sum()
        fractions += result.triggers.count("in_lieu")
    assert orders > 500
    assert fractions > 20
