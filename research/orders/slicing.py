"""Slicing of an order: the units to send at the beginning of each interval of the time in which it is to be done.

A kind of slicing gives each interval's share of the order; `sliced` makes whole lots of the shares.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

import numpy as np

from foundation.arguments import check_positive, is_number, is_whole, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.orders.linear_impact import LinearImpact

MAX_SLICES = 1_000


@dataclass(frozen=True)
class ParentOrder:
    """An order to slice, and what is expected of its market.

    quantity : units; of an order in an amount, currency.
    lot      : least number of units of a trade.
    sessions : time in which it is to be done, sessions.
    volume   : units that the market is expected to trade in a session, or None.
    impact   : linear impact of the order, or None.
    Raises   : ConfigError for a number that is not above zero.
    """

    quantity: Decimal
    lot: Decimal
    sessions: float = 1.0
    volume: float | None = None
    impact: LinearImpact | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("quantity", "lot"):
            value = getattr(self, name)
            if not (isinstance(value, Decimal) and value.is_finite() and value > 0):
                refuse(f"{name} of an order is", value, "give a finite Decimal above 0.")
        check_positive(sessions=self.sessions)
        if self.volume is not None:
            check_positive(volume=self.volume)


class Slicing(Protocol):
    """A kind of slicing."""

    @property
    def slices(self) -> int:
        """Number of intervals, of equal length."""
        ...

    def shares(self, order: ParentOrder) -> Array:
        """(N,) shares of the order to send in each interval, at least 0, in any unit."""
        ...


@dataclass(frozen=True)
class AtOnce:
    """The whole order in the first interval.

    slices : number of intervals with which costs are told.
    """

    slices: int = 1

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_slices(self.slices)

    def shares(self, order: ParentOrder) -> Array:
        """As `Slicing.shares`."""
        return np.eye(1, self.slices)[0]


@dataclass(frozen=True)
class TWAP:
    """Time-weighted: equal slices.

    slices : number of intervals.
    """

    slices: int = 6

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_slices(self.slices)

    def shares(self, order: ParentOrder) -> Array:
        """As `Slicing.shares`."""
        return np.ones(self.slices)


@dataclass(frozen=True)
class VWAP:
    """Volume-weighted: slices in proportion to the volume that is expected in each interval.

    curve : volume of each interval, in any unit, such as `volume_curve` estimates it from intraday bars.
    """

    curve: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_curve(self.curve)

    @property
    def slices(self) -> int:
        """Number of intervals."""
        return len(self.curve)

    def shares(self, order: ParentOrder) -> Array:
        """As `Slicing.shares`."""
        return np.array(self.curve)


@dataclass(frozen=True)
class Participation:
    """A stated part of the volume that is expected in each interval, until the order is done.

    rate  : part of the volume, fraction.
    curve : volume of each interval, in any unit; the volume of the order's time is divided by it.
    """

    rate: float
    curve: tuple[float, ...] = (1.0,) * 12

    def __post_init__(self) -> None:
        """Check the settings."""
        if not (is_number(self.rate) and 0.0 < self.rate <= 1.0):
            refuse("rate of participation is", self.rate, "give a fraction of the volume, above 0 and at most 1.")
        _check_curve(self.curve)

    @property
    def slices(self) -> int:
        """Number of intervals."""
        return len(self.curve)

    def shares(self, order: ParentOrder) -> Array:
        """As `Slicing.shares`, in units.

        Raises : ConfigError without a volume, and for an order that the rate does not complete.
        """
        if order.volume is None:
            refuse("volume of an order is", None, "participation needs the volume that is expected in a session.")
        quantity, expected = float(order.quantity), order.volume * order.sessions
        if quantity > self.rate * expected:
            fix = (
                f"of {expected:,.0f} units that are expected in its time it does not complete an order of "
                f"{quantity:,.10g}. Give {np.ceil(quantity / expected * 1e4) / 1e4:g} or more, or more time."
            )
            refuse("rate of participation is", self.rate, fix)
        done = np.cumsum(self.curve) / np.sum(self.curve) * self.rate * expected
        return np.diff(np.minimum(done, quantity), prepend=0.0)


@dataclass(frozen=True)
class AlmgrenChriss:
    """The schedule of least E + λV, expected cost and variance of the cost, under linear impact.

    With the least cost alone (λ = 0) it is even. The larger λ, the more is sent at first.

    risk_aversion : λ, 1/currency.
    slices        : number of intervals.
    Source        : Almgren and Chriss (2000), Optimal Execution of Portfolio Transactions, section 2.2.
    """

    risk_aversion: float = 1e-6
    slices: int = 6

    def __post_init__(self) -> None:
        """Check the settings."""
        if not (is_number(self.risk_aversion) and self.risk_aversion >= 0.0):
            refuse("risk_aversion is", self.risk_aversion, "give a finite number that is at least 0, 1/currency.")
        _check_slices(self.slices)

    def shares(self, order: ParentOrder) -> Array:
        """As `Slicing.shares`: differences of x_k / X = sinh κ(T − t_k) / sinh κT.

        Raises : ConfigError without an impact, and for one without temporary impact.
        """
        if order.impact is None:
            refuse("impact of an order is", None, "the schedule of Almgren and Chriss needs its linear impact.")
        interval = order.sessions / self.slices
        growth = order.impact.urgency(self.risk_aversion, interval) * interval
        if growth == 0.0:
            return np.ones(self.slices)
        past, total = np.arange(self.slices + 1), -2.0 * growth * self.slices
        # sinh a(N − k) / sinh aN without an exponential that overflows
        left = np.exp(-growth * past) * np.expm1(total + 2.0 * growth * past) / np.expm1(total)
        return np.maximum(-np.diff(left), 0.0)


SLICINGS: Mapping[str, Callable[..., Slicing]] = {  # as `SlicingTerms` names them
    "twap": TWAP,
    "vwap": VWAP,
    "participation": Participation,
    "almgren_chriss": AlmgrenChriss,
}


@dataclass(frozen=True)
class Slice:
    """One slice.

    start    : moment at which it is sent, sessions from the beginning.
    quantity : units.
    """

    start: float
    quantity: Decimal


@dataclass(frozen=True)
class Sliced:
    """An order in slices.

    order      : the order.
    quantities : units of each interval; zero where nothing is sent.
    """

    order: ParentOrder
    quantities: tuple[Decimal, ...]

    @property
    def interval(self) -> float:
        """Length of an interval, sessions."""
        return self.order.sessions / len(self.quantities)

    @property
    def trades(self) -> Array:
        """(N,) units of each interval."""
        return np.array(self.quantities, dtype=float)

    @property
    def slices(self) -> tuple[Slice, ...]:
        """The slices, the first one first."""
        return tuple(Slice(k * self.interval, units) for k, units in enumerate(self.quantities) if units)

    @property
    def cost(self) -> float | None:
        """Expected cost under the order's linear impact, currency; None without one."""
        impact = self.order.impact
        return None if impact is None else impact.cost(self.trades, self.interval)

    @property
    def risk(self) -> float | None:
        """Standard deviation of that cost, currency; None without an impact."""
        impact = self.order.impact
        return None if impact is None else impact.risk(self.trades, self.interval)


def sliced(order: ParentOrder, slicing: Slicing) -> Sliced:
    """An order in slices of whole lots, whose sum is the order.

    What is sent by the end of each interval is the nearest number of lots to the shares so far, so that units left are
    never further from the schedule's than half a lot. The units beyond a whole number of lots that a sale of
    everything may have go with the last slice.

    Raises : ConfigError for what the kind of slicing needs and the order does not have.
    """
    shares = slicing.shares(order)
    lots, odd = divmod(order.quantity, order.lot)
    done = np.floor(int(lots) * (np.cumsum(shares) / shares.sum()) + 0.5)
    counts = [int(later) - int(earlier) for earlier, later in pairwise([0, *np.minimum(done, int(lots))])]
    counts[-1] += int(lots) - sum(counts)  # zero, unless a float has not as many digits
    last = max((k for k, count in enumerate(counts) if count), default=int(np.argmax(shares > 0.0)))
    return Sliced(order, tuple(count * order.lot + odd * (k == last) for k, count in enumerate(counts)))


def volume_curve(volumes: Array) -> tuple[float, ...]:
    """The curve of volume within a session: the mean over sessions of each bar's part of its session.

    volumes : (D, B) units of B intraday bars on each of D sessions.
    Raises  : ConfigError for a volume that is no number or below zero, and for a session without volume.
    """
    fix = "give (D, B) finite numbers that are at least 0, and sessions of which each has some volume."
    if np.ndim(volumes) != 2 or not (np.isfinite(volumes).all() and (volumes >= 0.0).all()):
        refuse("volumes of intraday bars are", volumes, fix)
    if not (totals := volumes.sum(axis=1)).all():
        refuse(f"the volume of session {int(np.argmin(totals))} of the intraday bars is", 0.0, fix)
    return tuple((volumes / totals[:, None]).mean(axis=0).tolist())


def _check_slices(slices: object) -> None:
    if not (is_whole(slices) and 1 <= slices <= MAX_SLICES):  # type: ignore[operator]
        refuse("slices is", slices, f"give a whole number from 1 to {MAX_SLICES:,}.")


def _check_curve(curve: object) -> None:
    values = curve if isinstance(curve, tuple | list) else ()
    _check_slices(len(values))
    if not all(is_number(value) and value >= 0.0 for value in values) or sum(values) <= 0.0:
        refuse("curve is", curve, "give the volume of each interval: numbers that are at least 0, not all of them 0.")
