"""The costs of a portfolio file: costs of each class or asset, costs of holding, and tax."""

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from foundation.arrays import Array
from foundation.errors import ConfigError
from research.accounting import Costs, Impact
from research.accounting.costs import BASIS_POINT
from research.market import Market
from research.market.liquidity import Method, half_spread
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Amount, BasisPoints, BasisPointsAYear, Number, Told, record
from research.portfolio.file.settings import plain, read
from research.portfolio.holdings.tax_file import read_tax

SPREADS = ("half_spread_bps", "half_spread")  # one of them: stated, or estimated by the day
FEES = ("commission_bps", "per_unit", "minimum", "ticket")  # one of them: what is not stated is not paid


@record
class SpreadKeys:
    """An estimator of half-spreads by the day, and its sessions."""

    estimate: Method
    window: Annotated[int, Field(ge=1)] = 21


@record
class CostKeys:
    """The costs of a class, or of an asset."""

    commission_bps: BasisPoints | None = None
    half_spread_bps: BasisPoints | None = None
    per_unit: Amount | None = None
    minimum: Amount | None = None
    ticket: Amount | None = None
    impact: Amount | None = None
    borrow_bps: BasisPointsAYear | None = None
    half_spread: SpreadKeys | None = None

    def __post_init__(self) -> None:
        """Refuse a half-spread that is given twice."""
        if self.half_spread is not None and self.half_spread_bps is not None:
            raise Told("cannot be combined with half_spread_bps", "Keep one of the two.", "half_spread")


COST_KEYS = tuple(f.name for f in fields(CostKeys))


@record
class ImpactKeys:
    """The law of market impact of all assets that give a coefficient, as `Impact` has it."""

    exponent: Number = Impact.exponent
    volume_window: Annotated[int, Field(ge=1)] = Impact.volume_window
    volatility_window: Annotated[int, Field(ge=2)] = Impact.volatility_window


@record
class HoldingKeys:
    """Costs of holding: of negative cash, of positive cash, and of NAV."""

    financing_bps: BasisPointsAYear = 0.0
    cash_spread_bps: BasisPointsAYear = 0.0
    management_fee_bps: BasisPointsAYear = 0.0


def read_costs(document: Document, market: Market, lines: Sequence[tuple[str, str, dict[str, Any]]]) -> Costs:
    """Each asset's costs: those of its class, unless it has its own.

    document : the portfolio file.
    market   : market of the assets.
    lines    : asset, class, and the costs that the file gives for the asset.
    Raises   : ConfigError for costs that are missing or out of range.
    """
    given = costs_of_lines(document, lines)

    def each(key: str) -> np.ndarray:
        return np.array([found.get(key, 0.0) for found in given])

    holding = plain(read(document, ("holding",), HoldingKeys))
    found = {
        "commission": each("commission_bps") * BASIS_POINT,
        "half_spread": _half_spread(document, market, lines, given, each("half_spread_bps") * BASIS_POINT),
        **{key: each(key) for key in ("per_unit", "minimum", "ticket")},
        "impact": _impact(document, each("impact")),
        "borrow": each("borrow_bps") * BASIS_POINT,
        "tax": read_tax(document),
        **{key.removesuffix("_bps"): bps * BASIS_POINT for key, bps in holding.items()},
    }
    try:
        return Costs(**found)
    except ConfigError as error:  # a spread by the day may be none, whatever the file says
        with document.placing(("costs",)):
            raise ConfigError(with_asset(str(error), [asset for asset, *_ in lines])) from error


def costs_of_lines(document: Document, lines: Sequence[tuple[str, str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """The costs of assets by key: their own in place of those of their classes.

    Raises : ConfigError for costs that are missing or out of range, all of them at once.
    """
    classes, unknown, faults = dict[str, dict[str, Any]](), set[str](), Faults()
    for name in document.mapping("costs"):
        with faults:
            classes[name] = {}
            classes[name] = plain(read(document, ("costs", name), CostKeys))
            for one_of in filter(classes[name].keys().isdisjoint, (FEES, SPREADS)):
                document.value("costs", name, one_of[0])  # refuses the one that is missing
    given = [_instead(own, classes.get(asset_class, {})) for _, asset_class, own in lines]
    for (asset, asset_class, _), found in zip(lines, given, strict=True):
        if not _whole(found) and asset_class not in (*classes, *unknown):
            unknown.add(asset_class)
            with faults:
                document.value("costs", asset_class, default=None)  # which may be wrong by itself
                fix = f"Add `{asset_class}: {{commission_bps: ..., half_spread_bps: ...}}` to the costs."
                document.refuse(("costs",), f"no costs for the class of {asset}", asset_class, fix)
    faults.end()
    return given


def with_asset(said: str, assets: Sequence[str]) -> str:
    """A message of `Costs` about an asset, which it knows by number only, with the name of the asset's asset.

    >>> with_asset("commission of asset 2 of 2 is -2 bps", ["SPY", "AGG"])
    'commission of AGG is -2 bps'
    """
    return re.sub(r"\bof asset (\d+) of \d+\b", lambda found: f"of {assets[int(found[1]) - 1]}", said)


def impact_settings(costs: Costs) -> dict[str, Any]:
    """The settings under `impact`, defaults filled in."""
    return {f.name: getattr(costs.impact, f.name) for f in fields(ImpactKeys)}


def _whole(found: dict[str, Any]) -> bool:
    """True if a fee of any kind and a spread are given."""
    return not any(map(found.keys().isdisjoint, (FEES, SPREADS)))


def _instead(own: dict[str, Any], of_class: dict[str, Any]) -> dict[str, Any]:
    """An asset's own costs in place of those of its class; a spread of either kind in place of one of either."""
    replaced = SPREADS if any(key in own for key in SPREADS) else ()
    return {key: cost for key, cost in of_class.items() if key not in replaced} | own


def _half_spread(
    document: Document,
    market: Market,
    lines: Sequence[tuple[str, str, dict[str, Any]]],
    given: Sequence[dict[str, Any]],
    stated: Array,
) -> Array:
    """(n,) as stated, or (T, n) where some asset's is estimated by the day."""
    estimated = {i: found["half_spread"] for i, found in enumerate(given) if "half_spread" in found}
    if not estimated:
        return stated
    by_day = np.tile(stated, (len(market.dates), 1))
    for i, how in estimated.items():
        asset, asset_class, own = lines[i]
        path = ("lines", asset, "half_spread") if "half_spread" in own else ("costs", asset_class, "half_spread")
        with document.placing(path):
            by_day[:, i] = half_spread(market.select([asset]), how["estimate"], how["window"])[:, 0]
    return by_day


def _impact(document: Document, coefficient: Array) -> Impact | None:
    if not coefficient.any():
        if document.has("impact"):
            fix = "Add `impact: 1.0`, its coefficient, to the costs of a class or asset, or leave this out."
            document.refuse(("impact",), "no asset has a coefficient of impact", document.value("impact"), fix)
        return None
    with document.placing(("impact",)):
        return Impact(tuple(coefficient.tolist()), **plain(read(document, ("impact",), ImpactKeys)))
