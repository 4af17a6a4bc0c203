"""The ledger of lots is an independent one that moves each unit by itself; what comes late changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import product
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.accounting.lots.ledger import (
    LotEvent,
    LotExchange,
    LotLedger,
    LotSplit,
    LotTrade,
    LotTransfer,
    opened_ledger,
)
from research.accounting.lots.lot import TaxLot, TaxRules
from research.accounting.tax import LongAfter, first_long_day

ACCOUNTS, SHELTERED = ("own", "joint", "ira"), "ira"


def traded(day: date, units: int, price: float, name: str = "", account: str = "") -> LotTrade:
    return LotTrade(day, (name, name), "A", account, float(units), units * price)


def opened(lots: Sequence[TaxLot], accounts: Sequence[str] = ("",)) -> LotLedger:
    held = {("A", account): sum(lot.units for lot in lots if lot.account == account) for account in accounts}
    return opened_ledger([("A", lot) for lot in lots], held)


def after(held: Sequence[TaxLot], events: Sequence[LotEvent], **rules: Any) -> LotLedger:
    return opened(held).after(events, TaxRules(0.2, 0.3, **rules))


def lot(day: str, units: float, price: float) -> TaxLot:
    return TaxLot(pd.Timestamp(day), units, price)


# -- by hand -----------------------------------------------------------------------------------------------------------

BOUGHT = (lot("2020-01-02", 400.0, 90.0), lot("2021-01-04", 600.0, 95.0))


def test_a_gain_is_of_the_year_of_its_sale() -> None:
    """200 x 14 on the last Friday of 2022."""
    ledger = after(BOUGHT, [traded(date(2022, 12, 30), -200, 104.0)], lots="first")
    assert ledger.realised == {"2022": 2_800.0}


def test_a_split_that_is_known_after_sales_of_two_years_is_in_the_gains_of_both() -> None:
    """100 sold at 50 and 300 at 52 cost 45 after the split, not 90."""
    split = LotSplit(date(2022, 12, 15), "A", 2.0)
    sales = traded(date(2022, 12, 20), -100, 50.0), traded(date(2023, 1, 10), -300, 52.0)
    for order in ([*sales, split], [split, *sales]):
        assert after(BOUGHT, order, lots="first").realised == {"2022": 500.0, "2023": 2_100.0}


def test_what_is_sold_and_bought_on_one_day_is_not_one_trade_of_the_difference() -> None:
    """590 sold at 105 cost 90 and 95: 400 x 15 + 190 x 10; the 600 bought at 100 on that day are a lot."""
    day = date(2022, 12, 20)
    ledger = after(BOUGHT, [traded(day, -590, 105.0, "1"), traded(day, 600, 100.0, "2")], lots="first")
    assert ledger.realised == {"2022": 7_900.0}
    assert [(lot.units, lot.price) for lot in ledger.lots["A"]] == [(410.0, 95.0), (600.0, 100.0)]


def test_a_loss_is_disallowed_by_a_purchase_after_it_in_another_year_too() -> None:
    """IRS Publication 550: 100 shares of 1,000 are sold for 750; 100 bought for 800 within 30 days cost 1,050."""
    sold, bought = traded(date(2022, 12, 19), -100, 7.50), traded(date(2023, 1, 9), 100, 8.0)
    ledger = after([lot("2022-03-02", 100.0, 10.0)], [sold, bought], wash_sale_days=30)
    assert ledger.realised == {"2022": 0.0}
    (left,) = ledger.lots["A"]
    assert (left.units, left.price, left.held_from) == (100.0, 10.5, pd.Timestamp("2022-03-23"))
    late = after([lot("2022-03-02", 100.0, 10.0)], [sold, bought._replace(day=date(2023, 1, 19))], wash_sale_days=30)
    assert (late.realised, late.lots["A"][0].price) == ({"2022": -250.0}, 8.0)


def test_a_purchase_replaces_units_once() -> None:
    """26 CFR 1.1091-1(e): 100 bought in between disallow the first loss, and nothing of the second."""
    sales = traded(date(2022, 12, 1), -100, 9.0), traded(date(2022, 12, 20), -100, 9.0)
    ledger = after([lot("2020-01-02", 200.0, 10.0)], [*sales, traded(date(2022, 12, 10), 100, 9.5)], wash_sale_days=30,
                   lots="first")  # fmt: skip
    assert [each.sale.disallowed for each in ledger.sales] == [100.0, 0.0]


@pytest.mark.parametrize("bought", [date(2022, 12, 20), date(2022, 12, 22)])
def test_units_that_are_sold_before_their_purchase_is_stated_have_its_cost(bought: date) -> None:
    """100 sold at 12 were bought at 10: files of days alone say no order of them; 50 more stay."""
    sold = LotTrade(date(2022, 12, 20), ("2022-12-20T12:00", "a"), "A", "", -100.0, -1_200.0)
    ledger = after([], [sold, LotTrade(bought, ("2022-12-20T12:00", "b"), "A", "", 150.0, 1_500.0)])
    assert ledger.realised == {"2022": 200.0}
    assert [(lot.units, lot.price) for lot in ledger.lots["A"]] == [(50.0, 10.0)]


def test_a_split_between_a_sale_and_its_purchase_moves_what_is_uncovered() -> None:
    """100 sold at 12 are 200 after the split, bought at 5: 200 are realised, and 50 stay."""
    sold, split = traded(date(2022, 12, 20), -100, 12.0), LotSplit(date(2022, 12, 21), "A", 2.0)
    ledger = after([], [sold, split, traded(date(2022, 12, 22), 250, 5.0)])
    assert ledger.realised == {"2022": 200.0}
    assert [(lot.units, lot.price) for lot in ledger.lots["A"]] == [(50.0, 5.0)]


@pytest.mark.parametrize(
    ("worth", "gain", "cost"),
    [(100.0, 25.0, 85.0), (70.0, 10.0, 70.0), (50.0, 0.0, 60.0)],  # 26 CFR 1.356-1(c), its share of stock at 100
)
def test_of_cash_beside_shares_a_gain_is_realised_and_no_loss(worth: float, gain: float, cost: float) -> None:
    merged = LotExchange(date(2022, 12, 15), "A", "B", 1.0, cash=25.0, price=worth)
    ledger = after([lot("2020-01-02", 1.0, 85.0)], [merged])
    assert sum(ledger.realised.values()) == gain
    (kept,) = ledger.lots["B"]
    assert (kept.units, kept.price, kept.date, ledger.lots["A"]) == (1.0, cost, pd.Timestamp("2020-01-02"), ())


def test_a_spin_off_divides_the_cost_and_keeps_the_days() -> None:
    """IRS Form 8937 of eBay, 2015: PayPal has 0.5723 of the cost; one share for one."""
    spun = LotExchange(date(2022, 12, 15), "A", "B", share=0.5723)
    ledger = after([lot("2020-01-02", 100.0, 60.0)], [spun])
    assert [(each.units, round(each.price, 10), each.date.year) for each in ledger.lots["A"]] == [(100.0, 25.662, 2020)]
    assert [(each.units, round(each.price, 10), each.date.year) for each in ledger.lots["B"]] == [(100.0, 34.338, 2020)]


def test_a_delisting_is_a_sale_at_what_is_paid() -> None:
    ledger = after(BOUGHT, [LotExchange(date(2022, 12, 15), "A", "", 0.0, cash=0.5)], lots="first")
    assert ledger.realised == {"2022": 1_000 * 0.5 - 400 * 90.0 - 600 * 95.0}
    assert ledger.lots["A"] == ()


def test_a_sale_at_cost_is_none_at_a_loss() -> None:
    """1,000 x 3 prices whose mean is rounded."""
    lots = [lot("2020-01-02", 7.0, 10.1), lot("2020-02-03", 3.0, 10.7), lot("2020-03-04", 11.0, 9.9)]
    mean = sum(each.units * each.price for each in lots) / 21.0
    ledger = after(lots, [traded(date(2022, 12, 20), -21, mean)], lots="average", wash_sale_days=30)
    assert ledger.sold_at_loss == {}


# -- an independent ledger ---------------------------------------------------------------------------------------------


@dataclass
class Unit:
    """One unit: when it was bought, its cost, its account, the purchase that it is of, and days of one it replaced."""

    bought: date
    cost: Fraction
    account: str
    of: tuple[Any, ...]
    tacked: int | None = None
    asset: str = "A"


@dataclass
class Sold:
    """One unit that was sold."""

    day: date
    unit: Unit
    gain: Fraction
    disallowed: bool = False


class ByUnit:
    """Lots, unit by unit."""

    def __init__(self, lots: Sequence[TaxLot], rules: TaxRules) -> None:
        self.rules, self.sold = rules, list[Sold]()
        self.units = [
            Unit(lot.date.date(), Fraction(lot.price), lot.account, (k,)) for k, lot in enumerate(lots)
            for _ in range(int(lot.units))
        ]  # fmt: skip

    def take(self, event: LotEvent, number: int) -> None:
        if isinstance(event, LotTransfer):
            self._transfer(event, number)
            return
        if not isinstance(event, LotTrade):
            self._become(event)
            return
        price = Fraction(event.worth) / Fraction(event.units)
        if event.units > 0:
            new = [Unit(event.day, price, event.account, (number,), asset=event.asset) for _ in range(int(event.units))]
            for unit, loss in zip(new, [s for s in self.sold if self._waits(s, event)], strict=False):
                self._replaced(loss, unit)
            self.units += new
            return
        own = self._own(event)
        if event.account != SHELTERED and self.rules.lots == "highest":
            own.sort(key=lambda u: -u.cost)
        gone = own[: int(-event.units)]
        self.units = [u for u in self.units if not any(u is g for g in gone)]
        if event.account == SHELTERED:
            return
        now = [Sold(event.day, u, price - u.cost) for u in sorted(gone, key=lambda u: u.bought)]
        self.sold += now
        of = [u for u in self.units if u.asset == event.asset]
        recent = [u for u in of if u.tacked is None and (event.day - u.bought).days <= self.rules.wash_sale_days]
        recent.sort(key=lambda u: (u.bought, u.account == SHELTERED, ACCOUNTS.index(u.account)))
        for unit in recent if self.rules.wash_sale_days else ():
            losses = (s for s in now if self._waits(s, event))
            loss = next((s for s in losses if s.unit.of != unit.of), None)
            if loss:
                self._replaced(loss, unit)

    def _own(self, event: LotTrade | LotTransfer) -> list[Unit]:
        own = (u for u in self.units if (u.account, u.asset) == (event.account, event.asset))
        return sorted(own, key=lambda u: u.bought)

    def _transfer(self, event: LotTransfer, number: int) -> None:
        if event.units > 0:
            about = (event.acquired, Fraction(event.price), event.account, (number,))
            self.units += [Unit(*about, asset=event.asset) for _ in range(int(event.units))]
            return
        own = self._own(event)
        if event.account != SHELTERED and self.rules.lots == "highest":
            own.sort(key=lambda u: -u.cost)
        gone = own[: int(-event.units)]
        self.units = [u for u in self.units if not any(u is g for g in gone)]

    def _become(self, event: LotSplit | LotExchange) -> None:
        by, asset = int(event.by), event.asset
        if isinstance(event, LotExchange) and not event.into:
            for account in ACCOUNTS:
                if held := len([u for u in self.units if (u.account, u.asset) == (account, asset)]):
                    paid = -held * event.cash
                    self.take(LotTrade(event.day, ("", ""), asset, account, -float(held), paid), -1)
        elif isinstance(event, LotExchange) and event.share < 1:
            share, own = Fraction(event.share), [u for u in self.units if u.asset == asset]
            self.units += [replace(u, cost=u.cost * share, asset=event.into) for u in own]
            for u in own:
                u.cost *= 1 - share
        else:
            into = event.into if isinstance(event, LotExchange) else asset
            of, rest = [u for u in self.units if u.asset == asset], [u for u in self.units if u.asset != asset]
            self.units = [*rest, *(replace(u, cost=u.cost / by, asset=into) for u in of for _ in range(by))]
            sold, others = ([s for s in self.sold if (s.unit.asset == asset) is own] for own in (True, False))
            parts = [replace(s, gain=s.gain / by, unit=replace(s.unit, asset=into)) for s in sold for _ in range(by)]
            self.sold = [*others, *parts]

    def _waits(self, sold: Sold, event: LotTrade) -> bool:
        days = (event.day - sold.day).days
        is_open = sold.gain < 0 and not sold.disallowed and sold.unit.asset == event.asset
        return is_open and days <= self.rules.wash_sale_days > 0

    def _replaced(self, loss: Sold, unit: Unit) -> None:
        loss.disallowed, unit.tacked = True, 0
        if unit.account != SHELTERED:
            unit.cost -= loss.gain
            unit.tacked = (loss.day - loss.unit.bought).days + (loss.unit.tacked or 0)

    def realised(self) -> dict[str, Fraction]:
        found: dict[str, Fraction] = {}
        for s in self.sold:
            found[f"{s.day:%Y}"] = found.get(f"{s.day:%Y}", Fraction()) + (0 if s.disallowed else s.gain)
        return found

    def long(self, after: LongAfter) -> Fraction:
        """The gains that are long-term."""
        starts = ((s, s.unit.bought - timedelta(days=s.unit.tacked or 0)) for s in self.sold if not s.disallowed)
        return sum((s.gain for s, start in starts if s.day >= first_long_day(start, after).astype(date)), Fraction())


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[TaxLot], list[LotEvent]]:
    """Lots of three accounts, and all kinds of events about the end of a year, never more sold than is held.

    What is traded has another name after a renaming or a merger; nobody trades what was spun off.
    """
    lots = [
        TaxLot(pd.Timestamp(2021 + k % 2, 11, 3 + 2 * k), draw(st.integers(2, 8)) / 1, draw(st.integers(8, 14)) / 1, a)
        for k, a in enumerate((*ACCOUNTS, *ACCOUNTS))
    ]  # fmt: skip
    held = {a: sum(int(each.units) for each in lots if each.account == a) for a in ACCOUNTS}
    events: list[LotEvent] = []
    asset = "A"
    for k, days in enumerate(sorted(draw(st.lists(st.integers(20, 110), min_size=1, max_size=9)))):
        day, account = date(2022, 11, 1) + timedelta(days=days), draw(st.sampled_from(ACCOUNTS))
        kind = draw(st.sampled_from(["buy", "buy", "sell", "sell", "sell", "split", "merge", "spin", "come", "delist"]))
        is_first = not any(each.day == day for each in events)
        if kind in ("split", "merge") and is_first:
            by, into = float(draw(st.integers(1, 2))), f"{asset}{k}"
            events.append(LotSplit(day, asset, 2.0) if kind == "split" else LotExchange(day, asset, into, by))
            held = {a: int(2.0 if kind == "split" else by) * units for a, units in held.items()}
            asset = asset if kind == "split" else into
            continue
        if kind == "spin" and is_first:
            events.append(LotExchange(day, asset, f"spun{k}", share=0.25))
            continue
        if kind == "delist" and is_first:
            events.append(LotExchange(day, asset, "", 0.0, cash=float(draw(st.integers(6, 15)))))
            held = dict.fromkeys(held, 0)
            continue
        if kind == "come" and is_first:
            units = max(draw(st.integers(-3, 5)), -held[account])
            cost = float(draw(st.integers(6, 15)) + k / 64)
            events += [LotTransfer(day, asset, account, float(units), date(2020, 6, 1 + k), cost)] if units else []
            held[account] += units
            continue
        units = draw(st.integers(1, 6)) if kind != "sell" else -min(draw(st.integers(1, 9)), held[account])
        if units:
            price = float(draw(st.integers(6, 15)) + k / 64)
            events.append(LotTrade(day, (f"{k:02d}", "id"), asset, account, float(units), units * price))
            held[account] += units
    return lots, events


def by_side(event: LotTrade) -> tuple[Any, ...]:
    return event.day, event.account, event.units > 0


@given(histories(), st.sampled_from(["first", "highest"]), st.sampled_from([0, 30]), st.randoms())
@settings(max_examples=200)
def test_the_ledger_is_that_of_each_unit_in_any_order_of_arrival(
    history: tuple[list[TaxLot], list[LotEvent]], method: Any, days: int, chance: Any
) -> None:
    lots, events = history
    merged: list[LotEvent] = []
    for event in events:  # a run of trades of one side is one
        last = merged[-1] if merged else None
        if isinstance(event, LotTrade) and isinstance(last, LotTrade) and by_side(last) == by_side(event):
            merged[-1] = last._replace(units=last.units + event.units, worth=last.worth + event.worth)
        else:
            merged.append(event)
    rules = TaxRules(0.2, 0.3, lots=method, wash_sale_days=days, long_after=365)
    oracle = ByUnit(lots, rules)
    for number, event in enumerate(merged, len(lots)):
        oracle.take(event, number)
    chance.shuffle(events)
    ledger = opened(lots, ACCOUNTS).after(events, rules, {SHELTERED})
    expected = {year: pytest.approx(float(gain), abs=1e-9) for year, gain in oracle.realised().items() if gain}
    assert {y: g for y, g in ledger.realised.items() if abs(g) > 1e-9} == expected
    for account, asset in product(ACCOUNTS, {*ledger.lots, *(u.asset for u in oracle.units)}):
        kept = [u for u in oracle.units if (u.account, u.asset) == (account, asset)]
        mine = [each for each in ledger.lots.get(asset, ()) if each.account == account]
        assert sum(each.units for each in mine) == pytest.approx(len(kept), abs=1e-9)
        cost = float(sum((u.cost for u in kept), Fraction()))
        assert sum(each.units * each.price for each in mine) == pytest.approx(cost, abs=1e-9)
    allowed = [each.sale for each in ledger.sales]
    assert sum(s.realised for s in allowed if s.long) == pytest.approx(float(oracle.long(365)), abs=1e-9)


@given(
    histories(), st.sampled_from(["first", "tax_minimal"]), st.sampled_from([0, 5, 30]), st.sets(st.integers(0, 400))
)
@settings(max_examples=200)
def test_a_ledger_that_goes_on_from_days_on_which_it_was_closed_is_the_same_to_the_bit(
    history: tuple[list[TaxLot], list[LotEvent]], method: Any, days: int, cuts: set[int]
) -> None:
    lots, events = history
    rules = TaxRules(0.2, 0.3, lots=method, wash_sale_days=days, long_after=365)
    whole = opened(lots, ACCOUNTS).after(events, rules, {SHELTERED})
    first = min((event.day for event in events), default=date(2022, 1, 3))
    ledger, before = opened(lots, ACCOUNTS), date.min
    for day in [*(first + timedelta(days=cut) for cut in sorted(cuts)), date.max]:
        some = [event for event in events if before < event.day <= day]
        ledger, before = ledger.after(some, rules, {SHELTERED}).closed(day, rules), day
    assert {y: g for y, g in ledger.realised.items() if g} == {y: g for y, g in whole.realised.items() if g}
    assert (ledger.lots, ledger.sold_at_loss) == (whole.lots, whole.sold_at_loss)
    assert not ledger.sales
