"""Realised costs against the costs of a portfolio file, and the change of the file that they suggest.

Fees are compared with commission and ticket of the file, and the distance of fills from the middle of their quotes
(spread and impact) with its half-spread and impact, in bp of the value traded. The difference is shrunk toward no
change: it counts with the credibility Z = D / (D + 20) of orders on D days. Nothing is written into the file.

Source : Bühlmann and Gisler (2005), A Course in Credibility Theory and its Applications, chapter 3, for Z.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.inference.estimates import Estimate
from desk.exchange.paper.fill_model import PAPER_MODEL
from desk.tca.end_prices import asset_places
from desk.tca.groups import cost_bps
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from research.accounting import Costs
from research.accounting.cost_parameters import COMMISSION, COST_COLUMNS, HALF_SPREAD, IMPACT, TICKET
from research.accounting.costs import BASIS_POINT
from research.accounting.self_financing import charge
from research.portfolio import Portfolio
from research.rules import Rule

CREDIBLE_DAYS = 20  # days of orders that count as much as the file
REALISED: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]] = {  # by key of the file: realised parts, charges
    "commission_bps": (("fees",), (COMMISSION, TICKET)),
    "half_spread_bps": (("spread", "impact"), (HALF_SPREAD, IMPACT)),
}


@dataclass(frozen=True)
class CostChange:
    """The change of one cost of a class that its orders suggest, bp of the value traded.

    file        : name of the portfolio file.
    asset_class : class of the file.
    key         : commission_bps or half_spread_bps, the key of the file that it changes.
    orders      : orders of which the realised cost is known.
    days        : days on which they traded.
    stated      : mean of the key in the file, weighted by the value traded.
    expected    : cost that the file expects of these orders, with minimum, ticket and impact.
    realised    : their realised cost.
    change      : suggested change of the key.
    """

    file: str
    asset_class: str
    key: str
    orders: int
    days: int
    stated: float
    expected: float
    realised: Estimate
    change: Estimate

    @property
    def suggested(self) -> float:
        """The suggested value of the key, at least 0."""
        return max(0.0, self.stated + self.change.value)


def cost_changes(table: pd.DataFrame, portfolio: Portfolio) -> list[CostChange]:
    """The changes that the filled orders of a portfolio suggest, by class and key.

    table  : as `read_orders` gives it. Orders of other symbols, and in another currency than the portfolio's, are left
             out, and so are those without fees or quotes at their fills, and those on paper without a spread: a venue
             may take in its spread what others take in fees. Classes with orders on one day only suggest nothing.
    Raises : DataError as `Costs.cost_parameters` does.
    """
    market, lines = portfolio.market, asset_places(portfolio)
    ours = table["asset"].isin(lines) & (table["currency"] == portfolio.basis) & (table["traded"] > 0.0)
    ours &= ~(table["quotes"].str.startswith(PAPER_MODEL) & (table["spread"] == 0.0))
    orders = table[ours].dropna(subset=["fees", "spread", "impact"])
    place = orders["asset"].map(lines).to_numpy(dtype=int)
    orders = orders.assign(line=place, asset_class=np.array(market.instruments["asset_class"])[place])
    charges, found = expected_charges(orders, portfolio), []
    in_file = (portfolio.costs.commission, portfolio.costs.total - portfolio.costs.commission)
    for (key, (parts, columns)), rates in zip(REALISED.items(), in_file, strict=True):
        compared = orders.assign(
            realised=orders[list(parts)].sum(axis=1),
            expected=charges[:, columns].sum(axis=1),
            stated=rates[place] * orders["traded"],
        )
        file, by_class = Path(portfolio.file).name, compared.groupby("asset_class")
        found += [_change(file, str(name), key, of_class) for name, of_class in by_class]
    return [change for change in found if change.days > 1]


def _change(file: str, asset_class: str, key: str, orders: pd.DataFrame) -> CostChange:
    """The change that the orders of a class suggest."""
    sizes, days, count = orders["traded"], orders["day"], orders["day"].nunique()
    difference = cost_bps(orders["realised"] - orders["expected"], sizes, days)
    stated, expected = (float(orders[column].sum() / sizes.sum() / BASIS_POINT) for column in ("stated", "expected"))
    return CostChange(
        file,
        asset_class,
        key,
        len(orders),
        count,
        stated,
        expected,
        realised=difference.plus(expected),
        change=difference.times(count / (count + CREDIBLE_DAYS)),
    )


def expected_charges(orders: pd.DataFrame, portfolio: Portfolio) -> Array:
    """(k, columns) costs that the file expects of orders, currency, as known at the last close before their day.

    orders : k rows with `line`, `traded` and `day`.
    Raises : DataError as `Costs.cost_parameters` does.
    """
    market, costs = portfolio.market, portfolio.costs
    before = np.searchsorted(market.days, orders["day"].to_numpy(dtype="datetime64[D]")) - 1
    rows = np.clip(before, 0, len(market.days) - 1)
    parameters = costs.cost_parameters(market, int(rows.min()) if len(rows) else 0)
    shape = len(COST_COLUMNS), len(market.assets)
    found, sizes, charges = np.zeros((len(rows), shape[0])), np.zeros(shape[1]), np.zeros(shape)
    for k, (line, traded) in enumerate(zip(orders["line"], orders["traded"], strict=True)):
        sizes[line] = traded
        charge(parameters, int(rows[k]), sizes, charges)
        found[k], sizes[line] = charges[:, line], 0.0
    return found


def changed_costs(portfolio: Portfolio, changes: Sequence[CostChange]) -> Costs:
    """The costs of the file with the suggested changes, no cost below 0."""
    classes, costs = np.array(portfolio.market.instruments["asset_class"]), portfolio.costs
    changed = {"commission_bps": costs.commission.copy(), "half_spread_bps": costs.half_spread.copy()}
    for each in changes:
        lines, rates = classes == each.asset_class, changed[each.key]
        rates[..., lines] = np.maximum(0.0, rates[..., lines] + each.change.value * BASIS_POINT)
    return replace(costs, commission=changed["commission_bps"], half_spread=changed["half_spread_bps"])


def policy_costs(portfolio: Portfolio, rule: Rule, name: str, costs: Costs) -> tuple[float, float]:
    """Costs of a policy in the test of its portfolio, bp of NAV a year: at the costs of the file, and at others.

    rule   : the policy, ready for a backtest.
    name   : its name.
    costs  : the other costs.
    Raises : PolicyError and DataError as `backtest_candidate` does.
    """
    played = (backtest_candidate(each, rule, name) for each in (portfolio, replace(portfolio, costs=costs)))
    before, after = (float(each.cost_rate.mean()) * each.periods_per_year / BASIS_POINT for each in played)
    return before, after
