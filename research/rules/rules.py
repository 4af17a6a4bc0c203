"""Rules that trade never, on a calendar, or past a band. The allocation gives the target.

What a calendar is worth depends on its days by luck: Hoffstein, Sibears and Faber (2019), Rebalance Timing Luck: The
Difference Between Hired and Fired, Journal of Index Investing 10(1). A tranche is an equal part of the portfolio that
was brought to the target at its last phase and has drifted since; at each phase one of them is brought back.
"""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from foundation.arguments import check_real, is_whole, refuse, shown
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError
from research.accounting.costs import Costs
from research.accounting.view import Hold, View, Why
from research.allocation import Allocation, TargetPath
from research.market.calendars import check_schedule
from research.market.market import Market, Past
from research.rules.bands import band_rows, cash_of, or_narrowest
from research.rules.no_trade_bands import NoTradeBands, restricted
from research.rules.protocol import CompiledRule, Schedule, UnfittedRule
from research.rules.rule_options import BREACHING, BY_CASH, PRO_RATA, TRANCHES, RuleOptions
from research.rules.standard_rule import (
    Bounds,
    Estimates,
    StandardRule,
    To,
    Within,
    check_allocation,
    check_box_destination,
    check_covariance_window,
    checked,
    goes,
    half_width,
    points,
    said,
    when,
)


@dataclass(frozen=True)
class Never(CompiledRule):
    """Buy the first target and hold it."""

    allocation: Allocation
    family: ClassVar[str] = "never"  # type: ignore[misc]
    has_plain_bands: ClassVar[bool] = True  # type: ignore[misc]
    depends_on_costs: ClassVar[bool] = False  # type: ignore[misc]
    long_name: ClassVar[str] = "never trades"  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check the allocation."""
        check_allocation(self)

    def decide(self, view: View) -> Hold:
        """Hold, always."""
        return Hold(Why("never"))

    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> NoTradeBands:
        """The rule as arrays: it is asked on no day."""
        asked = np.zeros(len(market.dates), dtype=bool)
        rows = band_rows(targets.rows, 1.0, 1.0)
        return NoTradeBands(asked, targets.row, **rows, fraction=1.0, trigger="never")  # type: ignore[arg-type]


@dataclass(frozen=True)
class Calendar(StandardRule):
    """Trade to target on a calendar.

    fraction : fraction of the way to the target that a trade goes; the rule is not asked again before its next day.
    schedule : the last scheduled session of every "day", "week", "month", "quarter" or "year"; the last session of each
    week that ends on "monday" … "friday"; or, as a whole number n, every n sessions.
    tranches : equal parts of the portfolio, each brought to target at a phase of its own, evenly spread over the
    period; what the others hold is the target of today, drifted since their last phase or the opening trade. With 1,
    all goes at once. With more, what is decided is how far each asset moves, and it moves as far at the booking; where
    an asset that was to move cannot, or was to leave, the others go to the weights that were meant.
    """

    allocation: Allocation
    schedule: Schedule = "quarter"  # type: ignore[misc]
    tranches: int = field(default=1, kw_only=True)  # type: ignore[misc]  # a setting here, one in most rules
    family: ClassVar[str] = "calendar"  # type: ignore[misc]
    depends_on_costs: ClassVar[bool] = False  # type: ignore[misc]
    trigger: ClassVar[str] = "calendar"
    again: ClassVar[bool] = False  # part of the way on each of its days: its box is one point, and never reached

    def __post_init__(self) -> None:
        """Check the settings."""
        self._check()
        for phase in self.offsets:
            check_schedule(self.schedule, phase)
        if self.tranches > 1 and self.fraction < 1.0:
            fix = f"its {self.tranches} tranches go all the way, one at a time."
            refuse("fraction of Calendar is", self.fraction, fix)

    @property
    def desk_schedule(self) -> Schedule:
        """Its calendar: a desk trades once a day of it was missed."""
        return self.schedule

    @property
    def desk_offsets(self) -> tuple[int, ...]:
        """The phases of its tranches."""
        return self.offsets

    @property
    def does(self) -> str:
        """Its schedule, in words."""
        spread = f" in {self.tranches} tranches" if self.tranches > 1 else ""
        return f"{when(self.schedule, self.offset)}{spread}, to target"

    @property
    def offsets(self) -> tuple[int, ...]:
        """Sessions from the calendar's day to each tranche's."""
        return tuple(self.offset + phase for phase in phases(self.schedule, self.tranches))

    @property
    def has_plain_bands(self) -> bool:
        """True if its arrays are a band round each asset and no more."""
        return self.is_unlimited and self.tranches == 1

    def rows(self, estimates: Estimates) -> Bounds:
        """The rows of a band of zero: every gap triggers, and the trade goes to the target."""
        return band_rows(estimates.target, 0.0, 0.0)

    def options(self, estimates: Estimates) -> RuleOptions:
        """The options of all rules; in tranches the amounts of a trade are decided."""
        options = super().options(estimates)
        return options._replace(some=True, makes_boxes=True, goal=TRANCHES) if self.tranches > 1 else options

    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> NoTradeBands:
        """The rule as arrays; in tranches each phase has a row of its own."""
        made = super().no_trade_bands(market, targets, costs)
        if self.tranches == 1:
            return made
        opened = int(np.argmax(targets.row >= 0))
        since, asked = self._since(market, opened), np.flatnonzero(made.asked & (targets.row >= 0))
        mixes = [drifted(targets.rows[targets.row[t]], market, since[:, t], int(t)) for t in asked]
        row = made.row.copy()
        row[asked] = len(made.target) + np.arange(len(asked))
        return self._with_mixes(made, np.array(mixes).reshape(-1, len(market.assets)), row, made.row[asked], market)

    def _today(self, view: View) -> Hold | NoTradeBands:
        """The no-trade bands of this day; `Hold` with the reason on a day that is none of its schedule."""
        made, t = super()._today(view), view.past.t
        if self.tranches == 1 or isinstance(made, Hold):
            return made
        since = self._since(view.past, view.opened)[:, t]
        if view.opened < 0:  # a desk: what fell due since it last traded is done today
            since = np.where(since > t - view.days_since_trade, t, since)
        mix = drifted(view.target, view.past, since, t)
        return self._with_mixes(made, mix[None], np.ones(1, dtype=np.int64), made.row, view.past)

    def _since(self, world: Market | Past, opened: int) -> NDArray[np.int64]:
        """(tranches, T) row of each tranche's last phase by each day; before it that of the opening trade, or -1."""
        at = np.array(self._phases(world))
        return np.maximum(np.maximum.accumulate(np.where(at, np.arange(at.shape[1]), -1), axis=1), opened)

    def _with_mixes(
        self, made: NoTradeBands, mixes: Array, row: NDArray[np.int64], of: NDArray[np.int64], world: Market | Past
    ) -> NoTradeBands:
        """The same bands with j rows more, each of which trades to a mix of tranches.

        made  : the bands without tranches.
        mixes : (j, n) weights, fraction of NAV.
        row   : (T,) row in force, of the old rows and the new ones.
        of    : (j,) row of `made` whose target is in force for each mix.
        world : the assets, and which of them may be traded.
        """
        more = restricted(band_rows(mixes, 0.0, 0.0) | {"target": made.target[of]}, world)
        rows = {name: np.concatenate([getattr(made, name), more[name]]) for name in more}
        return replace(made, row=row, **rows)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Threshold(StandardRule):
    """Trade when some weight has left its band, back into a box round the target.

    band : half-width: of kind "absolute", fraction of NAV, so that 0.02 is two percentage points; of kind "relative",
    fraction of each asset's target, so that 0.2 of a target of 60 points is twelve; of kind "volatility", relative too,
    but counted in each asset's own volatility: 0.5 lets an asset of 20 % a year drift by a tenth of its target.
    to : "target", the band's "edge", or `Within` a narrower band of the same kind.
    schedule : days on which it is asked: at every close, or on a calendar, as `Calendar` has it (calendar and band).
    kind, cap : see band; the cap is the most that a half-width that is not absolute may be, fraction of NAV: whichever
    of the two is tighter.
    review_schedule : a schedule on which it trades to target whatever the band says (calendar or band).
    lines : "all" move, into their box and toward targets what that leaves; or only the "breaching" ones do, and `payer`
    pays for it: the others "pro_rata" to their weights, "cash", or one asset by its name; what a payer lacks is paid
                 pro
    rata.
    returns, periods_per_year : returns of a volatility, estimated at each month's end, and returns a year.

    A target of zero, of an asset or of cash, has no relative band: its half-width is the narrowest of the others.
    The 5/25 rule is Threshold(…, 0.25, kind="relative", cap=0.05). Daryanani's, who acts when an asset is past a fifth
    of its target and goes half-way back, is Threshold(…, 0.2, to=Within(0.1), kind="relative").
    Source: Daryanani (2008), Opportunistic Rebalancing, Journal of Financial Planning 21(1).
    """

    allocation: Allocation
    band: float = 0.02
    to: To = "target"
    schedule: Schedule = "day"  # type: ignore[misc]
    kind: Literal["absolute", "relative", "volatility"] = "absolute"
    cap: float | None = None
    review_schedule: Schedule | None = None  # type: ignore[misc]
    lines: Literal["all", "breaching"] = "all"
    payer: str = "pro_rata"
    returns: int = 252
    periods_per_year: float = 252.0  # type: ignore[misc]
    family: ClassVar[str] = "band"  # type: ignore[misc]
    depends_on_costs: ClassVar[bool] = False  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check the band, its destination and how it is traded."""
        check_real("band of Threshold", self.band)
        if not self.band >= 0.0:
            raise ConfigError(
                f"band of Threshold is {shown(self.band)}: a half-width is at least 0 (0.02 is two percentage points)."
            )
        check_box_destination(self, self.to, self.band)
        if self.kind not in ("absolute", "relative", "volatility"):
            raise ConfigError(
                f"kind of Threshold is {shown(self.kind)}: a band is 'absolute', 'relative' or 'volatility'."
            )
        most = 1.0 if self.kind == "absolute" else 10.0
        if self.band > most and not (self.kind == "absolute" and np.isinf(self.band)):  # without end: it never trades
            meant = "0.02 is two points of NAV" if self.kind == "absolute" else "0.2 is a fifth"
            refuse("band of Threshold is", self.band, f"a band of kind {self.kind!r} is {most:g} at most ({meant}).")
        if self.cap is not None:
            self._check_cap(self.cap)
        if self.lines not in ("all", "breaching"):
            raise ConfigError(f"lines of Threshold is {shown(self.lines)}: 'all' move, or only the 'breaching' ones.")
        if not isinstance(self.payer, str):
            raise ConfigError(
                f"payer of Threshold is {shown(self.payer)}: use 'pro_rata', 'cash' or the name of an asset."
            )
        if self.lines == "all" and self.payer != "pro_rata":
            raise ConfigError(
                f"payer of Threshold is {shown(self.payer)} where all assets move: it pays for assets='breaching'."
            )
        check_covariance_window(self, "returns", self.returns, self.periods_per_year)
        self._check()

    def _check_cap(self, cap: float) -> None:
        check_real("cap of Threshold", cap)
        if self.kind == "absolute":
            raise ConfigError(
                f"cap of Threshold is {shown(cap)} of an absolute band of {self.band:g}: it caps a relative one."
            )
        if not 0.0 < cap <= 1.0:
            raise ConfigError(
                f"cap of Threshold is {shown(cap)}: it is a half-width above 0, at most 1, of NAV (0.05 is 5 points)."
            )

    @property
    def decides_once(self) -> bool:
        """So does one that moves only breaching assets: those that pay for them may breach in turn."""
        return self.lines == "breaching" or super().decides_once

    @property
    def window(self) -> int:
        """Returns that it estimates from: only a band of volatilities does."""
        return self.returns if self.kind == "volatility" else 0

    @property
    def has_plain_bands(self) -> bool:
        """True if its arrays are a band round each asset and no more."""
        return self.is_unlimited and self.lines == "all"

    @property
    def destination(self) -> float:
        """Half-width of the box that a trade goes into, of the kind of the band."""
        return half_width(self.to, self.band)

    @property
    def does(self) -> str:
        """The band and the destination, in words."""
        of = {"relative": "target", "volatility": "volatility times its target"}
        unit = f" % of its {of[self.kind]}" if self.kind in of else ""
        limit = f" or {points(self.cap)}" if self.cap is not None else ""
        band = f"{said(self.band)}{unit}" if unit else points(self.band)
        words = f"past {band}{limit}, {goes(self.destination, self.band, unit)}"
        if self.lines == "breaching":
            payer = {"pro_rata": "the others", "cash": "cash"}.get(self.payer, self.payer)
            words += f", only the assets past it, paid by {payer}"
        review = f", and {when(self.review_schedule)} to target" if self.review_schedule is not None else ""
        return words + checked(self) + review

    def rows(self, estimates: Estimates) -> Bounds:
        """The rows of its bands; on a day of the review schedule band and box are zero, which trades to target."""
        review = estimates.review[:, None]
        trigger, box = (
            np.where(review, 0.0, self._half_widths(estimates, band)) for band in (self.band, self.destination)
        )
        return band_rows(estimates.target, trigger, box)

    def options(self, estimates: Estimates) -> RuleOptions:
        """The options with the assets that a trade moves, and its funding. Raises ConfigError for an unknown payer."""
        options = super().options(estimates)
        if self.lines == "all":
            return options
        payers = {"pro_rata": PRO_RATA, "cash": BY_CASH} | {name: i for i, name in enumerate(estimates.market.assets)}
        if self.payer not in payers:
            raise ConfigError(
                f"payer of {type(self).__name__} is {shown(self.payer)}: use 'pro_rata', 'cash' or an asset of the "
                f"market ({', '.join(estimates.market.assets)})."
            )
        return options._replace(some=True, makes_boxes=True, goal=BREACHING, payer=payers[self.payer])

    def _half_widths(self, estimates: Estimates, band: float) -> Array | float:
        """Half-widths where the band, of the rule's kind, is `band`, as `band_rows` takes them."""
        if self.kind == "absolute":
            return band
        lines = np.abs(np.column_stack([estimates.target, cash_of(estimates.target)]))
        if self.kind == "volatility":
            volatility = np.sqrt(np.diagonal(estimates.covariance, axis1=1, axis2=2))
            lines[:, :-1] *= volatility
            lines[:, -1] = 0.0  # cash has none of its own
        widths = band * or_narrowest(lines)
        return widths if self.cap is None or band == 0.0 else np.minimum(widths, self.cap * (band / self.band))


@dataclass(frozen=True)
class TunedThreshold(UnfittedRule):
    """A threshold whose band and destination are still to be chosen on the training days (`comparison.tuning.tune`).

    bands : half-widths tried, fraction of NAV; by default ten from 0.5 to 10 points in equal steps of their logarithm.
    to : destinations tried, as fractions of the band: 0 is the target, 1 the edge.
    Raises : ConfigError where nothing is left to try, and where `Threshold` refuses a band or its destination.
    """

    allocation: Allocation
    bands: tuple[float, ...] = tuple(round(float(b), 6) for b in np.geomspace(0.005, 0.10, 10))
    to: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0)
    family: ClassVar[str] = "tuned"  # type: ignore[misc]
    long_name: ClassVar[str] = "threshold, its band and destination chosen on the training days"  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check all settings to try, by making each rule."""
        check_allocation(self)
        for name, tried in (("bands", self.bands), ("to", self.to)):
            if not isinstance(tried, tuple) or not tried:
                raise ConfigError(f"{name} of TunedThreshold is {shown(tried)}: give a tuple of at least one number.")
            for number in tried:
                check_real(f"{name} of TunedThreshold", number)
        self.candidates()

    def candidates(self) -> list[Threshold]:
        """Schedule band with every destination."""
        return [self._candidate(band, share) for band in self.bands for share in self.to]

    def _candidate(self, band: float, share: float) -> Threshold:
        try:
            return Threshold(self.allocation, band, Within(band * share))
        except ConfigError as error:
            raise ConfigError(f"TunedThreshold cannot try band {band!r} with to {share!r} of it: {error}") from error


SESSIONS_A_PERIOD = {"day": 1, "month": 21, "quarter": 63, "year": 252}  # about, in a period; of weeks and weekdays 5


def phases(schedule: Schedule, tranches: int) -> tuple[int, ...]:
    """(tranches,) sessions from the last session of a period to the phase of each tranche, evenly spread.

    schedule : the period, or a number of sessions.
    tranches : number of tranches.
    Raises   : ConfigError for no tranche, and for more than the period has sessions.

    >>> phases("quarter", 3)
    (0, 21, 42)
    """
    length = schedule if isinstance(schedule, int) else SESSIONS_A_PERIOD.get(schedule, 5)
    if not (is_whole(tranches) and 1 <= tranches <= length):
        fix = f"give a whole number from 1 to {length}, the sessions of every {schedule!r}."
        refuse("tranches of Calendar is", tranches, fix)
    return tuple(length * k // tranches for k in range(tranches))


def drifted(target: Array, world: Market | Past, since: NDArray[np.int64], t: int) -> Array:
    """(n,) mean weight of all tranches at row t, after each has drifted since its last phase, fraction of NAV.

    target : (n,) weights of a tranche after its phase, fraction of its value.
    world  : returns of the assets and of cash.
    since  : (tranches,) row of each tranche's last phase; a tranche whose row is -1, or t, holds the target.
    t      : row of the market.
    """
    total = np.zeros(len(target))
    for row in since:
        first = t if row < 0 else int(row)
        values = target * np.prod(1.0 + world.returns[first + 1 : t + 1], axis=0)
        cash = (1.0 - target.sum()) * np.prod(1.0 + world.cash[first + 1 : t + 1])
        total += values / (values.sum() + cash)
    return total / len(since)
