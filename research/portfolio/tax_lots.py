"""Tax of a portfolio file: the rate that backtests charge, and the lots and rules by which a trade list is taxed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import fsum
from typing import Any, Literal

import pandas as pd

from research.accounting import Tax
from research.arguments import did_you_mean
from research.arrays import Array
from research.errors import ConfigError
from research.market import Market
from research.portfolio.document import Document
from research.portfolio.strict_yaml import KeyPath

Method = Literal["average", "highest", "first", "tax_minimal"]

METHODS = ("average", "highest", "first", "tax_minimal")
BACKTESTED = ("rate", "lots")  # what backtests take of `tax`
KEYS = (*BACKTESTED, "short_rate", "long_after", "gain_budget", "realised", "wash_sale_days", "sold_at_loss",
        "substitutes", "harvest")  # fmt: skip
LOT_KEYS = ("date", "units", "price")
SUM = 1e-9  # of the shares: a file gives nine digits


@dataclass(frozen=True)
class TaxLot:
    """Units of a line that were bought together.

    date  : of the purchase.
    units : that are left of it.
    price : paid, currency per unit.
    """

    date: pd.Timestamp
    units: float
    price: float


@dataclass(frozen=True)
class TaxRules:
    """How the sales of a trade list are taxed, and what limits them.

    rate           : fraction of a long-term gain.
    short_rate     : fraction of a short-term gain.
    lots           : which lots are sold first (`research.trading.tax_lots.in_order`).
    long_after     : days; a lot that was held for longer is long-term.
    gain_budget    : most net gains that may be realised in a year, currency, or None.
    realised       : net gains of this year so far, currency.
    wash_sale_days : before and after a sale at a loss, within which a purchase disallows the loss; 0 for none.
    substitutes    : line -> what may be bought in its place after a sale at a loss.
    harvest        : least loss of a line that is worth realising, currency, or None.
    """

    rate: float
    short_rate: float
    lots: Method = "average"
    long_after: int = 365
    gain_budget: float | None = None
    realised: float = 0.0
    wash_sale_days: int = 0
    substitutes: Mapping[str, str] = field(default_factory=dict)
    harvest: float | None = None


@dataclass(frozen=True)
class TaxLots:
    """The lots of a portfolio, and the rules by which they are sold.

    rules        : of tax.
    lots         : (n,) those of each line; () where the file has none.
    sold_at_loss : line -> day of its last sale at a loss, in any account.
    """

    rules: TaxRules
    lots: tuple[tuple[TaxLot, ...], ...]
    sold_at_loss: Mapping[str, pd.Timestamp] = field(default_factory=dict)


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


def read_tax_lots(document: Document, market: Market, shares: Array) -> TaxLots | None:
    """The lots of the lines, and the rules of `tax` for trade lists; None where the file has neither.

    document : the portfolio file.
    market   : of the n lines.
    shares   : (n,) units held, NaN for a line given in currency.
    Raises   : ConfigError for a key or value that is wrong; all mistakes of the lots are told at once.
    """
    with_lots = [asset for asset in market.assets if document.has("lines", asset, "tax_lots")]
    if not with_lots and not (document.has("tax") and set(document.mapping("tax")) - set(BACKTESTED)):
        return None
    if not document.has("tax"):
        where = ("lines", with_lots[0], "tax_lots")
        fix = "Add `tax: {rate: ...}`, a fraction of the gain; with a rate of 0, gains are listed without tax."
        document.refuse(where, "lots without a tax rate", document.value(*where), fix)
    lots, faults = [], []
    for asset, held in zip(market.assets, shares.tolist(), strict=True):
        found, wrong = _lots_of_line(document, asset, held, market) if asset in with_lots else ((), [])
        lots.append(found)
        faults += wrong
    if faults:
        raise ConfigError("\n".join(faults))
    return TaxLots(_rules(document, market.assets), tuple(lots), _sold_at_loss(document, market))


def tax_settings(document: Document) -> dict[str, Any]:
    """What stands under `tax`, as plain JSON types."""
    found: dict[str, Any] = _plain(document.value("tax"))
    return found


def lot_settings(document: Document, asset: str) -> dict[str, Any]:
    """The key `tax_lots` of a line as plain JSON types; empty where it has none."""
    path = ("lines", asset, "tax_lots")
    return {"tax_lots": _plain(document.value(*path))} if document.has(*path) else {}


# -- the lots of a line ----------------------------------------------------------------------------------------------


def _lots_of_line(document: Document, asset: str, held: float, market: Market) -> tuple[tuple[TaxLot, ...], list[str]]:
    """The lots of one line, and every mistake in them."""
    path: KeyPath = ("lines", asset, "tax_lots")
    found, lots, faults = document.value(*path), [], []
    try:
        if not isinstance(found, list) or not found:
            fix = "Write one {date: 2020-03-02, units: 100, price: 51.20} for each purchase."
            document.refuse(path, "not a list of lots", found, fix)
        if held != held:
            document.refuse(path, f"{asset} states holdings and no shares", found, "Give its units, as `shares:`.")
    except ConfigError as error:
        return (), [str(error)]
    for number, lot in enumerate(found, 1):
        fields, wrong = _lot(document, (*path, str(number)), lot, market.dates[-1])
        faults += wrong
        lots += [] if wrong else [TaxLot(**fields)]
    total = fsum(lot.units for lot in lots)
    if not faults and abs(total - held) > SUM * max(held, 1.0):
        what = f"the lots of {asset} sum to {total:.10g} units, and its shares are {held:.10g}"
        fix = f"{'Add' if total < held else 'Remove'} {abs(held - total):.10g} units, or correct the shares."
        faults.append(_said(document, path, what, total, fix))
    return tuple(lots), faults


def _lot(document: Document, path: KeyPath, found: Any, last: pd.Timestamp) -> tuple[dict[str, Any], list[str]]:
    """The fields of one lot, and every mistake in them."""
    fields: dict[str, Any] = {}
    if not isinstance(found, dict) or set(found) != set(LOT_KEYS):
        fix = "Write {date: 2020-03-02, units: 100, price: 51.20}."
        return fields, [_said(document, path, "not the date, units and price of a lot", found, fix)]
    faults = []
    try:
        fields["date"] = document.as_day((*path, "date"), found["date"])
        if fields["date"] > last:
            fix = f"Give the day of the purchase, not after {last:%Y-%m-%d}."
            document.refuse((*path, "date"), "lies after the last close of the market", found["date"], fix)
    except ConfigError as error:
        faults.append(str(error))
    for key, least in (("units", "above 0"), ("price", "at least 0")):
        value = found[key]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or value < 0.0 or (key == "units" and value == 0.0):
            faults.append(_said(document, (*path, key), f"not a number {least}", value, "Write a plain number."))
        else:
            fields[key] = float(value)
    return fields, faults


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
        long_after=document.whole("tax", "long_after", at_least=0, default=TaxRules.long_after),
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
    if not document.has("tax", "substitutes"):
        return {}
    found = {}
    for asset in document.mapping("tax", "substitutes"):
        path = ("tax", "substitutes", asset)
        _check_line(document, path, asset, assets)
        found[asset] = document.text(*path)
        if found[asset] == asset:
            document.refuse(path, "an asset in place of itself", asset, "Name another asset.")
    return found


def _sold_at_loss(document: Document, market: Market) -> dict[str, pd.Timestamp]:
    if not document.has("tax", "sold_at_loss"):
        return {}
    found = {}
    for asset in document.mapping("tax", "sold_at_loss"):
        path = ("tax", "sold_at_loss", asset)
        _check_line(document, path, asset, market.assets)
        found[asset] = document.day(*path)
        if found[asset] > market.dates[-1]:
            fix = f"Give the day of the sale, not after {market.dates[-1]:%Y-%m-%d}."
            document.refuse(path, "lies after the last close of the market", f"{found[asset]:%Y-%m-%d}", fix)
    return found


def _check_line(document: Document, path: KeyPath, asset: str, assets: Sequence[str]) -> None:
    if asset not in assets:
        document.refuse(path, "no line of the portfolio", asset, did_you_mean(asset, assets))


# -- words -----------------------------------------------------------------------------------------------------------


def _said(document: Document, path: KeyPath, what: str, found: object, fix: str) -> str:
    """The message of a refusal, for a list of them."""
    try:
        document.refuse(path, what, found, fix)
    except ConfigError as error:
        return str(error)


def _plain(value: Any) -> Any:
    """A value of a document with its dates as text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else value
