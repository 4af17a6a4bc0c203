"""Limits of the orders of one account: cells of its row that stand in place of what its model states.

A column has the name, the unit and the bounds of the key of a portfolio file; an empty cell leaves that of the model.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from desk.tickets.accounts_file import ORDER_LIMITS, RowFaults
from foundation.dataclasses import replace
from research.accounting.costs import BASIS_POINT
from research.portfolio import Portfolio
from research.portfolio.file.fault_words import faults_of
from research.portfolio.file.settings import key_adapter
from research.portfolio.keys.limits import LimitKeys
from research.portfolio.keys.orders import OrderKeys

RESERVE = "reserve_bps"
MINIMUM = "minimum_trade"  # stands under `limits` in a portfolio file, the others under `orders`


def with_limits(portfolio: Portfolio, by_column: Mapping[str, str], faults: RowFaults) -> Portfolio:
    """The portfolio of an account with the limits that its row states; what is wrong with them goes to `faults`."""
    limits = dict[str, Any]()
    for name in filter(by_column.get, ORDER_LIMITS):
        told, value = len(faults.found), faults.number(name, by_column[name])
        if len(faults.found) > told:
            continue
        number = int(value) if value.is_integer() else value
        key = key_adapter(LimitKeys if name == MINIMUM else OrderKeys, name)
        try:
            limits[name] = key.validate_python(number)
        except ValidationError as error:
            for fault in faults_of(error.errors(include_url=False), number, key):
                faults.add(name, fault.what, by_column[name], fault.fix)
    if "participation" in limits and portfolio.market.volumes is None:
        fix = "Give `volumes` to the market of the model, or leave the cell empty."
        faults.add("participation", "a share of volumes that the model lacks", by_column["participation"], fix)
    if faults.found or not limits:
        return portfolio
    minimum = limits.pop(MINIMUM, portfolio.limits.minimum_trade)
    if RESERVE in limits:
        limits["reserve"] = limits.pop(RESERVE) * BASIS_POINT
    of_orders = replace(portfolio.orders, **limits)
    return replace(portfolio, limits=replace(portfolio.limits, minimum_trade=minimum), orders=of_orders)
