"""The tax that sales at one close would realise, lot by lot, as a policy sees it."""

import numpy as np

from foundation.arguments import is_number, refuse
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass, replace
from foundation.tolerances import TRIGGER
from research.accounting.cost_parameters import HIGHEST, LONG, SHORT, TAX_MINIMAL, CostParameters, Lots
from research.accounting.tax_lots import has_terms, put_in_order

MOST_RATES = 4  # above zero, of the curve of one asset
MOST_YEARS = 100  # of a deferral


@dataclass(frozen=True)
class Deferral:
    """The time for which a gain that is kept stays untaxed, and the chance that it is never taxed.

    years    : from today to the sale of all.
    growth   : of the portfolio a year until then, before tax, fraction.
    forgiven : probability that no tax is due by then, as on death: 1 - exp(-d x years) where death comes at rate d.

    One unit grows to A = (1 + growth)^years (1 - rate) + rate if its gain is taxed at the end. A gain G that is taxed
    today ends A x rate x G lower, but rate x G less is due then, unless that is forgiven: in today's money it costs
    rate x G x (1 - (1 - forgiven) / A). A loss is worth as much.
    """

    years: float
    growth: float
    forgiven: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        kinds = {"years": "a number of years", "growth": "a fraction a year", "forgiven": "a probability"}
        for name, most in (("years", MOST_YEARS), ("growth", 1), ("forgiven", 1)):
            if not (is_number(value := getattr(self, name)) and 0.0 <= value <= most):
                refuse(f"{name} of the deferral is", value, f"give {kinds[name]}, 0 to {most}.")

    def grown(self, rate: float) -> float:
        """A, the worth after tax of one unit without a gain at the end.  rate : fraction of the gains."""
        return float((1.0 + self.growth) ** self.years * (1.0 - rate) + rate)

    def share(self, rate: float) -> float:
        """The cost of a tax that is due today and could be deferred, fraction of it.  rate : fraction of the gains.

        >>> round(Deferral(years=10, growth=0.06).share(0.20), 6), Deferral(10, 0.06, forgiven=1).share(0.20)
        (0.387509, 1.0)
        """
        return 1.0 - (1.0 - self.forgiven) / self.grown(rate)


@dataclass(frozen=True, eq=False)
class TaxCurves:
    """The tax on sales of each of n assets as a convex curve: parts of rising rates, the first of which is untaxed.

    sizes   : (n, 1 + 4) value of each part, fraction of NAV; 0 after the last.
    rates   : (n, 1 + 4) tax a unit of value sold, at least 0.
    carried : tax that losses carried forward save, fraction of NAV.
    """

    sizes: Array
    rates: Array
    carried: float

    @property
    def untaxed(self) -> Array:
        """(n,) value of each asset that can be sold before tax is due, if no other is sold, fraction of NAV."""
        first = self.rates[:, 1]
        return self.sizes[:, 0] + np.divide(self.carried, first, out=np.zeros(len(first)), where=first > 0.0)

    def of(self, lines: Rows) -> "TaxCurves":
        """The curves of the assets in columns `lines` (k,)."""
        return TaxCurves(self.sizes[lines], self.rates[lines], self.carried)

    def is_taxed(self, line: int, sold: Array) -> bool:
        """True if tax is due on what is sold next of an asset, after sales of `sold` (n,), fraction of NAV."""
        ends, last = np.cumsum(self.sizes, axis=1), int(np.count_nonzero(self.rates[line]))
        due = float((np.clip(sold[:, None] - ends + self.sizes, 0.0, self.sizes) * self.rates).sum())
        following = min(int((ends[line] <= sold[line] + TRIGGER).sum()), last)
        return bool(self.rates[line, following] > 0.0) and due >= self.carried - TRIGGER


@dataclass(frozen=True, eq=False)
class SaleTax:
    """The tax on sales at one close.

    sizes   : (n, L) value of each lot in the order of sale, fraction of NAV; 0 after the last.
    rates   : (n, L) tax a unit of value sold, below 0 for a loss, at the rate of the term of the lot.
    carried : tax that losses carried forward save, each at the rate of its term, fraction of NAV.
    gains   : (n, L) gain a unit of value.
    rate    : tax on long-term gains, fraction of the gain.
    """

    sizes: Array
    rates: Array
    carried: float
    gains: Array
    rate: float

    @classmethod
    def of_lots(cls, lots: Lots, cost_parameters: CostParameters, worth: Array, nav: float, t: int) -> "SaleTax":
        """The tax on sales from the lots of the accounting, at their terms on the day.

        lots            : purchase prices of the holdings; brought into the order of sale at these prices.
        cost_parameters : the rates, and the order in which units are sold.
        worth           : (n,) worth of a unit, currency.
        nav             : currency.
        t               : row of the market.
        """
        for i in np.flatnonzero(worth > 0.0).tolist():
            put_in_order(lots, cost_parameters, i, float(worth[i]), t)
        held, last_first = np.arange(int(lots.held.max(initial=0))), cost_parameters.method in (HIGHEST, TAX_MINIMAL)
        place = lots.held[:, None] - 1 - held if last_first else np.broadcast_to(held, (len(worth), len(held)))
        there, rows = (held < lots.held[:, None]) & (worth > 0.0)[:, None], np.arange(len(worth))[:, None]
        units, paid = (np.where(there, of[rows, place], 0.0) for of in (lots.units, lots.price))
        price, rate, short_rate = np.where(there, worth[:, None], 1.0), cost_parameters.tax, cost_parameters.short_tax
        rates = np.where(lots.long_from[rows, place] > t, short_rate, rate) if has_terms(lots) else rate
        saved = rate * float(lots.carried[LONG]) + short_rate * float(lots.carried[SHORT])
        gains = np.where(there, 1.0 - paid / price, 0.0)
        return cls(units * (price / nav), rates * gains, saved / nav, gains, rate)

    def deferred(self, deferral: Deferral | None) -> "SaleTax":
        """The same lots with the cost of a tax that could be deferred in its place; as they are without a deferral.

        What is kept is long-term when it is sold.
        """
        if deferral is None:
            return self
        share = deferral.share(self.rate)
        return replace(self, rates=self.rates - (1.0 - share) * self.rate * self.gains, carried=share * self.carried)

    def drifted(self, weights: Array) -> "SaleTax":
        """The same lots where their assets have come to these weights (n,), fraction of NAV, by their prices alone."""
        held = self.sizes.sum(axis=1)
        times = np.divide(weights, held, out=np.ones(len(held)), where=held > 0.0)
        return replace(self, sizes=self.sizes * np.maximum(times, 0.0)[:, None])

    def curves(self, weights: Array) -> TaxCurves:
        """The tax on sales of each asset as a convex curve.

        weights : (n,) fraction of NAV. What they lack of the lots was sold at this close, and its tax has used up so
                  much of what is carried; what they hold besides has no gain, and is sold first.
        Losses count against gains of the same asset alone, before which a curve is untaxed. Where the tax a unit falls
        from one lot to the next, the curve is the lower convex envelope. Where it has more than four rates, the points
        are left out whose absence adds least to it.
        """
        (sizes, rates), carried = np.zeros((2, len(weights), 1 + MOST_RATES)), self.carried
        for i in np.flatnonzero((self.rates > 0.0).any(axis=1)):
            points = _least_tax(self.sizes[i], self.rates[i], float(weights[i]))
            wide = np.diff(points[0], prepend=0.0)
            sizes[i, : len(wide)] = wide
            rates[i, 1 : len(wide)] = np.diff(points[1]) / wide[1:]
            ends, due = (np.append(0.0, np.cumsum(values)) for values in (self.sizes[i], self.sizes[i] * self.rates[i]))
            carried -= max(float(np.interp(ends[-1] - weights[i], ends, due)), 0.0)
        return TaxCurves(sizes, rates, max(carried, 0.0))


def _least_tax(sizes: Array, rates: Array, weight: float) -> Array:
    """(2, k) value sold and tax at the ends of the parts of the curve of one asset; the first has no tax."""
    total = float(sizes.sum())
    more, sold = max(weight - total, 0.0), max(total - weight, 0.0)
    ends = np.append(more, more + np.maximum(np.cumsum(sizes) - sold, 0.0))
    due = np.append(0.0, np.cumsum(np.diff(ends) * rates))
    last = int(np.flatnonzero(due <= 0.0)[-1])
    corners = [(float(ends[last]), 0.0)]
    if last < len(rates):
        corners = [(float(ends[last] - due[last] / rates[last]), 0.0)]
    for point in zip(ends[last + 1 :].tolist(), due[last + 1 :].tolist(), strict=True):
        if point[0] > corners[-1][0]:
            while len(corners) > 1 and _above(corners[-2], corners[-1], point) >= 0.0:
                corners.pop()
            corners.append(point)
    while len(corners) > 1 + MOST_RATES:
        added = [-_above(*corners[k : k + 3]) for k in range(len(corners) - 2)]
        del corners[1 + int(np.argmin(added))]
    return np.array(corners).T


def _above(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> float:
    """The height of the middle one of three points above the line between the others."""
    share = (middle[0] - first[0]) / (last[0] - first[0])
    return middle[1] - first[1] - share * (last[1] - first[1])
