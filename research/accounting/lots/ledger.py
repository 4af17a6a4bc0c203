"""The tax lots and the sales of a book, as the fold of all that happened from those at its opening.

What happened counts in the order in which it happened, whenever it came to be known: by day, splits, exchanges and
transfers before trades, trades by moment. So each gain is of the day of its sale, and of its year.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from heapq import merge
from itertools import chain, groupby
from math import fsum
from typing import NamedTuple

import pandas as pd

from foundation.dataclasses import dataclass, field, replace
from foundation.paper.wording import grouped
from research.accounting.lots.lot import LotSale, TaxLot, TaxRules
from research.accounting.lots.selection import LEFT_OVER, NamedLot, newest, sell
from research.accounting.lots.wash_sales import bears, wash


class LotTrade(NamedTuple):
    """Units of an asset that an account bought or sold.

    day     : day of the exchange.
    place   : moment and id, by which trades of one day are in order.
    units   : signed, bought ones positive.
    worth   : signed units times price, currency of the portfolio.
    lots    : lots that a sale names.
    """

    day: date
    place: tuple[str, str]
    asset: str
    account: str
    units: float
    worth: float
    lots: tuple[NamedLot, ...] = ()


class LotSplit(NamedTuple):
    """A split before the open of a day: `by` units after it for each one before."""

    day: date
    asset: str
    by: float


class LotExchange(NamedTuple):
    """Units that become others before the open of a day: a merger, a renaming, a spin-off or a delisting.

    into  : asset that they become, "" where they are paid out in cash.
    by    : units of it for one.
    cash  : paid for one besides, currency of the portfolio.
    price : of a unit of `into` on that day, by which gains on the cash are reckoned, currency of the portfolio.
    share : fraction of their cost that goes with them: of a spin-off less than one, and the units stay, too.
    """

    day: date
    asset: str
    into: str
    by: float = 1.0
    cash: float = 0.0
    price: float = 0.0
    share: float = 1.0


class LotTransfer(NamedTuple):
    """Units that came from, or went to, an account elsewhere, before the open of a day.

    units    : signed, those that came positive.
    acquired : day on which they were bought; of units that go and were not bought then, the rules choose.
    price    : cost of a unit, currency of the portfolio.
    """

    day: date
    asset: str
    account: str
    units: float
    acquired: date
    price: float


LotEvent = LotTrade | LotSplit | LotExchange | LotTransfer
PHASES = (LotSplit, LotExchange, LotTransfer)  # events before the open of a day, in their order


class DatedSale(NamedTuple):
    """A sale of units of one lot on a day, with the part of its loss that purchases up to now disallow."""

    day: date
    asset: str
    sale: LotSale


@dataclass(frozen=True)
class OpenLoss:
    """Units that were sold at a loss which no purchase disallows yet, and one within the days of a wash sale still may.

    asset  : asset of which a purchase does, that of the sale or what its units became.
    sale   : place of the sale in those of the ledger.
    day    : day of the sale.
    units  : such units.
    a_unit : the loss, currency per unit.
    """

    asset: str
    sale: int
    day: date
    units: float
    a_unit: float


@dataclass(frozen=True)
class LotLedger:
    """The lots after everything that happened up to now, and the sales of taxable accounts.

    lots      : by asset, lots of all accounts.
    held      : by asset and account, units.
    sales     : sales of lots, in the order of their days.
    losses    : losses that purchases may still disallow.
    uncovered : what was sold before its purchase came to be known.
    earlier   : by year, the amounts whose sum is what was realised by sales that are not among `sales`, currency.
    lost      : by asset, the day of the last of those at a loss.
    """

    lots: Mapping[str, tuple[TaxLot, ...]]
    held: Mapping[tuple[str, str], float]
    sales: tuple[DatedSale, ...] = ()
    losses: tuple[OpenLoss, ...] = ()
    uncovered: tuple[LotTrade, ...] = ()
    earlier: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    lost: Mapping[str, date] = field(default_factory=dict)

    @property
    def realised(self) -> dict[str, float]:
        """By year, gains less the losses that are allowed, currency."""
        return {year: fsum(amounts) for year, amounts in self._amounts.items()}

    @property
    def _amounts(self) -> dict[str, list[float]]:
        found = {year: list(amounts) for year, amounts in self.earlier.items()}
        for day, _, sale in self.sales:
            found.setdefault(f"{day:%Y}", []).append(sale.realised)
        return found

    @property
    def sold_at_loss(self) -> dict[str, date]:
        """By asset, the day of its last sale at a loss."""
        found = dict(self.lost)
        for day, asset, sale in self.sales:
            if sale.is_loss:
                found[asset] = max(day, found.get(asset, day))
        return found

    def after(self, happened: Iterable[LotEvent], rules: TaxRules, sheltered: Collection[str] = ()) -> "LotLedger":
        """The ledger after what happened next, in whatever order it is given.

        What is bought, or sold, of an asset in an account on a day, one trade after the other, is one purchase or sale
        at its mean price. The lots of an asset in an account stay unknown where they are not known and the account
        holds the asset.

        happened  : events of later days than those before.
        rules     : which lots are sold, when they are long-term, and the days of a wash sale.
        sheltered : accounts whose gains are not taxed.
        """
        by_asset: dict[str, list[LotEvent]] = {}
        for each in happened:
            by_asset.setdefault(each.asset, []).append(each)
        accounts = list(dict.fromkeys([*(account for _, account in self.held), *_accounts(by_asset)]))
        sales, folds = list(self.sales), dict[str, _Fold]()

        def fold_of(asset: str) -> _Fold:
            if asset not in folds:
                units = {account: self.held.get((asset, account), 0.0) for account in accounts}
                losses = [_Loss(each.sale, each.day, each.units, each.a_unit) for each in self.losses
                          if each.asset == asset]  # fmt: skip
                uncovered = [sold for sold in self.uncovered if sold.asset == asset]
                of_asset = list(self.lots.get(asset, ()))
                folds[asset] = _Fold(asset, rules, frozenset(sheltered), of_asset, units, sales, losses, uncovered)
            return folds[asset]

        for same in merge(*map(_grouped, by_asset.values()), key=lambda each: _place(each)[:2]):
            into = fold_of(same.into) if isinstance(same, LotExchange) and same.into else None
            fold_of(same.asset).take(same, into)
        order = sorted(range(len(sales)), key=lambda k: sales[k].day)
        places = {k: place for place, k in enumerate(order)}
        left = [each for each in self.losses if each.asset not in folds]
        for asset, fold in folds.items():
            left += [OpenLoss(asset, *vars(loss).values()) for loss in fold.losses if loss.units > 0.0]
        return replace(
            self,
            lots={**self.lots, **{asset: tuple(fold.lots) for asset, fold in folds.items()}},
            held={**self.held, **{(asset, of): n for asset, fold in folds.items() for of, n in fold.held.items()}},
            sales=tuple(sales[k] for k in order),
            losses=tuple(replace(each, sale=places[each.sale]) for each in left),
            uncovered=tuple(
                [sold for sold in self.uncovered if sold.asset not in folds]
                + [sold for fold in folds.values() for sold in fold.uncovered]
            ),
        )

    def closed(self, day: date, rules: TaxRules) -> "LotLedger":
        """The ledger with the sales alone that a purchase after a day may change."""
        losses = [each for each in self.losses if (day - each.day).days < rules.wash_sale_days]
        kept = sorted({each.sale for each in losses})
        places = {sale: place for place, sale in enumerate(kept)}
        sales = tuple(self.sales[k] for k in kept)
        gone = replace(self, sales=tuple(sale for k, sale in enumerate(self.sales) if k not in places))
        return replace(
            self,
            sales=sales,
            losses=tuple(replace(each, sale=places[each.sale]) for each in losses),
            earlier={year: _exact_sum(amounts) for year, amounts in gone._amounts.items()},
            lost=gone.sold_at_loss,
        )


def _exact_sum(amounts: Iterable[float]) -> tuple[float, ...]:
    """The fewest amounts that have exactly the same sum."""
    left, found = sum(map(Fraction, amounts), Fraction()), list[float]()
    while left:
        found.append(float(left))
        left -= Fraction(found[-1])
    return tuple(found)


def opened_ledger(lots: Iterable[tuple[str, TaxLot]], held: Mapping[tuple[str, str], float]) -> LotLedger:
    """The ledger of a book at its opening.

    lots : by asset, lots.
    held : by asset and account, units.
    """
    return LotLedger({asset: tuple(of) for asset, of in grouped(lots).items()}, held)


def _accounts(by_asset: Mapping[str, Sequence[LotEvent]]) -> Iterable[str]:
    events = chain.from_iterable(by_asset.values())
    return (each.account for each in events if isinstance(each, LotTrade | LotTransfer))


def _grouped(events: Iterable[LotEvent]) -> Iterable[LotEvent]:
    """The events of one asset in their order, trades of one side one after the other as one."""
    for _, same in groupby(sorted(events, key=_place), _side):
        first, *more = same
        if not isinstance(first, LotTrade):
            yield from (first, *more)
        else:
            trades = [first, *(each for each in more if isinstance(each, LotTrade))]
            units, worth = sum(trade.units for trade in trades), sum(trade.worth for trade in trades)
            yield first._replace(units=units, worth=worth, lots=tuple(chain.from_iterable(t.lots for t in trades)))


def _place(event: LotEvent) -> tuple[date, int, str, bool, str]:
    """Its place among events: splits, exchanges, transfers, trades; of one moment, purchases come first."""
    if not isinstance(event, LotTrade):
        return event.day, PHASES.index(type(event)), "", False, ""
    moment, name = event.place
    return event.day, len(PHASES), moment, event.units < 0.0, name


def _side(event: LotEvent) -> tuple[date, str, str]:
    """The day, account and side of a trade, which those that are one purchase or sale share."""
    if not isinstance(event, LotTrade):
        return event.day, "", "event"
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
    sales: list[DatedSale]  # of all assets
    losses: list[_Loss]
    uncovered: list[LotTrade]

    def __post_init__(self) -> None:
        self._accounts = list(self.held)

    def take(self, event: LotEvent, into: "_Fold | None" = None) -> None:
        """Take the next event. into : that of the asset that an exchange gives."""
        if isinstance(event, LotSplit):
            self._split(event.by)
        elif isinstance(event, LotExchange):
            self._exchange(event, into)
        elif isinstance(event, LotTransfer):
            self._transfer(event)
        elif event.units < 0.0:
            self._sell(event)
        elif event.units > 0.0:
            self._buy(event)

    def _split(self, by: float) -> None:
        self.lots = [lot.split(by) for lot in self.lots]
        self.held = {account: units * by for account, units in self.held.items()}
        self.losses = [replace(loss, units=loss.units * by, a_unit=loss.a_unit / by) for loss in self.losses]
        self.uncovered = [sold._replace(units=sold.units * by) for sold in self.uncovered]

    def _exchange(self, event: LotExchange, into: "_Fold | None") -> None:
        """Let the units become others; for cash alone they are sold.

        Cost and days of purchase go with them. Of cash besides, a gain is realised, at most all of it, and no loss
        (26 USC 354, 355, 356, 358, 1223(1)).
        """
        if into is None:
            for account, units in self.held.items():
                if units > 0.0:
                    self._sell(LotTrade(event.day, ("", ""), self.asset, account, -units, -units * event.cash))
            return
        moved = [self._become(lot, event) for lot in self.lots]
        unknown = {a for a in self.held if self._is_unknown(a) or into._is_unknown(a)}
        into.lots = into._by_account(lot for lot in [*into.lots, *moved] if lot.account not in unknown)
        for account, units in self.held.items():
            into.held[account] = into.held.get(account, 0.0) + units * event.by
        if event.share < 1.0:
            rest = 1.0 - event.share
            self.lots = [replace(lot, price=lot.price * rest, borne=lot.borne * rest) for lot in self.lots]
            return
        if not event.cash:  # what was sold at a loss before is bought again as the other
            into.losses += [replace(each, units=each.units * event.by, a_unit=each.a_unit / event.by)
                             for each in self.losses]  # fmt: skip
        self.lots, self.losses, self.held = [], [], dict.fromkeys(self.held, 0.0)

    def _is_unknown(self, account: str) -> bool:
        """True if a taxable account has units whose lots are not known, as those of units that join them are then."""
        own, _ = self._of(account)
        return account not in self.sheltered and self.held.get(account, 0.0) > LEFT_OVER and not own

    def _become(self, lot: TaxLot, event: LotExchange) -> TaxLot:
        """The lot of other units that a lot becomes; a gain on the cash that is paid besides is a sale."""
        cost, gain = lot.price * event.share, 0.0
        if event.cash and lot.account not in self.sheltered:
            gain = min(max(event.by * event.price + event.cash - cost, 0.0), event.cash)
            paid_for = replace(lot, price=event.cash - gain, borne=0.0)
            is_long = self.rules.is_long(lot.held_from, pd.Timestamp(event.day))
            sale = LotSale(paid_for, lot.units, event.cash, is_long)
            self.sales += [DatedSale(event.day, self.asset, sale)] if gain else []
        price = (cost - event.cash + gain) / event.by
        return replace(lot, units=lot.units * event.by, price=max(price, 0.0), borne=lot.borne * event.share / event.by)

    def _transfer(self, event: LotTransfer) -> None:
        """Take in units with their cost, or let units go with theirs: nothing is realised."""
        held, is_unknown = self.held.get(event.account, 0.0), self._is_unknown(event.account)
        self.held[event.account] = held + event.units
        own, others = self._of(event.account)
        if event.units > 0.0:
            if is_unknown:
                return
            came = TaxLot(pd.Timestamp(event.acquired), event.units, event.price, event.account)
            self.lots = self._by_account([*self.lots, came])
            return
        if event.account in self.sheltered:
            left = newest(own, held + event.units)
        else:
            units = min(-event.units, sum(lot.units for lot in own))
            stated = (NamedLot(event.acquired, event.price, units),)
            _, left = sell(own, units, event.price, pd.Timestamp(event.day), self.rules, stated)
        self.lots = self._by_account([*others, *left])

    def _sell(self, trade: LotTrade) -> None:
        own, others = self._of(trade.account)
        held = self.held.get(trade.account, 0.0)
        self.held[trade.account] = held + trade.units
        if trade.account in self.sheltered:
            self.lots = self._by_account([*others, *newest(own, held + trade.units)])
            return
        day, days = pd.Timestamp(trade.day), self.rules.wash_sale_days
        price, known = trade.worth / trade.units, sum(lot.units for lot in own)
        sold, left = sell(own, min(-trade.units, known), price, day, self.rules, trade.lots)
        if (more := -trade.units - max(known, held)) > LEFT_OVER * -trade.units:  # of a purchase that comes later
            self.uncovered.append(trade._replace(units=-more, worth=-more * price))
        taxable = self._by_account([*(lot for lot in others if lot.account not in self.sheltered), *left])
        apart = [lot for lot in others if lot.account in self.sheltered]
        washed, kept, sheltered = wash(sold, taxable, day, days, apart)
        for sale in sorted(washed, key=lambda each: each.lot.date):
            self.sales.append(DatedSale(trade.day, self.asset, sale))
            if days and sale.is_loss:
                a_unit = -sale.gain / sale.units
                self.losses.append(_Loss(len(self.sales) - 1, trade.day, sale.units - sale.disallowed / a_unit, a_unit))
        self.lots = self._by_account([*kept, *sheltered])

    def _buy(self, trade: LotTrade) -> None:
        own, _ = self._of(trade.account)
        held, is_taxable = self.held.get(trade.account, 0.0), trade.account not in self.sheltered
        self.held[trade.account] = held + trade.units
        if is_taxable and held > 0.0 and not own:
            return
        day, days = pd.Timestamp(trade.day), self.rules.wash_sale_days
        self.losses = [each for each in self.losses if each.units > 0.0 and (trade.day - each.day).days <= days]
        lot, left = TaxLot(day, trade.units, trade.worth / trade.units, trade.account), trade.units
        left = self._cover(lot, left)
        for loss in self.losses:
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
        waiting, self.uncovered = self.uncovered, []
        for sold in waiting:
            covered = min(-sold.units, units) if sold.account == lot.account else 0.0
            if covered > 0.0:
                sale = LotSale(replace(lot, units=covered), covered, sold.worth / sold.units, long=False)
                self.sales.append(DatedSale(sold.day, self.asset, sale))
            if -sold.units - covered > LEFT_OVER:
                rest = (sold.units + covered) / sold.units
                self.uncovered.append(sold._replace(units=sold.units * rest, worth=sold.worth * rest))
            units -= covered
        return units

    def _by_account(self, lots: Iterable[TaxLot]) -> list[TaxLot]:
        """The lots in the order of the accounts, those of one account as they are."""
        if len(self._accounts) == 1:
            return list(lots)
        return sorted(lots, key=lambda lot: self._accounts.index(lot.account))

    def _of(self, account: str) -> tuple[list[TaxLot], Sequence[TaxLot]]:
        """The lots of an account, and those of the others."""
        own = [lot for lot in self.lots if lot.account == account]
        return own, [lot for lot in self.lots if lot.account != account]
