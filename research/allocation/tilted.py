"""Another allocation's target, tilted by a forecast within a budget of tracking error, as far as it earned that.

    maximise view' d  subject to  d' Σ d ≤ (budget × confidence)², sum of d = 0, and the limits of the weights

d is the tilt, view what the forecast says beyond the mean so far (`research.forecast.earned`), and Σ the forecast's
covariance. A forecast that has earned nothing leaves the target as it is.
"""

import numpy as np
import pandas as pd

from foundation.arguments import check_positive, is_number, refuse
from foundation.arrays import Array, MadeAnew, Rows, freeze_fields
from foundation.dataclasses import dataclass, field, replace
from foundation.paper.wording import percent
from research.allocation.accuracy import LIMIT_TOLERANCE
from research.allocation.allocation import Allocation
from research.allocation.answer import Answer, Binding
from research.allocation.constrained.constrained import Constrained, with_bounds
from research.allocation.constraints.binding import brings
from research.allocation.constraints.builder import build
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.allocation.constraints.market_day import known_on
from research.allocation.constraints.optimum import Aim, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import Constraints
from research.allocation.constraints.risk_limits import risk_limit
from research.allocation.constraints.roots import root_of
from research.allocation.in_turn import part_answer
from research.allocation.wrapper import each_of
from research.forecast.earned import Earned, View, earned, view_of
from research.forecast.moments import Forecast
from research.market import Past

TILT_UNIT = "return a year that the view expects"
SUM_LIMIT = "tilt.sum"


@dataclass(frozen=True, eq=False)
class Tilt(MadeAnew):
    """The tilt of a day: what the forecast says of each asset, what was earned, and what moved.

    assets         : n names.
    base           : (n,) weights without the forecast, fraction of NAV.
    weights        : (n,) weights with it.
    forecast       : (n,) expected return a year, fraction; NaN of an asset without a forecast.
    baseline       : (n,) mean return a year so far; NaN likewise.
    view           : (n,) what the forecast says beyond it, return a year; NaN likewise.
    record         : the record of the forecast; None where its confidence is stated.
    confidence     : share of the budget that may be used, 0 to 1.
    budget         : tracking error a year, fraction.
    tracking_error : tracking error a year of the tilt, by the forecast's covariance.
    binding        : limits that hold the tilt back, the dearest first.
    notes          : what the forecast notes of itself, in sentences.
    """

    assets: tuple[str, ...]
    base: Array
    weights: Array
    forecast: Array
    baseline: Array
    view: Array
    record: Earned | None
    confidence: float
    budget: float
    tracking_error: float = 0.0
    binding: tuple[Binding, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "base", "weights", "forecast", "baseline", "view")

    @property
    def moved(self) -> Array:
        """(n,) change of the weights, fraction of NAV."""
        return self.weights - self.base

    def table(self) -> pd.DataFrame:
        """A row an asset; forecast, mean so far and view are returns a year, the others fractions of NAV."""
        columns = {"forecast": self.forecast, "mean so far": self.baseline, "view": self.view,
                   "without": self.base, "moved": self.moved, "with": self.weights}  # fmt: skip
        return pd.DataFrame(columns, index=pd.Index(self.assets, name="asset"))

    def sentences(self) -> tuple[str, ...]:
        """The record, what the forecast notes, the budget used, and the limits that hold the tilt back, in words."""
        why = f"The confidence is stated: {percent(self.confidence, 0)}." if self.record is None else str(self.record)
        if not np.nan_to_num(self.view).any() and (self.record is None or not self.record.silent):
            why = f"{why} Today the forecast says nothing beyond the mean so far."
        said = (why, *(f"The forecast notes: {note.removesuffix('.')}." for note in self.notes))
        if not self.moved.any():
            return (*said, "The target is the one without the forecast.")
        limits = "; ".join(one.limit for one in self.binding)
        used = (
            f"The tilt moves {percent(np.abs(self.moved).sum() / 2.0)} of NAV and uses a tracking error of "
            f"{percent(self.tracking_error, 2)} a year, of a budget of {percent(self.budget, 2)}"
        )
        return (*said, f"{used}{f'; held back by: {limits}' if limits else ''}.")


@dataclass(frozen=True, repr=False)
class Tilted(Constrained):
    """Another allocation's target, tilted by what a forecast says, as far as it earned that; the sum stays.

    allocation     : the portfolio without a forecast.
    forecast       : forecast of means and covariances.
    tracking_error : budget of tracking error to the portfolio, a year, fraction.
    confidence     : share of the budget that may be used; None for what was earned. 0 gives the portfolio itself, 1 the
                     whole budget, earned or not.
    ranges         : lower and upper bound of the weight of each asset, fraction of NAV, where `lower` and `upper` state
                     none. A portfolio outside these, or outside a constraint, is moved no further out.
    Others         : as of `Constrained`.
    Raises         : as `Constrained`, and what portfolio and forecast raise.
    Source         : Grinold and Kahn (2000), Active Portfolio Management, chapters 5 and 14; Roll (1992), A
                     Mean/Variance Analysis of Tracking Error, for tilts that sum to zero.
    """

    allocation: Allocation
    forecast: Forecast
    tracking_error: float = 0.02
    confidence: float | None = None
    ranges: tuple[tuple[str, float, float], ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_positive(**{"tracking_error of Tilted": self.tracking_error})
        if self.tracking_error >= 1.0:
            refuse("tracking_error of Tilted is", self.tracking_error, "give a fraction a year: 2 % is 0.02.")
        stated = self.confidence
        if stated is not None and not (is_number(stated) and 0.0 <= stated <= 1.0):
            refuse("confidence of Tilted is", stated, "give a share from 0 to 1, or leave it out to measure it.")
        if self.follows:
            fix = "leave it out, and hold the tilted target by `capped_turnover`."
            refuse("turnover among the constraints of Tilted is", self.constraints.turnover, fix)

    @property
    def window(self) -> int:
        """Number of returns that the portfolio or the forecast needs, whichever is more."""
        return max(self.allocation.window, self.forecast.window)

    def answer(self, past: Past, previous: Array | None = None) -> Answer:
        """(n,) the tilted target, fraction of NAV; where nothing moved, the portfolio's own answer."""
        base, tilt, notes = self._found(past)
        if not tilt.moved.any():
            return base
        return replace(base.within(tilt.weights), binding=tilt.binding, notes=(*base.notes, *notes))

    def tilt(self, past: Past) -> Tilt:
        """The tilt at the close of `past`, asset by asset."""
        return self._found(past)[1]

    def _found(self, past: Past) -> tuple[Answer, Tilt, tuple[str, ...]]:
        """The portfolio's answer, the tilt, and notes on limits."""
        base, view = part_answer(self.allocation, past), view_of(self.forecast, past)
        found = earned(self.forecast, past) if self.confidence is None else None
        share = found.confidence if found is not None else float(self.confidence or 0.0)
        year = self.periods_per_year
        forecast, baseline, of_view = (
            _in_columns(values * year, view, past) for values in (view.forecast, view.baseline, view.view)
        )
        weights = base.weights
        tilt = Tilt(
            past.assets, weights, weights, forecast, baseline, of_view, found, share, self.tracking_error,
            notes=view.notes,
        )  # fmt: skip
        used = self.tracking_error * share
        if used <= 0.0 or not view.tilt.any():
            return base, tilt, ()
        weights, binding, notes = self._moved(past, base.weights, view, used)
        moved = (weights - base.weights)[view.lines]
        risk = max(float(moved @ view.covariance @ moved) * year, 0.0) ** 0.5
        return base, replace(tilt, weights=weights, tracking_error=risk, binding=binding), notes

    def _moved(
        self, past: Past, base: Array, view: View, used: float
    ) -> tuple[Array, tuple[Binding, ...], tuple[str, ...]]:
        """The tilted weights (n,), the limits that bind, and notes."""
        year, lines = self.periods_per_year, np.flatnonzero(past.listed[-1])
        of_view, weights = np.searchsorted(lines, view.lines), base[lines]
        covariance, expected = np.zeros((len(lines), len(lines))), np.zeros(len(lines))
        covariance[np.ix_(of_view, of_view)], expected[of_view] = year * view.covariance, year * view.view
        limits = self._limits(past, lines, weights, covariance, of_view)
        straight = weights.copy()
        straight[of_view] += view.tilt * used / year**0.5
        key, words = "tilt.tracking_error", f"tracking error of the tilt is at most {percent(used, 2)} a year"
        root, found = root_of(covariance, limits.assets), base.copy()
        risk = risk_limit(key, words, root, weights, used, "raise the tracking error of the tilt")
        if limits.outside(straight).max(initial=0.0) <= LIMIT_TOLERANCE:
            found[lines] = straight
            price = float(expected @ (straight - weights)) / used
            return found, (Binding(words, price, brings(risk, price, TILT_UNIT, smaller=False), key),), limits.notes
        best = optimum(
            limits.with_limits([*limits.limits, risk]), Aim(Objective({WEIGHTS: -expected}), TILT_UNIT, -1.0)
        )
        found[lines] = best.weights
        binds = {one.limit: one for one in best.binding if one.key != SUM_LIMIT}  # of two alike, one
        return found, tuple(binds.values()), best.notes

    def _limits(self, past: Past, lines: Rows, weights: Array, covariance: Array, of_view: Rows) -> Limits:
        """The limits of listed assets, wide enough for the portfolio's weights; assets without a view stay."""
        asked = self._asked_on(past)
        limits = build(asked, known_on(past, asked, lines, self.window, covariance))
        stays = np.ones(len(lines))
        stays[of_view] = 0.0
        rows = {WEIGHTS: np.vstack([np.ones(len(lines)), np.eye(len(lines))[stays > 0.0]])}
        at = rows[WEIGHTS] @ weights
        kept = Limit(SUM_LIMIT, "the sum of the weights, and assets without a view, stay", rows, at, at, float(at[0]))
        x = limits.x(weights)
        return limits.with_limits([*(_holding(limits, one, x) for one in limits.limits), kept])

    def _asked_on(self, past: Past) -> Constraints:
        """The constraints of a day, with the ranges of its assets where nothing else states them."""
        lower, upper = self.lower, self.upper
        ranged = [one for one in self.ranges if one[0] in past.assets and one[0] not in self.constraints.lines]
        if lower is None and ranged:
            lower = tuple((name, low) for name, low, _ in ranged)
        if upper is None and ranged:
            upper = tuple((name, high) for name, _, high in ranged)
        return with_bounds(self.constraints, lower, upper)


def _in_columns(values: Array, view: View, past: Past) -> Array:
    """(n,) values (k,) of the assets of a view among all assets; NaN for the others."""
    found = np.full(len(past.assets), np.nan)
    found[view.lines] = values
    return found


def tilts_of(allocation: Allocation, past: Past) -> tuple[Tilt, ...]:
    """The tilts at the close of `past` of an allocation and of all that it scales or combines, the outermost first."""
    return tuple(one.tilt(past) for one in each_of(allocation) if isinstance(one, Tilted))


def _holding(limits: Limits, limit: Limit, x: Array) -> Limit:
    """A limit whose rows are wide enough for x (size,)."""
    if limit.root is not None:
        return limit.widened(limits.distance(limit, x))
    at = limits.matrix(limit.rows, len(limit.lower)) @ x
    return replace(limit, lower=np.minimum(limit.lower, at), upper=np.maximum(limit.upper, at))
