"""The common part of the shipped rules: schedule, destination, fraction of the way, cooldown, turnover cap."""

from abc import abstractmethod
from typing import ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from foundation.arguments import check_real, is_number, is_whole, refuse, shown
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from research.accounting.costs import Costs
from research.accounting.view import Hold, Trade, View, Why
from research.allocation import TargetPath
from research.allocation.signals import days_with_orders
from research.market.calendars import at_least_weekly, check_schedule
from research.market.market import Market, Past
from research.rules.estimates import covariance_now, covariances, in_force, month_ends
from research.rules.no_trade_bands import UNSEEN, NoTradeBands, restricted
from research.rules.protocol import CompiledRule, Schedule, held_by
from research.rules.rule_options import RuleOptions

Bounds = dict[str, Array]  # the rows of no-trade bands by name, as `bands.band_rows` gives them
Square = tuple[tuple[float, ...], ...]
MOST_RETURNS = 100_000  # returns of a covariance: no market has more
WEEK, LEAST_FRACTION = 5, 0.5  # sessions; of the way that a trade goes, in a rule that limits drift


class Estimates(NamedTuple):
    """The inputs of the K rows of no-trade bands, as known when each row came into force.

    target     : (K, n) fraction of NAV.
    review     : (K,) true where the days of the row are those of the rule's `review_schedule`.
    covariance : (K, n, n) a year; (0, n, n) for a rule that needs none.
    rates      : (R, n) cost a side, fraction of the notional; R is the number of days, or 1 for all days.
    rates_then : (K, n) cost a side at the month's end at which the row's covariance was estimated, or costs that have a
                 day were taken for a given one; on the first day where there was none before.
    tickets    : (n,) currency an order.
    market     : names and classes of the assets, and which of them may be traded.
    view       : the close, where K is 1 and the rule is asked at it; None for bands of all days.
    """

    target: Array
    review: Mask
    covariance: Array
    rates: Array
    rates_then: Array
    tickets: Array
    market: Market | Past
    view: View | None = None


@dataclass(frozen=True, kw_only=True)
class StandardRule(CompiledRule):
    """The base of the shipped rules: settings that all of them have, and their decisions as no-trade bands.

    fraction     : fraction of the way to the box that a trade goes in a day, above 0 and at most 1. Below 1 the rule is
                   asked again on the next day, until it holds.
    cooldown     : sessions after a booked trade, the opening trade included, on which the rule is not asked.
    turnover_cap : limit of what is traded at once, one-way, before costs, fraction of NAV. The largest moves are made
                   first; the last one is cut. The rest waits for the next day on which the rule is asked. `fraction`
                   applies to the capped trade too.
    offset       : sessions from the days of the schedule to the days on which the rule is asked
                   (`research.market.calendars.scheduled`).
    """

    fraction: float = 1.0
    cooldown: int = 0  # type: ignore[misc]  # settings here, nothing in most rules
    turnover_cap: float | None = None  # type: ignore[misc]
    offset: int = 0
    trigger: ClassVar[str] = "band"
    again: ClassVar[bool] = True  # is it asked again on the day after a trade that went a fraction of the way?

    # -- what each rule says -----------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def schedule(self) -> Schedule | None:
        """The days on which the rule is asked (`research.market.calendars.scheduled`); "day" is every close.

        None, in a rule that takes it, leaves them open: every close, or in a portfolio those that are best in training.
        """

    @property
    def asked_schedule(self) -> Schedule:
        """The days on which the rule is asked: its schedule, or every close while that is left open."""
        return "day" if self.schedule is None else self.schedule

    @property
    def leaves_schedule_open(self) -> bool:
        """True if its schedule is still to be chosen in training."""
        return self.schedule is None

    @property
    @abstractmethod
    def does(self) -> str:
        """The rule's trigger and destination, in a few words, without the settings that all rules have."""

    @property
    def limits_drift(self) -> bool:
        """True if it is asked at least once a week, also after a trade, and trades most of the way in a few days."""
        quick = self.cooldown <= WEEK and self.turnover_cap is None and self.fraction >= LEAST_FRACTION
        return quick and at_least_weekly(self.asked_schedule)

    @property
    def periods_per_year(self) -> float:
        """Returns a year of the market that the covariance is estimated from."""
        return 252.0

    @property
    def risk_periods_per_year(self) -> float | None:
        """Periods a year by which the rule annualises its covariance; None for a rule without one."""
        return self.periods_per_year if self.window > 0 or self.covariance is not None else None

    @property
    def covariance(self) -> Square | None:
        """(n, n) covariance a year that is given; None where the rule estimates it or needs none."""
        return None

    @abstractmethod
    def rows(self, estimates: Estimates) -> Bounds:
        """The rows of the rule's no-trade bands: arrays (K, n) and (K, 4) by name, fraction of NAV."""

    def options(self, estimates: Estimates) -> RuleOptions:
        """The rule's options beyond its bands."""
        capped = self.turnover_cap is not None
        return RuleOptions(
            some=capped or self.cooldown > 0,
            makes_boxes=capped,
            cooldown=self.cooldown,
            turnover_cap=float(self.turnover_cap) if self.turnover_cap is not None else np.inf,
            rates=estimates.rates,
            tickets=estimates.tickets,
        )

    @property
    def is_unlimited(self) -> bool:
        """True for a rule without cooldown and without turnover cap."""
        return self.cooldown == 0 and self.turnover_cap is None

    def uncapped(self) -> "StandardRule | None":
        """The same rule without its turnover cap; None where it has none."""
        return None if self.turnover_cap is None else replace(self, turnover_cap=None)

    @property
    def long_name(self) -> str:
        """The rule's trigger and destination, in a few words, with the settings that are not the default."""
        words = [self.does]
        if self.fraction < 1.0:
            words.append(f"{said(self.fraction)} % of the way")
        if self.turnover_cap is not None:
            words.append(f"{said(self.turnover_cap)} % of NAV at once")
        if self.cooldown:
            words.append(f"resting {self.cooldown} sessions")
        return ", ".join(words)

    # -- what follows ------------------------------------------------------------------------------------------------

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or the box to trade into at this close."""
        today = self._today(view)
        return today if isinstance(today, Hold) else today.answer(view)

    @property
    def offsets(self) -> tuple[int, ...]:
        """Sessions from the days of the schedule to those on which the rule is asked."""
        return (self.offset,)

    def _phases(self, world: Market | Past) -> list[Mask]:
        """(T,) true on the days of the schedule, for each of `offsets`; a market keeps them for other rules."""
        return [world.scheduled(self.asked_schedule, offset) for offset in self.offsets]

    def _asked(self, world: Market | Past) -> Mask:
        """(T,) true on the days on which it is asked and has an order since the last such day."""
        phases, orders = self._phases(world), days_with_orders(held_by(self), world.days)
        asked: Mask = phases[0] if len(phases) == 1 else np.any(phases, axis=0)
        if orders is None:  # each day is one
            return asked
        counted, on = np.cumsum(orders), np.flatnonzero(asked)
        found = np.zeros(len(asked), bool)
        found[on] = np.diff(counted[on], prepend=0) > 0
        return found

    def _today(self, view: View) -> Hold | NoTradeBands:
        """The no-trade bands of this day (K = 1); `Hold` with the reason on a day on which the rule is not asked."""
        past, covariance, then = view.past, self._given(len(view.weights)), 0
        if self.window > 0:
            found = covariance_now(past, self.window, self.periods_per_year)
            if found is None:
                return Hold(UNSEEN)
            covariance, then = found[0][None], found[1]
        elif self.covariance is not None and len(view.costs.per_side) > 1:
            then = int(max(month_ends(past), default=0))
        review = view.reviewed
        if self.review_schedule is not None and not review:
            review = bool(past.scheduled(self.review_schedule)[-1])
        if not (view.unfinished or review or self._asked(past)[-1]):
            return Hold(Why(self.trigger))
        rates = view.costs.per_side
        rates_then = rates[min(then, len(rates) - 1)][None]
        estimates = Estimates(
            view.target[None], np.array([review]), covariance, rates[-1:], rates_then, view.costs.ticket, past, view
        )
        return self._bands(np.ones(1, dtype=bool), np.zeros(1, dtype=np.int64), estimates)

    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> NoTradeBands:
        """The rule as arrays on a market of T days and n assets.

        market  : the days, and the returns that a covariance is estimated from.
        targets : the path of the allocation's targets on this market.
        costs   : used by rules that weigh a trade against its cost, or rank assets by cost; by default trading is free.
        Raises  : ConfigError for a given covariance of other assets; PolicyError where no trade has a counterpart.
        """
        asked, days, n = self._asked(market), len(market.dates), len(market.assets)
        review = None if self.review_schedule is None else market.scheduled(self.review_schedule)
        found, ends, which, unseen = self._given(n), np.zeros(1, dtype=np.int64), None, 0
        if self.window > 0:
            found, ends, which = covariances(market, self.window, self.periods_per_year)
            found, ends = np.concatenate([found, np.zeros((1, n, n))]), np.append(ends, 0)  # of -1, where none is known
            unseen = int(np.argmax(which >= 0)) if which[-1] >= 0 else days
        rates, tickets = (np.zeros((1, n)), np.zeros(n)) if costs is None else (costs.per_side, costs.ticket)
        if self.covariance is not None and len(rates) > 1:
            ends, which = in_force(market)
            found, ends = np.repeat(found, len(ends) + 1, axis=0), np.append(ends, 0)
        row, of, reviewed, measured = _rows_of(targets, review, which)
        estimates = Estimates(
            targets.rows[of],
            reviewed,
            found[measured] if len(found) else found,
            rates,
            rates[np.minimum(ends[measured], len(rates) - 1)],
            tickets,
            market,
        )
        asked = asked if review is None else asked | review
        return self._bands(asked & (np.arange(days) >= unseen) if unseen else asked, row, estimates, unseen)

    def _bands(self, asked: Mask, row: NDArray[np.int64], estimates: Estimates, unseen: int = 0) -> NoTradeBands:
        rows, options = restricted(self.rows(estimates), estimates.market), self.options(estimates)
        if any(estimates.market.trading):
            options = options._replace(some=True, restricted=True)
        of = {"options": options, "unseen": unseen, "again": self.again}
        return NoTradeBands(asked, row, **rows, fraction=self.fraction, trigger=self.trigger, **of)  # type: ignore[arg-type]

    def _given(self, n: int) -> Array:
        """(1, n, n) the given covariance; (0, n, n) without one. Raises ConfigError for one of other assets."""
        if self.covariance is None:
            return np.empty((0, n, n))
        if len(self.covariance) != n:
            raise ConfigError(
                f"covariance of {type(self).__name__} is for {len(self.covariance)} assets, the market has {n}: give "
                "one row and column an asset."
            )
        return np.array([self.covariance], dtype=float)

    def _check(self) -> None:
        """Check the settings that all rules have. Raises ConfigError, naming the rule."""
        name = type(self).__name__
        check_allocation(self)
        if not (is_number(self.fraction) and 0.0 < self.fraction <= 1.0):
            refuse(f"fraction of {name} is", self.fraction, "it is more than 0 and at most 1 (1 goes all the way).")
        if not (is_whole(self.cooldown) and self.cooldown >= 0):
            refuse(f"cooldown of {name} is", self.cooldown, "give a whole number of sessions, 0 or more.")
        if self.turnover_cap is not None and not (is_number(self.turnover_cap) and 0.0 < self.turnover_cap <= 1.0):
            fix = "give a fraction of NAV above 0, at most 1, or nothing."
            refuse(f"turnover_cap of {name} is", self.turnover_cap, fix)
        try:
            check_schedule(self.asked_schedule, self.offset, "schedule")
            if self.review_schedule is not None:
                check_schedule(self.review_schedule, name="review_schedule")
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error


def points(fraction: float) -> str:
    """A fraction in percentage points, with their name.

    >>> points(0.0175), points(0.01)
    ('1.75 points', '1 point')
    """
    text = said(fraction)
    return f"{text} {'point' if text == '1' else 'points'}"


def said(fraction: float) -> str:
    """A fraction in per cent, or in percentage points, without a unit.

    >>> said(0.0175)
    '1.75'
    """
    return f"{round(100.0 * fraction, 2):g}"


def when(schedule: Schedule, offset: int = 0) -> str:
    """A schedule in words.

    schedule : a period, a weekday, or a number of sessions.
    offset   : sessions from the days of the schedule.

    >>> when("month", -1), when(10)
    ('each month, 1 session before', 'every 10 sessions')
    """
    words = f"every {schedule} sessions" if is_whole(schedule) else f"each {schedule}"
    if offset:
        words += f", {abs(offset)} session{'s' if abs(offset) > 1 else ''} {'after' if offset > 0 else 'before'}"
    return words


def checked(rule: StandardRule) -> str:
    """The schedule of a rule in words, to end a sentence; "" for a rule that is asked at every close."""
    schedule = rule.asked_schedule
    return "" if schedule == "day" else f", checked {when(schedule, rule.offset)}"


def check_allocation(owner: object) -> None:
    """Check that the `allocation` of a rule is one. Raises ConfigError."""
    held = held_by(owner)
    if isinstance(held, type) or not _is_allocation(held):
        fix = "give an allocation, such as FixedWeights((0.6, 0.4)) or HRP(window=252)."
        refuse(f"allocation of {type(owner).__name__} is", held, fix)


def _is_allocation(held: object) -> bool:
    """True for an object with the members of `Allocation`, which takes ten times as long to ask."""
    return hasattr(held, "schedule") and hasattr(held, "window") and getattr(held, "target", None) is not None


def check_covariance_window(owner: object, setting: str, window: int, periods_per_year: float) -> None:
    """Check the settings from which a covariance is estimated. Raises ConfigError, naming the rule.

    owner            : the rule.
    setting          : name of the setting that gives the window.
    window           : returns, 2 to 100,000.
    periods_per_year : returns a year, above 0.
    """
    name = type(owner).__name__
    if not (is_whole(window) and 2 <= window <= MOST_RETURNS):
        refuse(
            f"{setting} of {name} is", window, f"give a whole number of returns, 2 to {MOST_RETURNS:,}, such as 252."
        )
    if not (is_number(periods_per_year) and periods_per_year > 0.0):
        refuse(f"periods_per_year of {name} is", periods_per_year, "give 252 for days, 52 for weeks, 12 for months.")


def _rows_of(
    targets: TargetPath, review: Mask | None, which: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], Mask, NDArray[np.int64]]:
    """The K different combinations of target, review and covariance, and which of them is in force on each day.

    targets : path of T days.
    review  : (T,) true on the days of the review schedule, or None for no such day.
    which   : (T,) number of the covariance in force, -1 before the first; or None for number 0 on all days.
    Returns : (T,) the row in force; and of each of the K rows the number of its target, whether it is of a review, and
              the number of its covariance, (K,) each.
    """
    rows, days = len(targets.rows), len(targets.row)
    if (review is None or not review.any()) and (which is None or (which == which[0]).all()):
        number = 0 if which is None else which[0]
        return targets.row, np.arange(rows), np.zeros(rows, dtype=bool), np.full(rows, number)
    review = np.zeros(days, dtype=bool) if review is None else review
    which = np.zeros(days, dtype=np.int64) if which is None else which
    kinds = int(which.max()) + 2  # of a covariance, that of -1 too
    numbers, row = np.unique((2 * targets.row + review) * kinds + which + 1, return_inverse=True)
    of, kind = np.divmod(numbers, kinds)
    return row, of // 2, of % 2 > 0, kind - 1


@dataclass(frozen=True)
class Within:
    """A destination: the point of the box in which each asset is within `half_width` of its target.

    half_width : half-width in the unit of the band that it belongs to.
    """

    half_width: float
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check that it is a number; the rule checks that it is not wider than its band."""
        check_real("half_width", self.half_width)


To: TypeAlias = Literal["target", "edge"] | Within


def half_width(to: To, band: float) -> float:
    """Half-width of the box into which a band of half-width `band` trades, in the unit of the band."""
    if isinstance(to, Within):
        return to.half_width
    return band if to == "edge" else 0.0


def goes(destination: float, band: float, unit: str = "") -> str:
    """The destination of a band, in words.

    destination, band : half-widths of the box and of the band, in the same unit.
    unit              : text behind the number.
    """
    return {band: "to the edge", 0.0: "to target"}.get(destination, f"to within {said(destination)}{unit}")


def check_box_destination(owner: object, to: object, band: float) -> None:
    """Check that the destination of a rule lies inside its band. Raises ConfigError."""
    name = type(owner).__name__
    if not (isinstance(to, Within) or to in ("target", "edge")):
        raise ConfigError(f"to of {name} is {shown(to)}: use 'target', 'edge' or Within(half_width).")
    destination = half_width(to, band)  # type: ignore[arg-type]
    if not 0.0 <= destination <= band:
        raise ConfigError(
            f"to of {name} is {shown(to)}: destination {destination:g} lies outside the band of {band:g}: "
            "Within lies between 0 and the band."
        )
