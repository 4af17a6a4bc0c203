"""The trades of several periods that cost least, as one cone programme over the weights of all of these periods.

    max over w_1 ... w_H of  1/H sum_h [gain_h' w_h - (w_h - centre)' A (w_h - centre) / 2 - holding costs of w_h]
                             - 1/(H years) [sum_h cost(w_h - w_(h-1)) + tax(w_0 - min_h w_h)]
    subject to               the limits of each period

w_0 : (n,) weights as drifted; w_h : (n,) weights held in period h; cash is the rest.
gain : (H, n) expected return over cash, a year.  A : (n, n) risk aversion x covariance a year.
years : length of a period.  cost : rate |x| + impact |x|^exponent of each asset, fraction of NAV.
tax : what the curves of `TaxCurves` sum to, beyond losses carried, and at least 0. Units that the plan buys have no
gain and are sold before the others, so that these are sold as far as the lowest weight of the plan says.

If costs are proportional and neither gains nor limits change, all trades of a best plan come at once: the mean of the
weights of any plan keeps the limits, has no more risk (Jensen), and costs no more to reach (a sum of trades costs no
more than each of them, and the lowest weight is no lower). One period as long as all of them is then the same
programme.

Source : Boyd et al. (2017), Multi-Period Trading via Convex Optimization, sections 4.2 and 5.2.
"""

from collections.abc import Mapping, Sequence
from math import inf

import numpy as np

from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass, replace
from research.accounting.cost_parameters import HoldingCosts
from research.accounting.sale_tax import TaxCurves
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits, Part
from research.allocation.constraints.optimum import Aim, optimum, tidy
from research.allocation.constraints.programme import Objective

TRADED, IMPACT, BORROWED, TAXED = "traded", "impact", "borrowed", "taxed"
TRADE_UNIT = 100.0  # trades in per cent, in the cones of impact
SCALE = 100.0  # of the objective: a solver's tolerance is absolute, and utilities are small


@dataclass(frozen=True, eq=False)
class PlanCosts:
    """Costs of trading and holding n assets.

    rate     : (n,) a side, fraction of the notional.
    impact   : (n,) a trade x costs impact |x|^exponent besides; both in fractions of NAV.
    exponent : of the impact, above 1.
    holding  : costs of holding, of these n assets.
    tax      : tax on sales of these n assets, or None.
    """

    rate: Array
    impact: Array
    exponent: float
    holding: HoldingCosts
    tax: TaxCurves | None = None


def best_plan(
    limits: Sequence[Limits], start: Array, gain: Array, curvature: Array, centre: Array, costs: PlanCosts, years: float
) -> Array:
    """(H, n) the best weights to hold in each period, fraction of NAV.

    limits    : limits of each of the H periods, over n assets.
    start     : (n,) weights as drifted, fraction of NAV.
    gain      : (H, n) expected return over cash, a year.
    curvature : (n, n) risk aversion x covariance a year.
    centre    : (n,) weights without risk: those of a benchmark, or zeros.
    costs     : costs of trading and holding.
    years     : length of a period.
    Raises    : NotSolvedError, with a smallest conflicting set, where no weights keep the limits.
    """
    periods, n = gain.shape
    linear = {WEIGHTS: -(gain + curvature @ centre).ravel() / periods}
    linear[TRADED] = np.tile(costs.rate, periods) / (periods * years)
    parts = [_traded(start, periods)]
    if costs.impact.any():
        columns = np.flatnonzero(np.tile(costs.impact, periods))
        parts.append(impact(parts[0], columns, costs.exponent))
        each = np.tile(costs.impact, periods)[columns] / TRADE_UNIT**costs.exponent
        linear[IMPACT] = np.append(0.0, each) / (periods * years)
    if costs.holding.some:
        parts.append(borrowed(n, periods))
        linear[WEIGHTS] -= costs.holding.cash_spread / periods
        below = costs.holding.financing + costs.holding.cash_spread
        linear[BORROWED] = np.append(np.tile(costs.holding.borrow, periods), np.full(periods, below)) / periods
    if costs.tax is not None and costs.tax.rates.any():
        parts.append(taxed(costs.tax, start, periods))
        linear[TAXED] = np.append(np.zeros(parts[-1].size - 1), 1.0 / (periods * years))
    linear = {name: SCALE * values for name, values in linear.items()}
    objective = Objective(linear, SCALE / periods * np.kron(np.eye(periods), curvature))
    found = optimum(joined(limits), Aim(objective, "utility (per cent a year)", sign=-1.0, parts=tuple(parts)))
    return np.array([tidy(one, row) for one, row in zip(limits, found.weights.reshape(periods, n), strict=True)])


def _traded(start: Array, periods: int) -> Part:
    """(H n,) at least the absolute change of each weight in each period, from `start` (n,)."""
    n = len(start)
    one = np.eye(n * periods)
    change, before = one - np.eye(n * periods, k=-n), np.concatenate([start, np.zeros(n * (periods - 1))])
    return Part(
        TRADED, n * periods, {WEIGHTS: np.vstack([-change, change]), TRADED: np.vstack([one, one])},
        np.concatenate([-before, before]), np.zeros(n * periods), np.full(n * periods, inf),
        lambda weights: np.abs(change @ weights - before),
    )  # fmt: skip


def impact(trades: Part, columns: Rows, exponent: float) -> Part:
    """One, and the trades of these columns (m,) of the part `_traded`, in per cent, to the power of the exponent."""
    m = len(columns)
    of_part, of_trades = np.zeros((3 * m, m + 1)), np.zeros((3 * m, trades.size))
    of_part[0::3, 1:], of_part[1::3, 0] = np.eye(m), 1.0
    of_trades[np.arange(2, 3 * m, 3), columns] = TRADE_UNIT
    least, most = np.append(1.0, np.full(m, -inf)), np.append(1.0, np.full(m, inf))
    return Part(
        IMPACT, m + 1, {}, np.zeros(0), least, most,
        lambda weights: np.append(1.0, (TRADE_UNIT * trades.of(weights)[columns]) ** exponent),
        cones=((1.0 / exponent, {IMPACT: of_part, TRADED: of_trades}),),
    )  # fmt: skip


def borrowed(n: int, periods: int) -> Part:
    """(H n + H,) at least what is short of each asset in each period, then the cash that is owed in each period."""
    size = n * periods
    short, sums = np.eye(size), np.kron(np.eye(periods), np.ones((1, n)))
    rows = {WEIGHTS: np.vstack([short, -sums]), BORROWED: np.eye(size + periods)}
    return Part(
        BORROWED, size + periods, rows, np.append(np.zeros(size), np.full(periods, -1.0)), np.zeros(size + periods),
        np.full(size + periods, inf),
        lambda weights: np.maximum(np.append(-weights, sums @ weights - 1.0), 0.0),
    )  # fmt: skip


def taxed(tax: TaxCurves, start: Array, periods: int) -> Part:
    """(m + 1,) at least what is sold of each part of a curve with a tax, then the tax that is due on all of them.

    The last part of an asset has no end. Parts of lower rates are sold first without being told so, as that is cheaper.
    """
    n = len(start)
    owners, places = np.nonzero(tax.rates)
    lines, untaxed, rates = np.unique(owners), start - tax.sizes[:, 0], tax.rates[owners, places]
    begin, m = (np.cumsum(tax.sizes, axis=1) - tax.sizes - tax.sizes[:, :1])[owners, places], len(owners)
    most = np.where(np.append(owners[1:], -1) == owners, tax.sizes[owners, places], inf)
    of_sales = (np.tile(lines, periods)[:, None] == np.append(owners, -1)).astype(float)
    of_weights = np.eye(n * periods)[(np.arange(periods)[:, None] * n + lines).ravel()]

    def of(weights: Array) -> Array:
        sold = untaxed - weights.reshape(periods, n).min(axis=0)
        sales = np.clip(sold[owners] - begin, 0.0, most)
        return np.append(sales, max(float(rates @ sales) - tax.carried, 0.0))

    return Part(
        TAXED, m + 1,
        {WEIGHTS: np.vstack([of_weights, np.zeros(n * periods)]), TAXED: np.vstack([of_sales, np.append(-rates, 1.0)])},
        np.append(np.tile(untaxed[lines], periods), -tax.carried), np.zeros(m + 1), np.append(most, inf), of,
    )  # fmt: skip


def joined(limits: Sequence[Limits]) -> Limits:
    """The limits of several periods over the same n assets as limits on the weights (H n,) of all periods.

    The price of a limit is shared by the periods, of which the objective is the mean, in the unit of the objective.
    """
    n, periods = len(limits[0].assets), len(limits)
    found, parts = [], []
    for h, of_period in enumerate(limits):
        inside = slice(h * n, h * n + n)
        found += [_placed(limit, h, n, periods) for limit in of_period.limits]
        parts += [
            replace(
                part, name=f"{part.name} {h}", rows=_rows(part.rows, h, n, periods),
                of=lambda weights, part=part, inside=inside: part.of(weights[inside]),  # type: ignore[misc]
                cones=tuple((cone, _rows(rows, h, n, periods)) for cone, rows in part.cones),
            )
            for part in of_period.parts
        ]  # fmt: skip
    names = tuple(f"{asset} in period {h + 1}" for h, one in enumerate(limits) for asset in one.assets)
    return Limits(names, tuple(found), tuple(parts), limits[0].notes)


def _placed(limit: Limit, h: int, n: int, periods: int) -> Limit:
    """A limit on the weights of period h as one on those of all."""
    firm = limit.firm if limit.firm.price is None else replace(limit.firm, price=SCALE * limit.firm.price / periods)
    root, centre = limit.root, limit.centre
    if root is not None:
        root = _wide(root, h, n, periods)
        centre = None if centre is None else _wide(centre[None], h, n, periods)[0]
    key = f"{limit.key} in period {h + 1}"
    return replace(limit, key=key, rows=_rows(limit.rows, h, n, periods), firm=firm, root=root, centre=centre)


def _rows(rows: Mapping[str, Array], h: int, n: int, periods: int) -> dict[str, Array]:
    """Rows over the blocks of one period as rows over those of all."""
    wide = {name: _wide(values, h, n, periods) for name, values in rows.items() if name == WEIGHTS}
    return wide | {f"{name} {h}": values for name, values in rows.items() if name != WEIGHTS}


def _wide(matrix: Array, h: int, n: int, periods: int) -> Array:
    """(k, H n) a matrix (k, n) in the columns of period h."""
    found = np.zeros((len(matrix), n * periods))
    found[:, h * n : h * n + n] = matrix
    return found
