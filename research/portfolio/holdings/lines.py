"""The key `lines` of a portfolio file: the holding of each line, its target and range, and how it trades."""

from dataclasses import dataclass, replace
from math import fsum
from typing import Any

import numpy as np

from foundation.arguments import LARGEST
from foundation.tolerances import TARGET
from research.allocation import FixedWeights
from research.market import Market
from research.market.instruments import SMALLEST_LOT, TRADING
from research.portfolio.file.document import Document
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.holdings.exposures import Split, exposure_settings, read_exposures
from research.portfolio.holdings.held import Held
from research.portfolio.holdings.holdings import held_by
from research.portfolio.holdings.household import total_units
from research.portfolio.keys.costs import COSTS, costs_at

LINE_KEYS = ("asset_class", "sector", "target", "range", "shares", "holdings", "lot", "fractional", "trading",
             "tax_lots", "exposures", "currency", "facts", *COSTS)  # fmt: skip
FRACTION = 1e-6  # of a unit: what a fractional line trades in, where its market names nothing smaller than a unit


@dataclass(frozen=True)
class Line:
    """One line of the file, read and checked; `costs` are those that it gives itself."""

    asset: str
    asset_class: str
    sector: str
    target: float
    range: tuple[float, float]
    shares: float
    holdings: float
    lot: float
    trading: str
    currency: str
    exposures: Split
    costs: dict[str, Any]


def read_line(document: Document, asset: str, held: Held) -> Line:
    """One line of the file, with its holding."""
    path, market = ("lines", asset), held.market
    document.check_keys(path, LINE_KEYS)
    of_market = market.assets.index(asset)
    price = held.price(asset)
    if held.accounts:
        units = total_units(held.accounts, list(document.mapping("lines")).index(asset))
        shares, holdings = _valued(document, ("accounts",), market, asset, units, price)
    elif held.positions is None:
        shares, holdings = _held(document, path, market, price)
    else:
        shares, holdings = held_by(document, held.positions, asset, price, held.rate(asset))
    target = document.number(*path, "target", at_least=0.0, at_most=1.0)
    return Line(
        asset=asset,
        asset_class=document.text(*path, "asset_class", default=market.instruments["asset_class"].iloc[of_market]),
        sector=_sector(document, path, market.instruments["sector"].iloc[of_market]),
        target=target,
        range=_range(document, (*path, "range"), target),
        shares=shares,
        holdings=holdings,
        lot=_lot(document, path, float(market.instruments["lot"].iloc[of_market])),
        trading=_trading(document, path),
        currency=document.text(*path, "currency") if document.has(*path, "currency") else "",
        exposures=read_exposures(document, path),
        costs=costs_at(document, path),
    )


def desk_market(market: Market, lines: list[Line]) -> Market:
    """The lines of the file in its order, with its classes and lots."""
    market = market.select([line.asset for line in lines])
    instruments = market.instruments.assign(
        asset_class=[line.asset_class for line in lines],
        sector=[line.sector for line in lines],
        lot=[line.lot for line in lines],
        trading=[line.trading for line in lines],
    )
    return replace(market, instruments=instruments)


def strategic_of(document: Document, lines: list[Line]) -> FixedWeights:
    """The targets of the lines.

    With that of cash they must sum to 1, so that nothing left out by mistake becomes cash.
    """
    invested = fsum(line.target for line in lines)
    total = invested + document.number("target_cash", at_least=0.0, at_most=1.0, default=0.0)
    if abs(total - 1.0) > TARGET:
        rest = round(1.0 - invested, 9)
        state = f"state `target_cash: {rest + 0.0:.9g}`" if rest >= 0.0 else f"lower them by {-rest:.9g} in all"
        what = "the targets and target_cash do not add up to 1"
        document.refuse(("lines",), what, round(total, 9), f"Correct a target, or {state}.")
    return FixedWeights(tuple(line.target for line in lines))


def check_restrictions(document: Document, lines: list[Line], cash: float) -> None:
    """Raise ConfigError for lines whose restrictions keep them, alone or together, from their ranges."""
    if not any(line.trading for line in lines):
        return
    nav = cash + fsum(line.holdings for line in lines)
    floors, ceilings = [], []
    for line in lines:
        weight, (lower, upper) = line.holdings / nav, line.range
        bought, sold = line.trading in ("", "buy_only"), line.trading in ("", "sell_only")
        if (weight < lower and not bought) or (weight > upper and not sold):
            what = f"keeps {line.asset} at {weight:.4f} of NAV, outside its range of [{lower:g}, {upper:g}]"
            document.refuse(("lines", line.asset, "trading"), what, line.trading, "Free the line, or widen its range.")
        floors.append(lower if sold else weight)
        ceilings.append(upper if bought else weight)
    held = ", ".join(f"{line.asset} {line.trading}" for line in lines if line.trading)
    if fsum(floors) > 1.0 + TARGET:
        what = f"with {held}, lines and ranges hold more than all of NAV at least"
        document.refuse(("lines",), what, round(fsum(floors), 6), "Free a line, or lower the ranges of others.")
    least_cash = document.number("target_cash", default=0.0)
    if least_cash == 0.0 and fsum(ceilings) < 1.0 - TARGET:
        what = f"with {held}, lines and ranges hold less than all of NAV at most, and cash has no target"
        document.refuse(("lines",), what, round(fsum(ceilings), 6), "Free a line, or widen the ranges of others.")


def line_settings(line: Line, in_accounts: bool) -> dict[str, Any]:
    """A line as settings; without its units where accounts hold them."""
    held = {"holdings": line.holdings} if np.isnan(line.shares) else {"shares": line.shares}
    held = {} if in_accounts else held
    settings = {"asset_class": line.asset_class, "target": line.target, "range": list(line.range)}
    settings |= {name: word for name in ("sector", "trading", "currency") if (word := getattr(line, name))}
    settings |= {"exposures": exposure_settings(line.exposures)} if line.exposures else {}
    return settings | held | {"lot": line.lot} | line.costs


def _sector(document: Document, path: KeyPath, of_market: str) -> str:
    """The sector of the line, that of its market where the file does not say; "" where neither does."""
    return document.text(*path, "sector") if document.has(*path, "sector") else of_market


def _trading(document: Document, path: KeyPath) -> str:
    """The direction in which the line may be traded, "" for both."""
    if not document.has(*path, "trading"):
        return ""
    word = document.text(*path, "trading")
    if word not in TRADING[1:]:
        document.refuse((*path, "trading"), "no such restriction", word, f"Use {', '.join(TRADING[1:])}.")
    return word


def _held(document: Document, path: KeyPath, market: Market, price: float) -> tuple[float, float]:
    """(units, value) of a line, which states exactly one of them; units are NaN where it states its value."""
    stated = [key for key in ("shares", "holdings") if document.has(*path, key)]
    if len(stated) != 1:
        what = f"states {' and '.join(stated)}" if stated else "states neither shares nor holdings"
        fix = "State exactly one: `shares:` in units, or `holdings:` in currency."
        line = document.mapping(*path)
        document.refuse(path, what, {key: line[key] for key in stated} or line, fix)
    amount = document.number(*path, stated[0], at_least=0.0)
    if stated == ["holdings"]:
        return np.nan, amount
    if np.isnan(price):
        what = f"{path[-1]} has no quote on {market.dates[-1]:%Y-%m-%d}, the last day of market {market.name!r}"
        document.refuse((*path, "shares"), what, amount, "Give its value in currency, as `holdings:`.")
    return _valued(document, (*path, "shares"), market, path[-1], amount, price)


def _valued(
    document: Document, path: KeyPath, market: Market, asset: str, units: float, price: float
) -> tuple[float, float]:
    """(units, value) of a line; units are NaN for a line without a quote, which no account holds."""
    if np.isnan(price):
        if units:
            what = f"{asset} has no quote on {market.dates[-1]:%Y-%m-%d}, the last day of market {market.name!r}"
            document.refuse(path, what, units, "Give a price file, `prices`, with its price.")
        return np.nan, 0.0
    if units * price > LARGEST:
        what = f"{asset} is worth {units * price:g} at its last quote of {price:g}"
        document.refuse(path, what, units, f"Give units that are worth at most {LARGEST:g}.")
    return units, units * price


def _range(document: Document, path: KeyPath, target: float) -> tuple[float, float]:
    found = document.value(*path)
    fix = "Write [lower, upper] as fractions of NAV with the target between them, such as [0.20, 0.30]."
    numbers = isinstance(found, list) and all(isinstance(b, int | float) and not isinstance(b, bool) for b in found)
    if not numbers or len(found) != 2:
        document.refuse(path, "not two numbers", found, fix)
    lower, upper = map(float, found)
    if not 0.0 <= lower <= upper <= 1.0:
        document.refuse(path, "not an interval between 0 and 1", found, fix)
    if not lower <= target <= upper:
        document.refuse(path, f"does not contain the target, {target:g}", found, fix)
    return lower, upper


def _lot(document: Document, path: KeyPath, of_market: float) -> float:
    """The least number of units in a trade: the line's own, or as `fractional` says, or its market's."""
    if document.has(*path, "lot"):
        if document.has(*path, "fractional"):
            found = document.value(*path, "fractional")
            document.refuse((*path, "fractional"), "cannot be combined with a lot", found, "Keep one of the two.")
        lot = document.number(*path, "lot", at_least=0.0)
        if lot == 0.0:
            document.refuse((*path, "lot"), "not above zero", lot, "Give the least number of units in a trade.")
        if lot < SMALLEST_LOT:
            document.refuse((*path, "lot"), "too small a lot", lot, f"Give at least {SMALLEST_LOT:g} of a unit.")
        return lot
    if document.flag(*path, "fractional", default=of_market < 1.0):
        return of_market if of_market < 1.0 else FRACTION
    return max(of_market, 1.0)
