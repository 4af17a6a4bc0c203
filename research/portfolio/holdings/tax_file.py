"""Tax of a portfolio file: the rate that backtests charge, and the lots and rules by which a trade list is taxed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from foundation.arguments import did_you_mean
from foundation.arrays import Array
from research.accounting import Tax
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.holdings.household import Account, decimal_sum
from research.portfolio.holdings.prices import Prices, trade_day
from research.portfolio.holdings.tax_lots import YEAR, TaxLot, TaxLots, TaxRules

METHODS = ("average", "highest", "first", "tax_minimal")
BACKTESTED = ("rate", "lots")  # what backtests take of `tax`
KEYS = (*BACKTESTED, "short_rate", "long_after", "gain_budget", "realised", "wash_sale_days", "sold_at_loss",
        "substitutes", "harvest")  # fmt: skip
LOT_KEYS = ("date", "units", "price")
LATE = "lies after the session that follows the last prices"
SUM = 1e-9  # of the shares: a file gives nine digits


def read_tax(document: Document) -> Tax | None:
    """The tax that backtests charge, {rate: 0.25, lots: highest}, or None.

    Backtests know one rate, at which the least tax is that of the highest cost first.
    Raises : ConfigError for a key or value that is wrong.
    """
    if not document.has("tax"):
        return None
    document.check_keys(("tax",), KEYS)
    lots = document.text("tax", "lots", default="average")
    if lots not in METHODS:
        document.refuse(("tax", "lots"), "unknown order of sale", lots, "Use average, highest, first or tax_minimal.")
    return Tax(_rate(document, "rate"), "highest" if lots == "tax_minimal" else lots)  # type: ignore[arg-type]


def read_tax_lots(
    document: Document, market: Market, prices: Prices | None, shares: Array, accounts: Sequence[Account]
) -> TaxLots | None:
    """The lots of the lines, and the rules of `tax` for trade lists; None where the file has neither.

    document : the portfolio file.
    market   : market of the n lines.
    prices   : prices at which orders are sized, or None for the last closes.
    shares   : (n,) units held, NaN for a line given in currency.
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
    last = trade_day(market, prices)
    lots, faults = [], Faults()
    for i, (asset, held) in enumerate(zip(market.assets, shares.tolist(), strict=True)):
        holders = tuple(_Holder(a.name, a.taxable, float(a.units[i])) for a in accounts) or (_Holder("", True, held),)
        lots.append(_Lots(document, asset, holders, last).read(faults) if asset in with_lots else ())
    faults.end()
    sheltered = {account.name for account in accounts if not account.taxable}
    return TaxLots(
        rules=_rules(document, market.assets),
        lots=tuple(tuple(lot for lot in of_line if lot.account not in sheltered) for of_line in lots),
        sold_at_loss=_sold_at_loss(document, market.assets, last),
        sheltered=tuple(tuple(lot for lot in of_line if lot.account in sheltered) for of_line in lots),
    )


def tax_settings(document: Document) -> dict[str, Any]:
    """The settings under `tax`, as plain JSON types."""
    found: dict[str, Any] = _plain(document.value("tax"))
    return found


def lot_settings(document: Document, asset: str) -> dict[str, Any]:
    """The key `tax_lots` of a line as plain JSON types; empty where it has none."""
    path = ("lines", asset, "tax_lots")
    return {"tax_lots": _plain(document.value(*path))} if document.has(*path) else {}


# -- the lots of a line ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Holder:
    """The holder of a line: an account, or "" for the whole portfolio, and its units, NaN where they are not known."""

    account: str
    taxable: bool
    held: float


@dataclass(frozen=True)
class _Lots:
    """The key `tax_lots` of one line.

    holders : holders of the line, all accounts of the portfolio.
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
        found, known = self.document.value(*self._path), len(faults.found)
        with faults:
            if not isinstance(found, list) or not found:
                fix = "Write one {date: 2020-03-02, units: 100, price: 51.20} for each purchase."
                self.document.refuse(self._path, "not a list of lots", found, fix)
            if any(holder.held != holder.held for holder in self.holders):
                what = f"{self.asset} states holdings and no shares"
                self.document.refuse(self._path, what, found, "Give its units, as `shares:`.")
        if len(faults.found) > known:
            return ()
        lots = [self._lot((*self._path, str(number)), lot, faults) for number, lot in enumerate(found, 1)]
        if len(faults.found) == known:
            for holder in self.holders:
                with faults:
                    self._check_sum(holder, [lot.units for lot in lots if lot and lot.account == holder.account])
        return tuple(lot for lot in lots if lot)

    def _lot(self, path: KeyPath, found: Any, faults: Faults) -> TaxLot | None:
        """One lot, or None where it has a mistake."""
        document, fields, known = self.document, dict[str, Any](), len(faults.found)
        with faults:
            if not isinstance(found, dict) or set(found) - {"account"} != set(LOT_KEYS):
                fix = "Write {date: 2020-03-02, units: 100, price: 51.20}."
                document.refuse(path, "not the date, units and price of a lot", found, fix)
        if len(faults.found) > known:
            return None
        with faults:
            fields["date"] = document.as_day((*path, "date"), found["date"])
            if fields["date"] > self.last:
                fix = f"Give the day of the purchase, not after {self.last:%Y-%m-%d}."
                document.refuse((*path, "date"), LATE, found["date"], fix)
        for key, least in (("units", "above 0"), ("price", "at least 0")):
            value = found[key]
            number = isinstance(value, int | float) and not isinstance(value, bool)
            with faults:
                if not number or value < 0.0 or (key == "units" and value == 0.0):
                    document.refuse((*path, key), f"not a number {least}", value, "Write a plain number.")
                fields[key] = float(value)
        with faults:
            fields["account"] = self._account(path, found)
        return TaxLot(**fields) if len(faults.found) == known else None

    def _account(self, path: KeyPath, found: Mapping[str, Any]) -> str:
        """The account that holds a lot: the one that it names, or else the only taxable one that holds the line."""
        names = [holder.account for holder in self.holders]
        if "account" in found:
            if names == [""]:
                fix = "Leave it out, or state `accounts:`."
                self.document.refuse((*path, "account"), "the portfolio has no accounts", found["account"], fix)
            if found["account"] not in names:
                fix = did_you_mean(str(found["account"]), names)
                self.document.refuse((*path, "account"), "no account of the portfolio", found["account"], fix)
            return str(found["account"])
        held = [holder for holder in self.holders if holder.taxable and holder.held != 0.0]
        if len(held) != 1:
            words = " and ".join(f"{holder.account} {holder.held:.10g}" for holder in held) or "none"
            what = f"of the taxable accounts {words} hold {self.asset}, and the lot does not say which of them holds it"
            fix = f"Add `account: {held[0].account if held else names[0]}`, or that of another account."
            self.document.refuse(path, what, found, fix)
        return held[0].account

    def _check_sum(self, holder: _Holder, units: Sequence[float]) -> None:
        """Raise ConfigError where the lots of a taxable account are not its holding, or of a sheltered one more."""
        total, held = decimal_sum(units), holder.held
        if abs(total - held) <= SUM * max(held, 1.0) or (total < held and not holder.taxable):
            return
        of = f" in {holder.account}" if holder.account else ""
        what = f"the lots of {self.asset}{of} sum to {total:.10g} units, and its shares are {held:.10g}"
        fix = f"{'Add' if total < held else 'Remove'} {abs(held - total):.10g} units, or correct the shares."
        self.document.refuse(self._path, what, total, fix)


# -- rules -----------------------------------------------------------------------------------------------------------


def _rules(document: Document, assets: Sequence[str]) -> TaxRules:
    rate, given = _rate(document, "rate"), document.mapping("tax")

    def amount(key: str) -> float | None:
        return document.number("tax", key, at_least=0.0) if key in given else None

    budget = amount("gain_budget")
    if budget is None and "realised" in given:
        fix = "Add `gain_budget:`, or leave it out."
        document.refuse(("tax", "realised"), "gains of this year without a budget", given["realised"], fix)
    days = document.whole("tax", "wash_sale_days", at_least=1, default=1) if "wash_sale_days" in given else 0
    if not days and "sold_at_loss" in given:
        fix = "Add `wash_sale_days: 30`, or leave it out."
        document.refuse(("tax", "sold_at_loss"), "sales at a loss without a window", given["sold_at_loss"], fix)
    return TaxRules(
        rate=rate,
        short_rate=_rate(document, "short_rate") if "short_rate" in given else rate,
        lots=document.text("tax", "lots", default="average"),  # type: ignore[arg-type]
        long_after=YEAR
        if given.get("long_after", YEAR) == YEAR
        else document.whole("tax", "long_after", at_least=0, default=0),
        gain_budget=budget,
        realised=document.number("tax", "realised", default=0.0),
        wash_sale_days=days,
        substitutes=_substitutes(document, assets),
        harvest=amount("harvest"),
    )


def _rate(document: Document, key: str) -> float:
    rate = document.number("tax", key, at_least=0.0)
    if rate >= 1.0:
        document.refuse(("tax", key), "not a tax rate", rate, "Give a fraction of the gain below 1, such as 0.2.")
    return rate


def _substitutes(document: Document, assets: Sequence[str]) -> dict[str, str]:
    found = {}
    for asset, path in _by_line(document, "substitutes", assets):
        found[asset] = document.text(*path)
        if found[asset] == asset:
            document.refuse(path, "an asset in place of itself", asset, "Name another asset.")
    return found


def _sold_at_loss(document: Document, assets: Sequence[str], last: pd.Timestamp) -> dict[str, pd.Timestamp]:
    found = {}
    for asset, path in _by_line(document, "sold_at_loss", assets):
        found[asset] = document.day(*path)
        if found[asset] > last:
            fix = f"Give the day of the sale, not after {last:%Y-%m-%d}."
            document.refuse(path, LATE, f"{found[asset]:%Y-%m-%d}", fix)
    return found


def _by_line(document: Document, key: str, assets: Sequence[str]) -> Iterator[tuple[str, KeyPath]]:
    """The lines under a key of `tax`, each with the path of its value."""
    for asset in document.mapping("tax", key) if document.has("tax", key) else ():
        path = ("tax", key, asset)
        document.check_line(path, asset, assets)
        yield asset, path


# -- settings --------------------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """A value of a document with its dates as text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else value
