"""Tax of a portfolio file: the rate that backtests charge, and the lots and rules by which a trade list is taxed."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from foundation.arguments import LARGEST_NUMBER, did_you_mean
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from research.accounting import Tax
from research.accounting.lots.ledger import LotLedger
from research.accounting.lots.lot import HALF_A_CENT, TaxLot, TaxLots, TaxRules
from research.accounting.tax import CALENDAR_YEAR, AtEnd
from research.accounting.tax import Lots as Method
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Amount, Day, Number, Text, Told, record
from research.portfolio.file.settings import read
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.book_file import whole_book
from research.portfolio.holdings.book_ledger import book_ledger, kept_ledger
from research.portfolio.holdings.household import Account, decimal_sum
from research.portfolio.holdings.prices import Prices, trade_day
from research.portfolio.holdings.rates import Rates

BACKTESTED = ("rate", "lots", "short_rate", "long_after", "loss_limit", "at_end", "harvest_above")  # of `tax`
Rate = Annotated[float, Field(ge=0.0, lt=1.0, description="A fraction of the gain, such as 0.2.")]
AFTER_PRICES = "lies after the session that follows the last prices"
SHARES_TOLERANCE = 1e-9  # of the shares: a file gives nine digits


@record
class TaxKeys:
    """The rates and rules of tax, as `TaxRules` has them."""

    rate: Rate
    lots: Method = "average"
    short_rate: Rate | None = None
    long_after: Literal["year"] | Annotated[int, Field(ge=0, description="It counts days.")] = CALENDAR_YEAR
    loss_limit: Amount | None = None
    at_end: AtEnd = "keep"
    gain_budget: Amount | None = None
    realised: Number | None = None
    wash_sale_days: Annotated[int, Field(ge=1)] | None = None
    sold_at_loss: Annotated[Mapping[str, Day], Field(min_length=1)] | None = None
    substitutes: Annotated[Mapping[str, Text], Field(min_length=1)] | None = None
    harvest: Amount | None = None
    harvest_above: Annotated[float, Field(gt=0.0, lt=1.0, description="A fraction of the cost of a lot.")] | None = None

    def __post_init__(self) -> None:
        """Refuse gains without a budget, sales at a loss without a window, and harvests that save no tax."""
        if self.gain_budget is None and self.realised is not None:
            raise Told("gains of this year without a budget", "Add `gain_budget:`, or leave it out.", "realised")
        if self.wash_sale_days is None and self.sold_at_loss is not None:
            raise Told("sales at a loss without a window", "Add `wash_sale_days: 30`, or leave it out.", "sold_at_loss")
        if self.harvest_above is not None and not (self.rate > 0.0 or (self.short_rate or 0.0) > 0.0):
            raise Told("harvests of losses that save no tax", "State a rate above 0, or leave it out.", "harvest_above")


@record
class LotKeys:
    """Units of an asset that were bought together; `account` where several hold the asset."""

    date: Day
    units: Annotated[float, Field(gt=0.0, le=LARGEST_NUMBER)]
    price: Amount
    account: Text | None = None


def read_tax(document: Document) -> Tax | None:
    """The tax that backtests charge, {rate: 0.25, lots: highest}, or None.

    Raises : ConfigError for a key or value that is wrong.
    """
    if not document.has("tax"):
        return None
    keys = read(document, ("tax",), TaxKeys)
    found = Tax(**{name: getattr(keys, name) for name in BACKTESTED})
    if keys.harvest_above is None:
        return found
    return replace(found, harvest=keys.harvest or 0.0, wash_sale_days=keys.wash_sale_days or 0)


def read_tax_lots(
    document: Document, market: Market, prices: Prices | None, shares: Array, accounts: Sequence[Account]
) -> TaxLots | None:
    """The lots of the assets, and the rules of `tax` for trade lists; None where the file has neither.

    document : the portfolio file.
    market   : market of the n assets.
    prices   : prices at which orders are sized, or None for the last closes.
    shares   : (n,) units held, NaN for an asset given in currency.
    accounts : accounts that hold them, or ().
    Raises   : ConfigError for a key or value that is wrong, and for lots that do not say which of several taxable
               accounts holds them; all mistakes of the lots are told at once.
    """
    with_lots = [asset for asset in market.assets if document.has("lines", asset, "tax_lots")]
    if not with_lots and not (document.has("tax") and set(document.mapping("tax")) - set(BACKTESTED)):
        return None
    if not document.has("tax"):
        where = ("lines", with_lots[0], "tax_lots")
        fix = "Add `tax: {rate: ...}`, a fraction of the gain; with a rate of 0, gains are listed without tax."
        document.refuse(where, "lots without a tax rate", document.value(*where), fix)
    keys, last = tax_keys(document, market.assets), trade_day(market, prices)
    lots, faults = [], Faults()
    _check_sales(document, keys, last, faults)
    for i, (asset, held) in enumerate(zip(market.assets, shares.tolist(), strict=True)):
        holders = tuple(_Holder(a.name, a.taxable, float(a.units[i])) for a in accounts) or (_Holder("", True, held),)
        lots.append(_Lots(document, asset, holders, last).read(faults) if asset in with_lots else ())
    faults.end()
    sheltered = {account.name for account in accounts if not account.taxable}
    return TaxLots(
        rules=_rules(keys),
        lots=tuple(tuple(lot for lot in of_line if lot.account not in sheltered) for of_line in lots),
        sold_at_loss=dict(keys.sold_at_loss or {}),
        sheltered=tuple(tuple(lot for lot in of_line if lot.account in sheltered) for of_line in lots),
    )


def lots_of_book(
    document: Document, market: Market, prices: Prices | None, book: Book, accounts: Sequence[Account], rates: Rates
) -> TaxLots | None:
    """The lots of a book, under the rules of `tax`; None where it has none, or the file states no tax.

    Those that the lines of the file state were taken when the book was opened.
    rates  : exchange rates, by whose history a purchase or sale in another currency counts at the rate of its day.
    Raises : ConfigError for a key or value of `tax` that is wrong.
    """
    if book.opening.lots is None or not document.has("tax"):
        return None
    rules, day = _rules(read(document, ("tax",), TaxKeys)), trade_day(market, prices)
    sheltered = {account.name for account in accounts if not account.taxable}
    on_day, then = partial(rate_of_day, rates, market), None
    if book.kept_gains is not None:
        book = whole_book(book)
        then = book_ledger(replace(book, fills=book.fills[: book.kept_fills]), rules, sheltered, on_day)
    ledger = kept_ledger(book, rules, sheltered, on_day, partial(rates_until, rates, market))
    return tax_lots_of(book, ledger, rules, market.assets, sheltered, f"{day:%Y}", then)


def rates_until(rates: Rates, market: Market, day: date) -> str:
    """A hash of the exchange rates up to a day."""
    rows = int(np.searchsorted(market.days, np.datetime64(day), side="right"))
    known = hashlib.sha256()
    for pair, (_, history) in sorted(rates.history.items()):
        known.update(" ".join(pair).encode() + history[:rows].tobytes())
    return known.hexdigest()


def rate_of_day(rates: Rates, market: Market, currency: str, day: date) -> float | None:
    """The value of one unit of a currency at the close of a day; None where its history does not say it."""
    _, history = rates.history.get((currency, rates.basis), ("", None))
    if history is None or np.datetime64(day) > market.days[-1]:
        return None
    known = history[: int(np.searchsorted(market.days, np.datetime64(day), side="right"))]
    known = known[~np.isnan(known)]
    return float(known[-1]) if known.size else None


def tax_lots_of(
    book: Book,
    ledger: LotLedger,
    rules: TaxRules,
    assets: Sequence[str],
    sheltered: Collection[str],
    year: str,
    then: LotLedger | None = None,
) -> TaxLots:
    """The lots of a book by asset, under the rules of tax, with the gains of a year.

    ledger : of the book.
    assets : (n,) assets.
    then   : of a book of version 2, its ledger when it was converted; else None.
    """
    assert book.opening.lots is not None

    def of(asset: str, is_sheltered: bool) -> tuple[TaxLot, ...]:
        return tuple(lot for lot in ledger.lots.get(asset, ()) if (lot.account in sheltered) == is_sheltered)

    before = gains_at_opening(book, then)
    lost = {**book.opening.lots.sold_at_loss, **(ledger.sold_at_loss if rules.wash_sale_days else {})}
    return TaxLots(
        rules=replace(rules, realised=before.get(year, 0.0) + ledger.realised.get(year, 0.0)),
        lots=tuple(of(asset, False) for asset in assets),
        sold_at_loss={asset: pd.Timestamp(sold) for asset, sold in lost.items()},
        sheltered=tuple(of(asset, True) for asset in assets),
        gains_before=before,
        gains_since=ledger.realised,
    )


def gains_at_opening(book: Book, then: LotLedger | None) -> dict[str, float]:
    """By year, net gains realised before a book was opened.

    Those of a book of version 2 are all that it kept less its sales up to its conversion, in the year of its opening.
    then : its ledger at its conversion, or None.
    """
    if book.kept_gains is None or then is None:
        return dict(book.opening.lots.realised) if book.opening.lots else {}
    before = sum(book.kept_gains.values()) - sum(then.realised.values())
    return {f"{book.opened:%Y}": before} if abs(before) >= HALF_A_CENT else {}


# -- the lots of an asset ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Holder:
    """The holder of an asset: an account, or "" for the whole portfolio, and its units, NaN if not known."""

    account: str
    taxable: bool
    held: float


@dataclass(frozen=True)
class _Lots:
    """The key `tax_lots` of one asset.

    holders : holders of the asset, all accounts of the portfolio.
    last    : last day on which its lots can have been bought.
    """

    document: Document
    asset: str
    holders: tuple[_Holder, ...]
    last: pd.Timestamp

    @property
    def _path(self) -> KeyPath:
        return ("lines", self.asset, "tax_lots")

    def read(self, faults: Faults) -> tuple[TaxLot, ...]:
        """The lots; every mistake in them is one of `faults`."""
        document, found, known = self.document, list[TaxLot](), len(faults.found)
        with faults:
            if any(holder.held != holder.held for holder in self.holders):
                what = f"{self.asset} states holdings and no shares"
                document.refuse(self._path, what, document.value(*self._path), "Give its units, as `shares:`.")
        for k in range(len(document.value(*self._path)) if len(faults.found) == known else 0):
            with faults:
                path = (*self._path, str(k))
                keys = read(document, path, LotKeys)
                if keys.date > self.last:
                    fix = f"Give the day of the purchase, not after {self.last:%Y-%m-%d}."
                    document.refuse((*path, "date"), AFTER_PRICES, f"{keys.date:%Y-%m-%d}", fix)
                found.append(TaxLot(keys.date, keys.units, keys.price, self._account(path, keys.account)))
        if len(faults.found) == known:
            for holder in self.holders:
                with faults:
                    own = [lot for lot in found if lot.account == holder.account]
                    by = self._checked_sum(holder, [lot.units for lot in own])
                    found = [replace(lot, units=lot.units * by) if lot in own else lot for lot in found]
        return tuple(found)

    def _account(self, path: KeyPath, account: str | None) -> str:
        """The account that holds a lot: the one that it names, or else the only taxable one that holds the asset."""
        names = [holder.account for holder in self.holders]
        if account is not None:
            if names == [""]:
                fix = "Leave it out, or state `accounts:`."
                self.document.refuse((*path, "account"), "the portfolio has no accounts", account, fix)
            if account not in names:
                fix = did_you_mean(account, names)
                self.document.refuse((*path, "account"), "no account of the portfolio", account, fix)
            return account
        held = [holder for holder in self.holders if holder.taxable and holder.held != 0.0]
        if len(held) != 1:
            words = " and ".join(f"{holder.account} {holder.held:.10g}" for holder in held) or "none"
            what = f"of the taxable accounts {words} hold {self.asset}, and the lot does not say which of them holds it"
            fix = f"Add `account: {held[0].account if held else names[0]}`, or that of another account."
            self.document.refuse(path, what, self.document.value(*path), fix)
        return held[0].account

    def _checked_sum(self, holder: _Holder, units: Sequence[float]) -> float:
        """The factor that brings lots to the holding, which they miss by less than their last digit; else 1.

        Raises : ConfigError where the lots of a taxable account are not its holding, or of a sheltered one more.
        """
        total, held = decimal_sum(units), holder.held
        factor = 1.0 if total < held and not holder.taxable else lots_factor(units, held)
        if factor is not None:
            return factor
        of = f" in {holder.account}" if holder.account else ""
        what = f"the lots of {self.asset}{of} sum to {total:.10g} units, and its shares are {held:.10g}"
        fix = f"{'Add' if total < held else 'Remove'} {abs(held - total):.10g} units, or correct the shares."
        self.document.refuse(self._path, what, total, fix)


def lots_factor(units: Sequence[float], held: float) -> float | None:
    """The factor that brings lots to a holding, which they miss by less than their last digit; None if they miss more.

    >>> lots_factor([60.06, 40.0], 100.06), lots_factor([60.0, 40.0], 101.0)
    (1.0, None)
    """
    total = decimal_sum(units)
    if abs(total - held) <= SHARES_TOLERANCE * max(held, 1.0):
        return 1.0
    is_rounding = abs(decimal_sum([total, -held])) < min((last_digit(each) for each in units), default=0.0) < 1.0
    return held / total if is_rounding else None


def last_digit(number: float) -> float:
    """One in the last digit that a number is written to: 0.01 for 60.06, and 1 for a whole one."""
    return float(10.0 ** min(int(Decimal(repr(number)).normalize().as_tuple().exponent), 0))


def scaled_lots(document: Document, tax: TaxLots | None, assets: Sequence[str]) -> Iterator[str]:
    """A sentence on the lots of each asset that were scaled to its units, as `_Lots` does."""
    for i, asset in enumerate(assets if tax is not None else ()):
        path = ("lines", asset, "tax_lots")
        if tax is not None and document.has(*path):
            stated = decimal_sum(float(lot["units"]) for lot in document.value(*path))
            lots = [lot.units for of in (tax.lots, tax.sheltered) for lot in of[i]]
            if abs(stated - (held := decimal_sum(lots))) > SHARES_TOLERANCE * max(held, 1.0):
                told = ", ".join(f"{units:.7g}" for units in lots)
                yield (
                    f"The lots of {asset} sum to {stated:.10g} units, and its units are {held:.10g}: they miss by less "
                    f"than the last digit of the lots, which are scaled to {told}."
                )


# -- rules -----------------------------------------------------------------------------------------------------------


def account_rules(tax: Tax | None, lots: TaxLots | None) -> TaxRules | None:
    """The rules by which the lots of an account are taxed, without gains of this year; None where no tax is stated.

    tax  : tax that backtests of its portfolio file charge, or None.
    lots : lots and rules of the file, or None where it has no lots, and no rules that only trade lists have.
    """
    if lots is not None:
        return replace(lots.rules, realised=0.0)
    if tax is None:
        return None
    short = tax.rate if tax.short_rate is None else tax.short_rate
    return TaxRules(tax.rate, short, tax.lots, tax.long_after, harvest_above=tax.harvest_above)


def _rules(keys: TaxKeys) -> TaxRules:
    return TaxRules(
        rate=keys.rate,
        short_rate=keys.rate if keys.short_rate is None else keys.short_rate,
        lots=keys.lots,
        long_after=keys.long_after,
        gain_budget=keys.gain_budget,
        realised=keys.realised or 0.0,
        wash_sale_days=keys.wash_sale_days or 0,
        substitutes=dict(keys.substitutes or {}),
        harvest=keys.harvest,
        harvest_above=keys.harvest_above,
    )


def tax_keys(document: Document, assets: Sequence[str]) -> TaxKeys:
    """The keys of `tax`. Raises ConfigError for assets that are none, and for assets in place of themselves."""
    keys, faults = read(document, ("tax",), TaxKeys), Faults()
    for key in ("substitutes", "sold_at_loss"):
        for asset in getattr(keys, key) or ():
            with faults:
                path = ("tax", key, asset)
                document.check_line(path, asset, assets)
                if getattr(keys, key)[asset] == asset:
                    document.refuse(path, "an asset in place of itself", asset, "Name another asset.")
    faults.end()
    return keys


def _check_sales(document: Document, keys: TaxKeys, last: pd.Timestamp, faults: Faults) -> None:
    """Find the sales after the last day."""
    for asset, day in (keys.sold_at_loss or {}).items():
        with faults:
            if day > last:
                fix = f"Give the day of the sale, not after {last:%Y-%m-%d}."
                document.refuse(("tax", "sold_at_loss", asset), AFTER_PRICES, f"{day:%Y-%m-%d}", fix)
