"""The key `lines` of a portfolio file: the holding of each asset, its target and range, and how it trades."""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from foundation.arguments import LARGEST_NUMBER
from foundation.dataclasses import dataclass, replace
from foundation.tolerances import TARGET_TOLERANCE
from research.allocation import FixedWeights
from research.market import Market
from research.market.instruments import CUT_OFF_EXAMPLE, SMALLEST_LOT, is_cut_off
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Amount, Currency, HeldAmount, Pair, Target, Text, Told, checked_by, record
from research.portfolio.file.settings import plain, read
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.holdings.exposures import Exposures, Split, exposure_settings, read_exposures
from research.portfolio.holdings.held import Held
from research.portfolio.holdings.holdings import held_by_positions
from research.portfolio.holdings.household import total_units
from research.portfolio.holdings.tax_file import LotKeys
from research.portfolio.keys.costs import COST_KEYS, CostKeys

RANGE_FIX = "Write [lower, upper] as fractions of NAV with the target between them, such as [0.20, 0.30]."
OPTIONAL_KEYS = ("sector", "minimum_purchase", "cut_off", "trading", "currency")  # of an asset as settings
FRACTION = 1e-6  # of a unit: what a fractional asset trades in, where its market names nothing smaller than a unit


Range = Annotated[
    Pair,
    checked_by(lambda ends: "" if 0.0 <= ends[0] <= ends[1] <= 1.0 else "not an interval between 0 and 1", RANGE_FIX),
]


CutOff = Annotated[
    str,
    checked_by(
        lambda text: "" if is_cut_off(text) else "no time of day with its time zone", f"Write it as {CUT_OFF_EXAMPLE}."
    ),
]


@record
class LineKeys(CostKeys):
    """One line: its holding, its target and range, and how it trades; with costs in place of those of its class."""

    asset_class: Text | None = None
    sector: Text | None = None
    symbol: Text | None = None
    target: Target
    range: Range
    shares: HeldAmount | None = None
    holdings: HeldAmount | None = None
    lot: (
        Annotated[float, Field(ge=SMALLEST_LOT, le=LARGEST_NUMBER, description="The least number of units in a trade.")]
        | None
    ) = None
    fractional: bool | None = None
    minimum_purchase: Amount | None = None
    cut_off: CutOff | None = None
    calendar: Text | None = None
    trading: Literal["sell_only", "buy_only", "locked"] | None = None
    tax_lots: Annotated[list[LotKeys], Field(min_length=1)] | None = None
    exposures: Exposures | None = None
    currency: Currency | None = None
    facts: Annotated[Mapping[str, float | str], Field(min_length=1)] | None = None

    def __post_init__(self) -> None:
        """Refuse a lot of an asset that is said to trade in fractions or not."""
        super().__post_init__()
        if self.lot is not None and self.fractional is not None:
            raise Told("cannot be combined with a lot", "Keep one of the two.", "fractional")


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
    minimum_purchase: float
    cut_off: str
    trading: str
    currency: str
    exposures: Split
    costs: dict[str, Any]


def read_line(document: Document, asset: str, held: Held) -> Line:
    """One line of the file, with its holding."""
    path, market = ("lines", asset), held.market
    keys = read(document, path, LineKeys)
    of_market = market.assets.index(asset)
    price = held.price(asset)
    if held.accounts:
        units = total_units(held.accounts, list(document.mapping("lines")).index(asset))
        shares, holdings = _valued(document, ("accounts",), market, asset, units, price)
    elif held.positions is None:
        shares, holdings = _held(document, path, market, price)
    else:
        shares, holdings = held_by_positions(document, held.positions, asset, price, held.rate(asset))
    known = market.instruments.iloc[of_market]
    return Line(
        asset=asset,
        asset_class=keys.asset_class or known["asset_class"],
        sector=keys.sector or known["sector"],
        target=keys.target,
        range=keys.range,
        shares=shares,
        holdings=holdings,
        lot=_lot(keys, float(known["lot"])),
        minimum_purchase=keys.minimum_purchase or 0.0,
        cut_off=keys.cut_off or "",
        trading=keys.trading or "",
        currency=keys.currency or "",
        exposures=read_exposures(document, path),
        costs={key: cost for key, cost in plain(keys).items() if key in COST_KEYS},
    )


def read_lines(document: Document, assets: Sequence[str], held: Held) -> list[Line]:
    """The lines of the file, of which all that is wrong is told at once."""
    found, faults = [], Faults()
    for asset in assets:
        with faults:
            found.append(read_line(document, asset, held))
    faults.end()
    return found


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


def check_range(document: Document, asset: str) -> None:
    """Raise ConfigError for an asset whose range does not contain its target."""
    path = ("lines", asset, "range")
    (lower, upper), target = document.value(*path), document.value("lines", asset, "target")
    if not lower <= target <= upper:
        document.refuse(path, f"does not contain the target, {target:g}", [lower, upper], RANGE_FIX)


def strategic_of(document: Document, assets: Sequence[str]) -> FixedWeights:
    """The targets of the assets.

    With that of cash they must sum to 1, so that nothing left out by mistake becomes cash.
    """
    targets = tuple(float(document.value("lines", asset, "target")) for asset in assets)
    invested = fsum(targets)
    total = invested + document.value("target_cash", default=0.0)
    if abs(total - 1.0) > TARGET_TOLERANCE:
        rest = round(1.0 - invested, 9)
        state = f"state `target_cash: {rest + 0.0:.9g}`" if rest >= 0.0 else f"lower them by {-rest:.9g} in all"
        what = "the targets and target_cash do not add up to 1"
        document.refuse(("lines",), what, round(total, 9), f"Correct a target, or {state}.")
    return FixedWeights(targets)


def check_restrictions(document: Document, lines: list[Line], cash: float) -> None:
    """Raise ConfigError for assets whose restrictions keep them, alone or together, from their ranges."""
    if not any(line.trading for line in lines):
        return
    nav = cash + fsum(line.holdings for line in lines)
    floors, ceilings = [], []
    for line in lines:
        weight, (lower, upper) = line.holdings / nav, line.range
        bought, sold = line.trading in ("", "buy_only"), line.trading in ("", "sell_only")
        if (weight < lower and not bought) or (weight > upper and not sold):
            what = f"keeps {line.asset} at {weight:.4f} of NAV, outside its range of [{lower:g}, {upper:g}]"
            document.refuse(("lines", line.asset, "trading"), what, line.trading, "Free the asset, or widen its range.")
        floors.append(lower if sold else weight)
        ceilings.append(upper if bought else weight)
    held = ", ".join(f"{line.asset} {line.trading}" for line in lines if line.trading)
    if fsum(floors) > 1.0 + TARGET_TOLERANCE:
        what = f"with {held}, assets and ranges hold more than all of NAV at least"
        document.refuse(("lines",), what, round(fsum(floors), 6), "Free an asset, or lower the ranges of others.")
    least_cash = document.value("target_cash", default=0.0)
    if least_cash == 0.0 and fsum(ceilings) < 1.0 - TARGET_TOLERANCE:
        what = f"with {held}, assets and ranges hold less than all of NAV at most, and cash has no target"
        document.refuse(("lines",), what, round(fsum(ceilings), 6), "Free an asset, or widen the ranges of others.")


def line_settings(line: Line, in_accounts: bool) -> dict[str, Any]:
    """An asset as settings; without its units where accounts hold them."""
    held = {"holdings": line.holdings} if np.isnan(line.shares) else {"shares": line.shares}
    held = {} if in_accounts else held
    settings = {"asset_class": line.asset_class, "target": line.target, "range": list(line.range)}
    settings |= {name: word for name in OPTIONAL_KEYS if (word := getattr(line, name))}
    settings |= {"exposures": exposure_settings(line.exposures)} if line.exposures else {}
    return settings | held | {"lot": line.lot} | line.costs


def stated_key(document: Document, path: KeyPath) -> str:
    """The one of `shares` and `holdings` that an asset states. Raises ConfigError where it states both, or neither."""
    stated = [key for key in ("shares", "holdings") if document.has(*path, key)]
    if len(stated) != 1:
        what = f"states {' and '.join(stated)}" if stated else "states neither shares nor holdings"
        fix = "State exactly one: `shares:` in units, or `holdings:` in currency."
        line = document.mapping(*path)
        document.refuse(path, what, {key: line[key] for key in stated} or line, fix)
    return stated[0]


def _held(document: Document, path: KeyPath, market: Market, price: float) -> tuple[float, float]:
    """(units, value) of an asset, which states exactly one of them; units are NaN where it states its value."""
    key = stated_key(document, path)
    amount = float(document.value(*path, key))
    if key == "holdings":
        return np.nan, amount
    if np.isnan(price):
        what = f"{path[-1]} has no quote on {market.dates[-1]:%Y-%m-%d}, the last day of market {market.name!r}"
        fix = "Give its value in currency, as `holdings:`, or quotes, `market: {file: prices.csv, quotes: prices.csv}`."
        document.refuse((*path, "shares"), what, amount, fix)
    return _valued(document, (*path, "shares"), market, path[-1], amount, price)


def _valued(
    document: Document, path: KeyPath, market: Market, asset: str, units: float, price: float
) -> tuple[float, float]:
    """(units, value) of an asset; units are NaN for an asset without a quote, which no account holds."""
    if np.isnan(price):
        if units:
            what = f"{asset} has no quote on {market.dates[-1]:%Y-%m-%d}, the last day of market {market.name!r}"
            document.refuse(path, what, units, "Give a price file, `prices`, with its price.")
        return np.nan, 0.0
    if units * price > LARGEST_NUMBER:
        what = f"{asset} is worth {units * price:g} at its last quote of {price:g}"
        document.refuse(path, what, units, f"Give units that are worth at most {LARGEST_NUMBER:g}.")
    return units, units * price


def _lot(keys: LineKeys, of_market: float) -> float:
    """The least number of units in a trade: the asset's own, or as `fractional` says, or its market's."""
    if keys.lot is not None:
        return keys.lot
    if of_market < 1.0 if keys.fractional is None else keys.fractional:
        return of_market if of_market < 1.0 else FRACTION
    return max(of_market, 1.0)
