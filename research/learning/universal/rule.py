"""The universal rebalancer: near-optimal boxes for any portfolio at once, from one network that was trained for all.

It is given a portfolio's target, covariance, costs and g, and was trained on none: random markets are all it saw
(`training`), so that there is no date before which it may not decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from research.accounting import Hold, Trade, View, Why
from research.allocation import Allocation
from research.arguments import check_positive, floats, refuse
from research.arrays import Array, Mask, frozen
from research.errors import ConfigError, DataError
from research.learning.checksummed import read_checksummed
from research.learning.state import REACH, FeatureScaling
from research.learning.universal.equivariant import MOVING, STANDING, Equivariant, Lines, answers, arrays_of, lines_of
from research.market.calendars import check_schedule, scheduled
from research.market.market import Past
from research.market.tables import DATA
from research.risk.covariances import taken_apart
from research.rules.bands import band_rows, or_narrowest
from research.rules.by_risk import CHECKS
from research.rules.corridor import UNSEEN, decide_in
from research.rules.estimates import covariance_now
from research.rules.handled import Every, Square, check_allocation, check_window, when
from research.rules.no_trade_region import half_widths

FORMAT = "universal rebalancer, 1"
FOLDER = DATA / "policies" / "universal"
FIX = "Restore the folder from the repository, or make it again with `rebalance train universal`."
DRIFT, WIDTH = STANDING.index("drift between decisions"), STANDING.index("half-width over target")
SMALLEST = 1e-9  # of NAV: a closed-form half-width below it is none


class Trained(NamedTuple):
    """The network, what its features are standardised by, and the card that says how it was trained."""

    net: Equivariant
    standard: FeatureScaling
    card: Mapping[str, Any]

    def widths(self, target: Array, weights: Array, covariance: Array, cost: Array, g: float, interval: float) -> Array:
        """(n,) half-widths of the lines' boxes, fraction of NAV.

        target, weights : (n,) fraction of NAV.  covariance : (n, n) a year, zeros for a line of which nothing is known.
        cost : (n,) a side, fraction of the notional.  g : price of squared tracking.  interval : years between
        decisions.
        Zero where trading is free or nothing drifts; a line without variance or target has the narrowest of the others.
        """
        held, closed, seen, lines = _seen(target, covariance, cost, g, interval)
        widths = closed[None]
        if lines is not None:
            action = np.empty((1, int(seen.sum())))
            answers(self.net, self.standard, lines, weights[None, seen], action)
            widths[0, seen] *= REACH ** action[0]
        found: Array = np.where(held, widths, or_narrowest(widths))[0]
        return found


class Met(NamedTuple):
    """What a portfolio is like, as training draws its markets: the first two are geometric means of its lines.

    drift : of a gap between decisions, over the half-width.  width : half-width over target.  lines : their number.
    """

    drift: float
    width: float
    lines: int


def _seen(
    target: Array, covariance: Array, cost: Array, g: float, interval: float
) -> tuple[Mask, Array, Mask, Lines | None]:
    """What the network is asked: (n,) which lines are held and of known risk, (n,) closed-form half-widths, (n,) which
    of the lines it is asked for, and how it sees them, if any.
    """
    held, widths = (np.diag(covariance) > 0.0) & (target != 0.0), np.zeros(len(target))
    known = covariance[np.ix_(held, held)]
    widths[held] = np.maximum(half_widths(target[held], known, cost[held], g), 0.0)  # rounding
    seen = held & (widths > SMALLEST)
    if not seen.any():
        return held, widths, seen, None
    known = covariance[np.ix_(seen, seen)]
    return held, widths, seen, lines_of(target[seen], widths[seen], known, cost[seen], interval)


@dataclass(frozen=True)
class Universal:
    """A box round each line's target, as wide as the universal rebalancer has it for the weights of the day.

    allocation : what to hold.  g : price of squared tracking.
    every      : when it decides, as `Calendar` has it; the boxes are made for as long as that is.
    returns, periods_per_year, covariance : what it knows of risk, as `NoTradeRegion` has it.
    Costs are each line's commission and half-spread on the day. Of a line without its whole window nothing is known: it
    has the narrowest box of the others. Cash trades for nothing, and takes what the lines' boxes leave.
    Raises     : ConfigError for a setting out of range.
    """

    allocation: Allocation
    g: float = 5.0
    every: Every = "week"
    returns: int = 252
    periods_per_year: float = 252.0
    covariance: Square | None = None
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    family: ClassVar[str] = "learned"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_allocation(self)
        check_positive(**{"g of Universal": self.g})
        check_window(self, "returns", self.returns, self.periods_per_year)
        try:
            check_schedule(self.every)
        except ConfigError as error:
            raise ConfigError(f"Universal: {error}") from error
        if self.covariance is not None:
            object.__setattr__(self, "covariance", _checked(self.covariance))

    @property
    def window(self) -> int:
        """Returns that its covariance is of; 0 where that is known."""
        return self.returns if self.covariance is None else 0

    @property
    def words(self) -> str:
        """What it does, in a few words."""
        return f"past the universal rebalancer's box, to its edge, asked {when(self.every)}"

    @property
    def interval(self) -> float:
        """Years from one decision to the next."""
        if isinstance(self.every, int):
            return self.every / self.periods_per_year
        return 1.0 / CHECKS.get(self.every, self.periods_per_year)

    def decide(self, view: View) -> Hold | Trade:
        """Trade to the edge of the box when a line is outside it."""
        past, target = view.past, view.target
        if not (view.unfinished or scheduled(past.days[-1:], self.every, past.calendar)[0]):
            return Hold(Why("learned"))
        covariance = self._known(past)
        if covariance is None:
            return Hold(UNSEEN)
        cost = view.costs.per_side[-1]
        widths = trained().widths(target, view.weights, covariance, cost, self.g, self.interval)
        around = np.append(widths, widths.sum())[None]  # cash may take all that the lines leave
        rows = band_rows(target[None], around, around)
        cash = rows["cash"].copy()
        cash[:, :2] = -np.inf, np.inf
        return decide_in(rows | {"cash": cash}, view, "learned", part=1.0)

    def met(self, view: View) -> Met | None:
        """What the portfolio of a close is like; None where nothing is asked of the network."""
        covariance = self._known(view.past)
        if covariance is None:
            return None
        *_, lines = _seen(view.target, covariance, view.costs.per_side[-1], self.g, self.interval)
        if lines is None:
            return None
        drift, width = np.exp(lines.standing[:, [DRIFT, WIDTH]].mean(axis=0)).tolist()
        return Met(drift, width, len(lines.target))

    def _known(self, past: Past) -> Array | None:
        """(n, n) the covariance a year in force; None before the first. Raises ConfigError for one of other lines."""
        if self.covariance is None:
            found = covariance_now(past, self.returns, self.periods_per_year)
            return None if found is None else found[0]
        if len(self.covariance) != len(past.assets):
            refuse(
                f"covariance of Universal is for {len(self.covariance)} lines, and the market has",
                len(past.assets),
                "give one row and column a line.",
            )
        return np.array(self.covariance)


@cache
def trained() -> Trained:
    """The network that comes with the workbench."""
    return load(FOLDER)


def load(folder: str | Path) -> Trained:
    """The network in `folder`. Raises DataError when it is missing, of another version, or not as it was written."""
    card, arrays = read_checksummed(Path(folder), FIX, FORMAT)
    seen, units = len(MOVING) + len(STANDING), int(card["settings"]["hidden"])
    square, row = (units, units), (units,)
    own = ((seen, units), row, square, row, square, square, square, row, (units, 1), (1,))
    shapes = dict(zip(Equivariant._fields, own, strict=True)) | {"feature_mean": (seen,), "feature_deviation": (seen,)}
    for name, shape in shapes.items():
        found = arrays.get(name)
        if found is None or found.shape != shape or not np.isfinite(found).all():
            what = None if found is None else found.shape
            raise DataError(f"{name} in {folder} has the shape {what}, expected {shape} finite numbers. {FIX}")
    standard = FeatureScaling(frozen(arrays["feature_mean"]), frozen(arrays["feature_deviation"]))
    return Trained(arrays_of(arrays), standard, card)


def _checked(covariance: Any) -> Square:
    """A covariance as it is kept. Raises ConfigError."""
    name = "covariance of Universal"
    square = floats(f"{name} is", covariance, "give a number for each two lines, a year.")
    if square.ndim != 2 or square.shape[0] != square.shape[1] or not np.isfinite(square).all():
        refuse(f"{name} is", covariance, "give as many rows as columns, a line each, of finite numbers.")
    taken_apart(square, name)
    return tuple(tuple(map(float, row)) for row in square)
