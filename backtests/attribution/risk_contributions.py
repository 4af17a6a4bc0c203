"""Contributions of each asset and class to a policy's risk: ex ante at the last close, and realised in the test."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import COUNTED
from research.market.delisting import stopped
from research.risk.decomposition.contributions import risk_contributions, summed_by, variance_contributions
from research.risk.decomposition.ex_ante import covariance_of

if TYPE_CHECKING:
    from backtests.engine.result import Backtest

CASH_PART, REST_PART = "cash", "costs and rest"  # parts of a return beside the assets


@dataclass(frozen=True, eq=False)
class RiskContributions:
    """Euler contributions of the n assets, which sum to the whole; one below zero is that of a hedge.

    lines    : n names.
    classes  : (n,) asset class of each.
    weights  : (n,) at the last close, fraction of NAV.
    ex_ante  : (n,) contributions to the volatility of these weights by the covariance of the last `window` returns,
               fraction a year.
    realised : (n + 2,) of the realised volatility, net of costs, fraction a year: of the assets, of cash, and of what
               is left, which is costs, and bookings within a day.
    window   : returns of the covariance.
    undefined : "ex_ante" and "realised" -> why there is none; the array is then empty.
    """

    lines: tuple[str, ...]
    classes: tuple[str, ...]
    weights: Array
    ex_ante: Array
    realised: Array
    window: int
    undefined: Mapping[str, str]

    @property
    def volatility(self) -> float:
        """Ex ante, fraction a year."""
        return float(self.ex_ante.sum())

    @property
    def realised_volatility(self) -> float:
        """Net of costs, fraction a year."""
        return float(self.realised.sum())

    @property
    def parts(self) -> tuple[str, ...]:
        """(n + 2,) names of the assets, of cash and of the rest, no two of them the same."""
        return (
            *self.lines,
            *(name if name not in self.lines else f"{name} account" for name in (CASH_PART, REST_PART)),
        )

    def by_line(self) -> dict[str, dict[str, float | None]]:
        """The weight and both contributions, as shares of their sums, by asset, then for cash and the rest."""
        cash = 1.0 - float(self.weights.sum())
        return _rows(
            self.parts, [*self.weights, cash, 0.0], self._shares(self.ex_ante, 2), self._shares(self.realised, 0)
        )

    def by_class(self) -> dict[str, dict[str, float | None]]:
        """The weight and both contributions by class."""
        found = self.by_line()
        columns = {
            name: summed_by(
                np.array([row[name] or 0.0 for row in found.values()]), (*self.classes, CASH_PART, REST_PART)
            )
            for name in ("weight", "ex_ante", "realised")
        }
        there = {"weight": True, "ex_ante": bool(len(self.ex_ante)), "realised": bool(len(self.realised))}
        return {
            group: {name: columns[name][group] if there[name] else None for name in columns}
            for group in columns["weight"]
        }

    @staticmethod
    def _shares(parts: Array, beside: int) -> list[float | None]:
        if not len(parts):
            return [None]
        shares: list[float | None] = [*(parts / parts.sum()).tolist(), *[0.0] * beside]
        return shares


def _rows(
    names: tuple[str, ...], weights: list[float], ex_ante: list[float | None], realised: list[float | None]
) -> dict[str, dict[str, float | None]]:
    whole = [found if len(found) == len(names) else [None] * len(names) for found in (ex_ante, realised)]
    return {
        name: {"weight": float(weight), "ex_ante": before, "realised": after}
        for name, weight, before, after in zip(names, weights, *whole, strict=True)
    }


def contributions_of(backtest: "Backtest", periods_per_year: float, window: int) -> RiskContributions:
    """Both contributions of one backtest; each that is not defined has its reason.

    backtest         : a backtest of n assets.
    periods_per_year : number of periods by which risk is annualised.
    window           : number of returns in the covariance at the last close: the sample covariance that rules use.
    """
    market, weights = backtest.market, backtest.weights.to_numpy()[-1]
    past, undefined = market.past(len(market.dates) - 1), dict[str, str]()
    known = past.complete(window)
    unknown = tuple(
        name
        for name, weight, there in zip(market.assets, weights, known, strict=True)
        if abs(weight) > COUNTED and not there
    )
    ex_ante = realised = np.zeros(0)
    try:
        if unknown:
            raise DataError(
                f"ex-ante contributions need {window} returns of every asset held: {unknown[0]} has fewer at the last "
                "close."
            )
        still = stopped(past)
        if held := [name for name in still if abs(weights[market.assets.index(name)]) > COUNTED]:
            raise DataError(
                f"ex-ante contributions need the risk of every asset held: {held[0]} has not moved since "
                f"{still[held[0]]}."
            )
        ex_ante = risk_contributions(weights, covariance_of(past, window, periods_per_year))
    except DataError as error:
        undefined["ex_ante"] = str(error)
    try:
        variance = variance_contributions(return_parts(backtest))
        if not variance.sum() > 0.0:
            raise DataError("contributions to risk are not defined: the returns do not vary.")
        realised = variance * np.sqrt(periods_per_year / variance.sum())
    except DataError as error:
        undefined["realised"] = str(error)
    return RiskContributions(market.assets, market.asset_class, weights, ex_ante, realised, window, undefined)


def return_parts(backtest: "Backtest") -> Array:
    """(D, n + 2) what each asset, cash and the rest added to the net return of each day; rows sum to it.

    An asset adds its weight at the close before times its return, cash likewise; the rest is what the day's costs took,
    and what bookings at the open moved.
    """
    market, first = backtest.market, backtest.first
    lines = backtest.weights.to_numpy()[:-1] * market.returns[first + 1 :]
    cash = backtest.cash_weight.to_numpy()[:-1] * market.cash[first + 1 :]
    rest = backtest.net_returns - lines.sum(axis=1) - cash
    return np.column_stack([lines, cash, rest])
