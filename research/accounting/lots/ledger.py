"""The tax lots and the sales of a book, as the fold of all purchases, sales and splits from those at its opening.

What happened counts in the order in which it happened, whenever it came to be known: by day, splits before trades,
trades by moment. So each gain is of the day of its sale, and of its year.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import NamedTuple

import pandas as pd

from research.accounting.lots.lot import LotSale, TaxLot, TaxRules
from research.accounting.lots.selection import LEFT_OVER, newest, sell
from research.accounting.lots.wash_sales import bears, wash


class LotTrade(NamedTuple):
    """Units of an asset that an account bought or sold.

    day     : day of the exchange.
    place   : moment and id, by which trades of one day are in order.
    units   : signed, bought ones positive.
    worth   : signed units times price, currency of the portfolio.
    """

    day: date
    place: tuple[str, str]
    asset: str
    account: str
    units: float
    worth: float


class LotSplit(NamedTuple):
    """A split before the open of a day: `by` units after it for each one before."""

    day: date
    asset: str
    by: float


class DatedSale(NamedTuple):
    """A sale of units of one lot on a day, with the part of its loss that purchases up to now disallow."""

    day: date
    asset: str
    sale: LotSale


@dataclass(frozen=True)
class LotLedger:
    """The lots after everything that happened, and all sales of taxable accounts.

    lots  : by asset, lots of all accounts.
    sales : sales of lots, in the order of their days.
    """

    lots: Mapping[str, tuple[TaxLot, ...]]
    sales: tuple[DatedSale, ...]

    @property
    def realised(self) -> dict[str, float]:
        """By year, gains less the losses that are allowed, currency."""
        found: dict[str, float] = {}
        for day, _, sale in self.sales:
            found[f"{day:%Y}"] = found.get(f"{day:%Y}", 0.0) + sale.realised
        return found

    @property
    def sold_at_loss(self) -> dict[str, date]:
        """By asset, the day of its last sale at a loss."""
        return {asset: day for day, asset, sale in self.sales if sale.is_loss}


def lot_ledger(
    lots: Iterable[tuple[str, TaxLot]],
    held: Mapping[tuple[str, str], float],
    happened: Iterable[LotTrade | LotSplit],
    rules: TaxRules,
    sheltered: Collection[str] = (),
) -> LotLedger:
    """The ledger of a book after what happened since its opening, in whatever order it is given.

    What is bought, or sold, of an asset in an account on a day, one trade after the other, is one purchase or sale at
    its mean price. The lots of an asset in an account stay unknown where they are not known and the
    account holds the asset.

    lots      : by asset, lots at the opening.
    held      : by asset and account, units at the opening.
    happened  : since then.
    rules     : which lots are sold, when they are long-term, and the days of a wash sale.
    sheltered : accounts whose gains are not taxed.
    """
    of_asset: dict[str, list[TaxLot]] = {}
    for asset, lot in lots:
        of_asset.setdefault(asset, []).append(lot)
    by_asset: dict[str, list[LotTrade | LotSplit]] = {}
    for each in happened:
        by_asset.setdefault(each.asset, []).append(each)
    accounts = list(dict.fromkeys([*(account for _, account in held), *_accounts(by_asset)]))
    sales = list[DatedSale]()
    for asset, events in by_asset.items():
        units = {account: held.get((asset, account), 0.0) for account in accounts}
        fold = _Fold(asset, rules, frozenset(sheltered), of_asset.get(asset, []), units)
        for same in _grouped(events):
            fold.take(same)
        of_asset[asset] = fold.lots
        sales += fold.sales
    return LotLedger(
        {asset: tuple(some) for asset, some in of_asset.items()}, tuple(sorted(sales, key=lambda each: each.day))
    )


def _accounts(by_asset: Mapping[str, Sequence[LotTrade | LotSplit]]) -> Iterable[str]:
    return (each.account for events in by_asset.values() for each in events if isinstance(each, LotTrade))


def _grouped(events: Iterable[LotTrade | LotSplit]) -> Iterable[LotTrade | LotSplit]:
    """The events of one asset in their order, trades of one side one after the other as one."""
    for _, same in groupby(sorted(events, key=_place), _side):
        first, *more = same
        if isinstance(first, LotSplit):
            yield from (first, *more)
        else:
            trades = [first, *(each for each in more if isinstance(each, LotTrade))]
            yield first._replace(units=sum(t.units for t in trades), worth=sum(t.worth for t in trades))


def _place(event: LotTrade | LotSplit) -> tuple[date, int, str, bool, str]:
    """Its place among events; of one moment, purchases come first."""
    if isinstance(event, LotSplit):
        return event.day, 0, "", False, ""
    moment, name = event.place
    return event.day, 1, moment, event.units < 0.0, name


def _side(event: LotTrade | LotSplit) -> tuple[date, str, str]:
    """The day, account and side of a trade, which those that are one purchase or sale share."""
    if isinstance(event, LotSplit):
        return event.day, "", "split"
    return event.day, event.account, "sell" if event.units < 0.0 else "buy"


@dataclass
class _Loss:
    """Units that were sold at a loss which nothing disallows yet.  sale : place of the sale.  a_unit : loss a unit."""

    sale: int
    day: date
    units: float
    a_unit: float


@dataclass
class _Fold:
    """One asset while events are taken, one after the other."""

    asset: str
    rules: TaxRules
    sheltered: frozenset[str]
    lots: list[TaxLot]
    held: dict[str, float]

    def __post_init__(self) -> None:
        self.sales: list[DatedSale] = []
        self._losses: list[_Loss] = []
        self._uncovered: list[LotTrade] = []
        self._accounts = list(self.held)

    def take(self, event: LotTrade | LotSplit) -> None:
        """Take the next event."""
        if isinstance(event, LotSplit):
            self._split(event.by)
        elif event.units < 0.0:
            self._sell(event)
        elif event.units > 0.0:
            self._buy(event)

    def _split(self, by: float) -> None:
        self.lots = [lot.split(by) for lot in self.lots]
        self.held = {account: units * by for account, units in self.held.items()}
        self._losses = [replace(loss, units=loss.units * by, a_unit=loss.a_unit / by) for loss in self._losses]
        self._uncovered = [sold._replace(units=sold.units * by) for sold in self._uncovered]

    def _sell(self, trade: LotTrade) -> None:
        own, others = self._of(trade.account)
        held = self.held.get(trade.account, 0.0)
        self.held[trade.account] = held + trade.units
        if trade.account in self.sheltered:
            self.lots = self._by_account([*others, *newest(own, held + trade.units)])
            return
        day, days = pd.Timestamp(trade.day), self.rules.wash_sale_days
        price, known = trade.worth / trade.units, sum(lot.units for lot in own)
        sold, left = sell(own, min(-trade.units, known), price, day, self.rules)
        if (more := -trade.units - max(known, held)) > LEFT_OVER * -trade.units:  # of a purchase that comes later
            self._uncovered.append(trade._replace(units=-more, worth=-more * price))
        taxable = self._by_account([*(lot for lot in others if lot.account not in self.sheltered), *left])
        apart = [lot for lot in others if lot.account in self.sheltered]
        washed, kept, sheltered = wash(sold, taxable, day, days, apart)
        for sale in sorted(washed, key=lambda each: each.lot.date):
            self.sales.append(DatedSale(trade.day, self.asset, sale))
            if days and sale.is_loss:
                a_unit = -sale.gain / sale.units
                self._losses.append(
                    _Loss(len(self.sales) - 1, trade.day, sale.units - sale.disallowed / a_unit, a_unit)
                )
        self.lots = self._by_account([*kept, *sheltered])

    def _buy(self, trade: LotTrade) -> None:
        own, _ = self._of(trade.account)
        held, is_taxable = self.held.get(trade.account, 0.0), trade.account not in self.sheltered
        self.held[trade.account] = held + trade.units
        if is_taxable and held > 0.0 and not own:
            return
        day, days = pd.Timestamp(trade.day), self.rules.wash_sale_days
        self._losses = [each for each in self._losses if each.units > 0.0 and (trade.day - each.day).days <= days]
        lot, left = TaxLot(day, trade.units, trade.worth / trade.units, trade.account), trade.units
        left = self._cover(lot, left)
        for loss in self._losses:
            sold_on, asset, sale = self.sales[loss.sale]
            units = min(loss.units, left)
            if units <= LEFT_OVER * sale.units:
                continue
            changed = replace(sale, disallowed=sale.disallowed + units * loss.a_unit)
            self.sales[loss.sale] = DatedSale(sold_on, asset, changed)
            loss.units, left = loss.units - units, left - units
            borne = loss.a_unit if is_taxable else 0.0
            self.lots.append(bears(lot, units, borne, sale, pd.Timestamp(sold_on)))
        if left > LEFT_OVER * trade.units:
            self.lots.append(replace(lot, units=left))

    def _cover(self, lot: TaxLot, units: float) -> float:
        """The units of a purchase that are left after those sold before it came, which are of it."""
        waiting, self._uncovered = self._uncovered, []
        for sold in waiting:
            covered = min(-sold.units, units) if sold.account == lot.account else 0.0
            if covered > 0.0:
                sale = LotSale(replace(lot, units=covered), covered, sold.worth / sold.units, long=False)
                self.sales.append(DatedSale(sold.day, self.asset, sale))
            if -sold.units - covered > LEFT_OVER:
                rest = (sold.units + covered) / sold.units
                self._uncovered.append(sold._replace(units=sold.units * rest, worth=sold.worth * rest))
            units -= covered
        return units

    def _by_account(self, lots: Iterable[TaxLot]) -> list[TaxLot]:
        """The lots in the order of the accounts, those of one account as they are."""
        return sorted(lots, key=lambda lot: self._accounts.index(lot.account))

    def _of(self, account: str) -> tuple[list[TaxLot], Sequence[TaxLot]]:
        """The lots of an account, and those of the others."""
        own = [lot for lot in self.lots if lot.account == account]
        return own, [lot for lot in self.lots if lot.account != account]
