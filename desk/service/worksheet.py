"""The worksheet of a portfolio: its list with units that a person changes, and what they would cost and do.

A limited process makes the list and gives what a recomputation needs as plain numbers. The server keeps these, and asks
the functions of the list itself for each change: it reads no file and runs no code of a portfolio for that.
"""

import json
import os
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from desk.service.orders import TradesAsked, listed
from desk.service.problems import FieldMistake, pointer, refused
from foundation.arrays import Array
from foundation.dataclasses import asdict, dataclass, fields, replace
from foundation.errors import ConfigError
from research.accounting import Costs
from research.accounting.cost_parameters import CostParameters
from research.allocation import FixedWeights
from research.market import Market, instruments_table
from research.orders import TradeList
from research.orders.before_after import BeforeAfter, Figures
from research.orders.lots.own_orders import as_given, limit_faults, units_of
from research.orders.lots.position import Position
from research.orders.request import with_flow
from research.orders.tax.tax_lots import with_wash_sale_locks
from research.portfolio import Limits, OrderLimits, Portfolio
from research.portfolio.keys.weight_limits import WeightLimit
from research.risk.decomposition.ex_ante import ExAnte

MOST_BYTES = 128 << 20  # of the numbers of all worksheets that are kept
OF_PORTFOLIO = ("name", "file", "basis", "periods_per_year", "lower", "upper")
OF_LIMITS = ("reserve", "adverse_move", "most", "turnover")
KEPT_APART = ("cost_parameters", "day", "limits", "gain_budget", "covariance", "assets")  # fields of a position


class WorksheetAsked(TradesAsked):
    """Units by asset in place of those of the list, null for the list's own; no reason is needed.

    sheet : `sheet` of an answer, whose prices and holdings are to be used; "" takes those of now.
    """

    sheet: Annotated[str, Field(max_length=64)] = ""


class WorksheetLine(BaseModel):
    """An asset.  units, notional : signed, buys above zero.  Weights are fractions of NAV, amounts currency."""

    asset: str
    asset_class: str
    held: float
    price: float | None
    lot: float
    recommended: float
    reason: str
    units: float
    notional: float
    cost: float
    weight_before: float
    weight_after: float
    target: float


class Worksheet(BaseModel):
    """A list with the units that were asked, and the portfolio before and after it.

    sheet    : by which the same prices and holdings are asked again.
    as_of    : day of the newest price.
    stale    : sentences on prices that are too old for orders, or "".
    turnover : one-way, fraction of NAV.
    faults   : sentences on the limits that the orders break. A gain budget of tax lots, and cash that earlier lists of
               the day may need, are checked only where a ticket is made.
    """

    sheet: str
    policy: str
    as_of: str
    currency: str
    stale: str
    turnover: float
    before: Figures
    after: Figures
    faults: list[str]
    lines: list[WorksheetLine]


# -- in a limited process ----------------------------------------------------------------------------------------------


def numbers(file: str, asked: TradesAsked) -> str:
    """The list of a portfolio file, and what a recomputation of it needs, as JSON.

    Raises : as `listed`; ConfigError for a portfolio of several accounts, over which only a list is divided.
    """
    os.chdir(Path(file).parent)
    trades = listed(Path(file).name, asked)
    portfolio, market = trades.portfolio, trades.portfolio.market
    if len(portfolio.accounts) > 1:
        raise ConfigError(
            f"{portfolio.name} has {len(portfolio.accounts)} accounts, and a worksheet has the orders of one: issue "
            "its list, which is divided over them."
        )
    position = with_flow(Position.of(portfolio), trades.request)
    bound, _ = with_wash_sale_locks(portfolio, trades.target, position.weights)
    position = replace(position.restricted(bound.market.trading), way=trades.request.way)
    costs, day = position.cost_parameters, position.day
    of_day = {
        name: getattr(costs, name)[[min(day, len(getattr(costs, name)) - 1)]] for name in ("rates", "total", "impact")
    }
    measured = BeforeAfter(portfolio, trades.target, trades.sized).ex_ante
    known = {
        "position": {f.name: getattr(position, f.name) for f in fields(Position) if f.name not in KEPT_APART},
        "costs": costs._replace(**of_day)._asdict(),
        "limits": {name: getattr(position.limits, name) for name in OF_LIMITS},
        "weights": [asdict(limit) for limit in position.limits.weights],
        "market": {name: getattr(market, name) for name in ("days", "returns", "tradable", "cash")},
        "assets": market.assets,
        "portfolio": {name: getattr(portfolio, name) for name in OF_PORTFOLIO},
        "strategic": portfolio.target,
        "target": trades.target,
        "unknown": measured if isinstance(measured, str) else "",
        "flow": trades.request.flow,
        "units": trades.sized.units,
        "reasons": _reasons(trades),
        "classes": market.asset_class,
        "facts": {"policy": trades.policy, "as_of": trades.provenance["as_of"], "stale": trades.stale_words},
    }
    return json.dumps(known, default=_packed)


def _reasons(trades: TradeList) -> list[str]:
    """(n,) the reason of each asset."""
    tables = (trades.order_columns, trades.held)
    known = {asset: reason for each in tables for asset, reason in zip(each["asset"], each["reason"], strict=True)}
    return [known[asset] for asset in trades.portfolio.market.assets]


def _packed(array: Any) -> dict[str, Any]:
    """An array for JSON, by its bytes."""
    array = array.astype(np.int64) if array.dtype.kind == "M" else array
    return {"kind": array.dtype.str, "shape": array.shape, "bytes": b64encode(array.tobytes()).decode()}


def _unpacked(found: dict[str, Any]) -> Any:
    """An object of JSON, or the array of `_packed`, which compiled kernels may write to."""
    if "bytes" not in found:
        return found
    return np.frombuffer(b64decode(found["bytes"]), np.dtype(found["kind"])).reshape(found["shape"]).copy()


# -- in the server -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Sheet:
    """The numbers of a list.

    id        : hash of them.
    portfolio : portfolio of numbers alone: its market has returns, and no prices.
    position  : position of the list, with its prices, costs and limits.
    target    : (n,) weights in force, fraction of NAV.
    measured  : estimate that risk is measured by, or why there is none.
    units     : (n,) signed units of the list.
    known     : texts of the list.
    size      : bytes.
    """

    id: str
    portfolio: Portfolio
    position: Position
    target: Array
    measured: ExAnte | str
    units: Array
    known: Mapping[str, Any]
    size: int

    @classmethod
    def of(cls, text: str) -> "Sheet":
        """The sheet of the JSON of `numbers`."""
        known = json.loads(text, object_hook=_unpacked)
        of_market, target, assets = known.pop("market"), known.pop("target"), tuple(known["assets"])
        n, dates = len(assets), pd.DatetimeIndex(of_market.pop("days").astype("M8[D]"))
        no_prices = np.full(of_market["returns"].shape, np.nan)
        market = Market(
            dates=dates, assets=assets, instruments=instruments_table(assets), prices=no_prices, **of_market
        )
        limits = OrderLimits(**known.pop("limits"), weights=tuple(_limit(each) for each in known.pop("weights")))
        costs = CostParameters(**known.pop("costs"))
        position = Position(**known.pop("position"), cost_parameters=costs, day=0, limits=limits, assets=assets)
        portfolio = Portfolio(
            **known.pop("portfolio"),
            market=market,
            holdings=position.units * position.prices,
            shares=position.units,
            cash=position.cash,
            last_trade=dates[-1],
            strategic=FixedWeights(tuple(known.pop("strategic").tolist())),
            costs=Costs.bps(n),
            limits=Limits(position.minimum, lots=position.lots, fractional=position.lots < 1.0),
            tracking_penalty=1.0,
            lag=1,
            test_start=dates[-1],
            policies={},
            policy=None,
            reference="",
            settings={},
        )
        measured = known["unknown"] or ExAnte.of(market, portfolio.periods_per_year)
        id, units = sha256(text.encode()).hexdigest()[:32], known.pop("units")
        return cls(id, portfolio, position, target, measured, units, known, len(text))

    def with_units(self, orders: Mapping[str, float] | None) -> Worksheet:
        """The list with units by asset, None for its own.

        Raises : Problem 400 with each asset whose units are none that can be ordered.
        """
        units = self.units if orders is None else self._units(orders)
        position, known = self.position, self.known
        made = as_given(position, units)
        found = BeforeAfter(self.portfolio, self.target, made, self.measured)
        nav, costs = position.nav, made.charges.sum(axis=0)
        prices = [
            float(price) if quoted else None for price, quoted in zip(position.prices, position.quoted, strict=True)
        ]
        columns: dict[str, Any] = {
            "asset": known["assets"], "asset_class": known["classes"], "reason": known["reasons"], "price": prices,
            "held": position.units, "lot": position.lots, "recommended": self.units, "units": units,
            "notional": made.notional, "cost": costs, "target": self.target,
            "weight_before": position.weights, "weight_after": made.after.weights,
        }  # fmt: skip
        rows = zip(*columns.values(), strict=True)
        return Worksheet(
            **known["facts"],
            sheet=self.id,
            currency=self.portfolio.basis,
            turnover=made.turnover * nav / max(nav, nav - known["flow"]),
            before=found.figures["before"],
            after=found.figures["after"],
            faults=[]
            if orders is None or not units.any()
            else [_capital(each) for each in limit_faults(self.portfolio, made)],
            lines=[WorksheetLine(**dict(zip(columns, row, strict=True))) for row in rows],
        )

    def _units(self, orders: Mapping[str, float]) -> Array:
        """(n,) signed units of orders. Raises Problem 400."""
        units, mistakes, assets = np.zeros(len(self.units)), list[FieldMistake](), frozenset(self.known["assets"])
        for asset, wanted in orders.items():
            if asset not in assets:  # thousands may be sent: to look for the nearest name of each takes seconds
                at = pointer(("orders", asset))
                mistakes.append(FieldMistake(at, "Not an asset of this list", wanted, "Leave its order out."))
                continue
            try:
                units += units_of(self.portfolio, self.position, {asset: wanted})
            except ConfigError as error:
                detail, _, mend = str(error).partition(": ")
                mistakes.append(FieldMistake(pointer(("orders", asset)), _capital(detail), wanted, _capital(mend)))
        if mistakes:
            raise refused(mistakes)
        return units


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _limit(known: Mapping[str, Any]) -> WeightLimit:
    return WeightLimit(**{**known, "exposures": tuple(known["exposures"])})


class KeptSheets:
    """The sheets that were asked for last, up to `MOST_BYTES`: by tenant, portfolio, version, request and id."""

    def __init__(self) -> None:
        self._sheets, self._lock = OrderedDict[tuple[Any, ...], Sheet](), Lock()

    def get(self, key: tuple[Any, ...], wanted: str, make: Callable[[], str]) -> Sheet:
        """The sheet of an id; where it is not kept, and for "", a new one.

        make : function that gives the JSON of its numbers.
        """
        with self._lock:
            if found := self._sheets.get((*key, wanted)):
                self._sheets.move_to_end((*key, wanted))
                return found
        made = Sheet.of(make())
        with self._lock:
            self._sheets[*key, made.id] = made
            while len(self._sheets) > 1 and sum(each.size for each in self._sheets.values()) > MOST_BYTES:
                self._sheets.popitem(last=False)
        return made


WORKSHEETS = KeptSheets()
