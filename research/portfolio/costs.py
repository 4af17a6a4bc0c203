"""The costs of a portfolio file: of each class or line, of holding, and tax."""

from collections.abc import Sequence

import numpy as np

from research.accounting import Costs, Impact, Tax
from research.portfolio.document import Document
from research.portfolio.strict_yaml import KeyPath

REQUIRED = ("commission_bps", "half_spread_bps")
COSTS = (*REQUIRED, "per_unit", "minimum", "ticket", "impact", "borrow_bps")  # of a class, or of a line
HOLDING = ("financing_bps", "cash_spread_bps", "management_fee_bps")  # a year
BPS = 1e-4


def costs_at(document: Document, path: KeyPath) -> dict[str, float]:
    """The costs that stand below a class or a line: basis points, currency, or the coefficient of impact."""
    return {key: _cost(document, (*path, key)) for key in COSTS if document.has(*path, key)}


def read_costs(document: Document, lines: Sequence[tuple[str, str, dict[str, float]]]) -> Costs:
    """Each line's costs: those of its class, unless it gives its own.

    lines : asset, class, and the costs that stand below the line.
    """
    classes: dict[str, dict[str, float]] = {}
    for name in document.mapping("costs"):
        document.check_keys(("costs", name), COSTS)
        for key in REQUIRED:
            document.value("costs", name, key)
        classes[name] = costs_at(document, ("costs", name))
    given = [classes.get(asset_class, {}) | own for _, asset_class, own in lines]
    for (asset, asset_class, _), found in zip(lines, given, strict=True):
        if not set(REQUIRED) <= set(found):
            mend = f"Add `{asset_class}: {{commission_bps: ..., half_spread_bps: ...}}` to the costs."
            document.refuse(("costs",), f"no costs for the class of {asset}", asset_class, mend)

    def each(key: str) -> np.ndarray:
        return np.array([found.get(key, 0.0) for found in given])

    coefficient = each("impact")
    return Costs(
        commission=each("commission_bps") * BPS,
        half_spread=each("half_spread_bps") * BPS,
        per_unit=each("per_unit"),
        minimum=each("minimum"),
        ticket=each("ticket"),
        impact=Impact(tuple(coefficient.tolist())) if coefficient.any() else None,
        borrow=each("borrow_bps") * BPS,
        tax=_tax(document),
        **_holding(document),
    )


def _holding(document: Document) -> dict[str, float]:
    if not document.has("holding"):
        return {}
    document.check_keys(("holding",), HOLDING)
    return {
        key.removesuffix("_bps"): _cost(document, ("holding", key)) * BPS
        for key in HOLDING
        if document.has("holding", key)
    }


def _tax(document: Document) -> Tax | None:
    if not document.has("tax"):
        return None
    document.check_keys(("tax",), ("rate", "lots"))
    lots = document.text("tax", "lots", default="average")
    if lots not in ("average", "highest", "first"):
        document.refuse(("tax", "lots"), "unknown order of sale", lots, "Use average, highest or first.")
    rate = document.number("tax", "rate", at_least=0.0)
    if rate >= 1.0:
        document.refuse(("tax", "rate"), "not a tax rate", rate, "Give a fraction of the gain below 1, such as 0.2.")
    return Tax(rate, lots)  # type: ignore[arg-type]


def _cost(document: Document, path: KeyPath) -> float:
    cost = document.number(*path)
    if not 0.0 <= cost < (5000.0 if path[-1].endswith("_bps") else np.inf):
        mend = "Give basis points of notional a side: at least 0, less than 5,000."
        if not path[-1].endswith("_bps"):
            mend = "Give a number that is at least 0."
        document.refuse(path, "not a cost", cost, mend)
    return cost
