"""The universal policy: near-optimal bands for any portfolio from one network that is trained once.

It receives a portfolio's target, covariance, costs and tracking penalty, and was trained on random markets only
(`training`): there is no date before which it may not decide.
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
from research.learning.card_shape import UNIVERSAL as FORMAT
from research.learning.card_shape import check_card
from research.learning.checksummed import read_checksummed
from research.learning.state import REACH, FeatureScaling
from research.learning.universal.equivariant import MOVING, STANDING, Equivariant, Lines, answers, arrays_of, lines_of
from research.market.calendars import at_least_weekly, check_schedule, scheduled
from research.market.market import Past
from research.market.tables import DATA
from research.risk.covariances import taken_apart
from research.risk.measures import TRACKING_PENALTY
from research.rules.bands import band_rows, or_narrowest
from research.rules.estimates import covariance_now
from research.rules.no_trade_bands import UNSEEN, decide_in
from research.rules.no_trade_region import half_widths
from research.rules.protocol import RuleTraits, Schedule
from research.rules.risk_rules import CHECKS
from research.rules.standard_rule import Square, check_allocation, check_window, when
from research.tolerances import TARGET

FOLDER = DATA / "policies" / "universal"
FIX = "Restore the folder from the repository, or make it again with `rebalance train universal`."
DRIFT, WIDTH = STANDING.index("drift between decisions"), STANDING.index("half-width over target")


class Trained(NamedTuple):
    """The network, the scaling of its features, and its model card."""

    net: Equivariant
    standard: FeatureScaling
    card: Mapping[str, Any]

    def widths(
        self, target: Array, weights: Array, covariance: Array, cost: Array, tracking_penalty: float, interval: float
    ) -> Array:
        """(n,) half-widths of the assets' boxes, fraction of NAV.

        Zero where trading is free or nothing drifts; an asset without variance or target has the narrowest of the
        others.
        target     : (n,) fraction of NAV.
        weights    : (n,) fraction of NAV.
        covariance : (n, n) a year, zeros for an asset of unknown risk.
        cost       : (n,) a side, fraction of the notional.
        tracking_penalty : price of squared tracking error.
        interval   : years between two decisions.
        """
        held, closed, seen, lines = _seen(target, covariance, cost, tracking_penalty, interval)
        widths = closed[None]
        if lines is not None:
            action = np.empty((1, int(seen.sum())))
            answers(self.net, self.standard, lines, weights[None, seen], action)
            widths[0, seen] *= REACH ** action[0]
        found: Array = np.where(held, widths, or_narrowest(widths))[0]
        return found


class Met(NamedTuple):
    """The properties of a portfolio by which training draws its markets.

    drift : of a gap between decisions over the half-width, geometric mean over assets.
    width : half-width over target, geometric mean over assets.
    lines : number of assets.
    """

    drift: float
    width: float
    lines: int


def _seen(
    target: Array, covariance: Array, cost: Array, tracking_penalty: float, interval: float
) -> tuple[Mask, Array, Mask, Lines | None]:
    """The input of the network.

    Returns : (n,) assets that are held and of known risk; (n,) closed-form half-widths, fraction of NAV; (n,) assets
              given to the network; and the portfolio of these, or None.
    """
    held, widths = (np.diag(covariance) > 0.0) & (target != 0.0), np.zeros(len(target))
    known = covariance[np.ix_(held, held)]
    widths[held] = np.maximum(half_widths(target[held], known, cost[held], tracking_penalty), 0.0)  # rounding
    seen = held & (widths > TARGET)
    if not seen.any():
        return held, widths, seen, None
    known = covariance[np.ix_(seen, seen)]
    return held, widths, seen, lines_of(target[seen], widths[seen], known, cost[seen], interval)


@dataclass(frozen=True)
class Universal(RuleTraits):
    """Bands round each target weight, as wide as the universal network has them for the weights of the day.

    Costs are each asset's commission and half-spread on the day. An asset without a full window has the narrowest box
    of the others. Trading cash is free; its box takes what the assets' boxes leave.
    allocation : what to hold.
    tracking_penalty : price of squared tracking error.
    schedule   : when it decides, as in `Calendar`; boxes are made for that interval.
    returns, periods_per_year, covariance : of its risk estimate, as in `NoTradeRegion`.
    Raises     : ConfigError for a setting out of range.
    """

    allocation: Allocation
    tracking_penalty: float = TRACKING_PENALTY
    schedule: Schedule = "week"
    returns: int = 252
    periods_per_year: float = 252.0
    covariance: Square | None = None
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    family: ClassVar[str] = "learned"  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check the settings."""
        check_allocation(self)
        check_positive(**{"tracking_penalty of Universal": self.tracking_penalty})
        check_window(self, "returns", self.returns, self.periods_per_year)
        try:
            check_schedule(self.schedule, name="schedule")
        except ConfigError as error:
            raise ConfigError(f"Universal: {error}") from error
        if self.covariance is not None:
            object.__setattr__(self, "covariance", _checked(self.covariance))

    @property
    def window(self) -> int:
        """Number of returns in its covariance; 0 where the covariance is given."""
        return self.returns if self.covariance is None else 0

    @property
    def risk_periods_per_year(self) -> float:
        """Those of its covariance."""
        return self.periods_per_year

    @property
    def desk_schedule(self) -> Schedule:
        """When it decides: a desk trades once a day of it was missed."""
        return self.schedule

    @property
    def limits_drift(self) -> bool:
        """Does it decide at least once a week?"""
        return at_least_weekly(self.schedule)

    @property
    def long_name(self) -> str:
        """What it does, in a few words."""
        return f"past the universal policy's band, to its edge, checked {when(self.schedule)}"

    @property
    def interval(self) -> float:
        """Years between two decisions."""
        if isinstance(self.schedule, int):
            return self.schedule / self.periods_per_year
        return 1.0 / CHECKS.get(self.schedule, self.periods_per_year)

    def decide(self, view: View) -> Hold | Trade:
        """Trade to the edge of the boxes when an asset is outside its own; else hold.

        Raises : ConfigError for a covariance of another number of lines.
        """
        past, target = view.past, view.target
        if not (view.unfinished or scheduled(past.days[-1:], self.schedule, past.calendar)[0]):
            return Hold(Why("learned"))
        covariance = self._known(past)
        if covariance is None:
            return Hold(UNSEEN)
        cost = view.costs.per_side[-1]
        widths = trained().widths(target, view.weights, covariance, cost, self.tracking_penalty, self.interval)
        around = np.append(widths, widths.sum())[None]  # cash may take all that the lines leave
        rows = band_rows(target[None], around, around)
        cash = rows["cash"].copy()
        cash[:, :2] = -np.inf, np.inf
        return decide_in(rows | {"cash": cash}, view, "learned", fraction=1.0)

    def met(self, view: View) -> Met | None:
        """The properties of the portfolio at a close; None where the network is not used.

        Raises : ConfigError for a covariance of another number of lines.
        """
        covariance = self._known(view.past)
        if covariance is None:
            return None
        *_, lines = _seen(view.target, covariance, view.costs.per_side[-1], self.tracking_penalty, self.interval)
        if lines is None:
            return None
        drift, width = np.exp(lines.standing[:, [DRIFT, WIDTH]].mean(axis=0)).tolist()
        return Met(drift, width, len(lines.target))

    def _known(self, past: Past) -> Array | None:
        """(n, n) covariance a year in force, or None before the first. Raises ConfigError for one of another size."""
        if self.covariance is None:
            found = covariance_now(past, self.returns, self.periods_per_year)
            return None if found is None else found[0]
        if len(self.covariance) != len(past.assets):
            refuse(
                f"covariance of Universal is for {len(self.covariance)} lines, and the market has",
                len(past.assets),
                "give one row and one column for each line.",
            )
        return np.array(self.covariance)


@cache
def trained() -> Trained:
    """The network that is shipped with the workbench."""
    return load(FOLDER)


def load(folder: str | Path) -> Trained:
    """The network in `folder`.

    Raises : DataError for a file that is missing, damaged, or of another format.
    """
    card, arrays = read_checksummed(Path(folder), FIX, FORMAT)
    try:
        check_card(card)
    except ValueError as error:
        raise DataError(f"{folder} holds no valid network: {error}. {FIX}") from error
    seen, units = len(MOVING) + len(STANDING), card["settings"]["hidden"]
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
    """A covariance as a tuple of rows. Raises ConfigError unless it is square, finite and positive semidefinite."""
    name = "covariance of Universal"
    square = floats(f"{name} is", covariance, "give a number for each two lines, a year.")
    if square.ndim != 2 or square.shape[0] != square.shape[1] or not np.isfinite(square).all():
        refuse(f"{name} is", covariance, "give finite numbers, with one row and one column for each line.")
    taken_apart(square, name)
    return tuple(tuple(map(float, row)) for row in square)
