"""The costs of a portfolio file: costs of each class or line, costs of holding, and tax."""

import re
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from foundation.arguments import did_you_mean
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError
from research.accounting import Costs, Impact
from research.accounting.costs import BPS
from research.market import Market
from research.market.liquidity import Method, half_spread
from research.portfolio.file.document import Document
from research.portfolio.file.strict_yaml import KeyPath, dotted
from research.portfolio.holdings.tax_file import read_tax

SPREADS = ("half_spread_bps", "half_spread")  # one of them: stated, or estimated by the day
NUMBERS = ("commission_bps", "half_spread_bps", "per_unit", "minimum", "ticket", "impact", "borrow_bps")
COSTS = (*NUMBERS, "half_spread")  # of a class, or of a line
IMPACT = ("exponent", "volume_window", "volatility_window")  # of all lines that give a coefficient
HOLDING = ("financing_bps", "cash_spread_bps", "management_fee_bps")  # a year
UNITS = {  # of the costs in basis points that are not those of a side
    "borrow_bps": "a year of short positions",
    "financing_bps": "a year of negative cash",
    "cash_spread_bps": "a year of positive cash",
    "management_fee_bps": "a year of NAV",
}


def costs_at(document: Document, path: KeyPath) -> dict[str, Any]:
    """The costs that stand below a class or a line: basis points, currency, or the coefficient of impact.

    A spread that is estimated is {"estimate": its method, "window": sessions}.
    Raises : ConfigError for a half-spread that is given twice, an unknown key and an unknown estimator.
    """
    found: dict[str, Any] = {key: _cost(document, (*path, key)) for key in NUMBERS if document.has(*path, key)}
    if not document.has(*path, "half_spread"):
        return found
    here = (*path, "half_spread")
    if "half_spread_bps" in found:
        document.refuse(here, "cannot be combined with half_spread_bps", document.value(*here), "Keep one of the two.")
    document.check_keys(here, ("estimate", "window"))
    method = document.text(*here, "estimate")
    if method not in get_args(Method):
        fix = did_you_mean(method, get_args(Method))
        document.refuse((*here, "estimate"), "unknown estimator of spreads", method, fix)
    return found | {
        "half_spread": {"estimate": method, "window": document.whole(*here, "window", at_least=1, default=21)}
    }


def read_costs(document: Document, market: Market, lines: Sequence[tuple[str, str, dict[str, Any]]]) -> Costs:
    """Each line's costs: those of its class, unless it has its own.

    document : the portfolio file.
    market   : market of the lines.
    lines    : asset, class, and the costs that the file gives for the line.
    Raises   : ConfigError for costs that are missing or out of range.
    """
    classes: dict[str, dict[str, Any]] = {}
    for name in document.mapping("costs"):
        document.check_keys(("costs", name), COSTS)
        document.value("costs", name, "commission_bps")
        classes[name] = costs_at(document, ("costs", name))
        if not _whole(classes[name]):
            document.value("costs", name, "half_spread_bps")  # refuses: it is missing
    given = [_instead(own, classes.get(asset_class, {})) for _, asset_class, own in lines]
    for (asset, asset_class, _), found in zip(lines, given, strict=True):
        if not _whole(found):
            fix = f"Add `{asset_class}: {{commission_bps: ..., half_spread_bps: ...}}` to the costs."
            document.refuse(("costs",), f"no costs for the class of {asset}", asset_class, fix)

    def each(key: str) -> np.ndarray:
        return np.array([found.get(key, 0.0) for found in given])

    found = {
        "commission": each("commission_bps") * BPS,
        "half_spread": _half_spread(document, market, lines, given, each("half_spread_bps") * BPS),
        **{key: each(key) for key in ("per_unit", "minimum", "ticket")},
        "impact": _impact(document, each("impact")),
        "borrow": each("borrow_bps") * BPS,
        "tax": read_tax(document),
        **_holding(document),
    }
    try:
        return Costs(**found)
    except ConfigError as error:  # a spread by the day may be none, whatever the file says
        text = with_asset(str(error), [asset for asset, *_ in lines])
        raise ConfigError(f"costs ({document.place(('costs',))}): {text}") from error


def with_asset(said: str, assets: Sequence[str]) -> str:
    """A message of `Costs` about a line, which it knows by number only, with the name of the line's asset.

    >>> with_asset("commission of line 1 is -2 bps", ["SPY", "AGG"])
    'commission of AGG is -2 bps'
    """
    return re.sub(r"\bof line (\d+)\b", lambda found: f"of {assets[int(found[1])]}", said)


def impact_settings(costs: Costs) -> dict[str, Any]:
    """The settings under `impact`, defaults filled in."""
    return {key: getattr(costs.impact, key) for key in IMPACT}


def _whole(found: dict[str, Any]) -> bool:
    """True if a commission and a spread are given."""
    return "commission_bps" in found and any(key in found for key in SPREADS)


def _instead(own: dict[str, Any], of_class: dict[str, Any]) -> dict[str, Any]:
    """A line's own costs in place of those of its class; a spread of either kind in place of one of either."""
    replaced = SPREADS if any(key in own for key in SPREADS) else ()
    return {key: cost for key, cost in of_class.items() if key not in replaced} | own


def _half_spread(
    document: Document,
    market: Market,
    lines: Sequence[tuple[str, str, dict[str, Any]]],
    given: Sequence[dict[str, Any]],
    stated: Array,
) -> Array:
    """(n,) as stated, or (T, n) where some line's is estimated by the day."""
    estimated = {i: found["half_spread"] for i, found in enumerate(given) if "half_spread" in found}
    if not estimated:
        return stated
    by_day = np.tile(stated, (len(market.dates), 1))
    for i, how in estimated.items():
        asset, asset_class, own = lines[i]
        try:
            by_day[:, i] = half_spread(market.select([asset]), how["estimate"], how["window"])[:, 0]
        except DataError as error:
            path = ("lines", asset, "half_spread") if "half_spread" in own else ("costs", asset_class, "half_spread")
            raise ConfigError(f"{dotted(path)} ({document.place(path)}): {error}") from error
    return by_day


def _impact(document: Document, coefficient: Array) -> Impact | None:
    if not coefficient.any():
        if document.has("impact"):
            fix = "Add `impact: 1.0`, its coefficient, to the costs of a class or line, or leave this out."
            document.refuse(("impact",), "no line has a coefficient of impact", document.value("impact"), fix)
        return None
    if document.has("impact"):
        document.check_keys(("impact",), IMPACT)
    numbers: dict[str, Any] = {
        "exponent": document.number("impact", "exponent", default=Impact.exponent),
        "volume_window": document.whole("impact", "volume_window", at_least=1, default=Impact.volume_window),
        "volatility_window": document.whole(
            "impact", "volatility_window", at_least=2, default=Impact.volatility_window
        ),
    }
    try:
        return Impact(tuple(coefficient.tolist()), **numbers)
    except ConfigError as error:
        raise ConfigError(f"impact ({document.place(('impact',))}): {error}") from error


def _holding(document: Document) -> dict[str, float]:
    if not document.has("holding"):
        return {}
    document.check_keys(("holding",), HOLDING)
    return {
        key.removesuffix("_bps"): _cost(document, ("holding", key)) * BPS
        for key in HOLDING
        if document.has("holding", key)
    }


def _cost(document: Document, path: KeyPath) -> float:
    cost = document.number(*path)
    if not 0.0 <= cost < (5000.0 if path[-1].endswith("_bps") else np.inf):
        fix = f"Give basis points {UNITS.get(path[-1], 'of notional a side')}: at least 0, less than 5,000."
        if not path[-1].endswith("_bps"):
            fix = "Give a number that is at least 0."
        document.refuse(path, "not a cost", cost, fix)
    return cost
