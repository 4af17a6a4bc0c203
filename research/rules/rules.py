"""When and how far to trade: never, on a calendar, or past a band. What to hold is the allocation's business."""

from dataclasses import dataclass
from numbers import Real
from typing import ClassVar, Literal, Protocol

import numpy as np

from research.accounting.view import Hold, Policy, Trade, View, Why
from research.allocation import Allocation, TargetPath
from research.errors import ConfigError
from research.market.calendars import EVERY, last_of
from research.market.market import Array, Market
from research.rules.corridor import Corridor, band_rows, cash_of, decide_in

Every = Literal["day", "week", "month", "quarter", "year"]


class Rule(Policy, Protocol):
    """A policy that is played on the targets of an allocation: when and how far to trade, and what to hold."""

    @property
    def allocation(self) -> Allocation:
        """What to hold."""
        ...


@dataclass(frozen=True)
class Never:
    """Buy the first target and hold it."""

    allocation: Allocation
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    family: ClassVar[str] = "never"

    def decide(self, view: View) -> Hold:
        """Hold, always."""
        return Hold(Why("never"))

    def corridor(self, market: Market, targets: TargetPath) -> Corridor:
        """The rule as arrays: it is asked on no day."""
        asked = np.zeros(len(market.dates), dtype=bool)
        return Corridor(asked, targets.row, **band_rows(targets.rows, 1.0, 1.0), part=1.0, trigger="never")


@dataclass(frozen=True)
class Calendar:
    """Trade to target at the last scheduled session of every day, week, month, quarter or year."""

    allocation: Allocation
    every: Every = "quarter"
    part: float = 1.0
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    family: ClassVar[str] = "calendar"

    def __post_init__(self) -> None:
        """Check the period and the part."""
        if self.every not in EVERY:
            raise ConfigError(f"every is {self.every!r}: use one of {', '.join(EVERY)}.")
        _check_part(self.part)

    def decide(self, view: View) -> Hold | Trade:
        """Trade to target when today is the last session of its period, by the exchange calendar."""
        if not (view.unfinished or last_of(view.past.days[-1:], self.every, view.past.calendar)[0]):
            return Hold(Why("calendar"))
        return decide_in(band_rows(view.target[None], 0.0, 0.0), view, "calendar", self.part)

    def corridor(self, market: Market, targets: TargetPath) -> Corridor:
        """The rule as arrays: a band of zero, asked on the calendar."""
        asked = last_of(market.days, self.every, market.calendar)
        return Corridor(asked, targets.row, **band_rows(targets.rows, 0.0, 0.0), part=self.part, trigger="calendar")


@dataclass(frozen=True)
class Within:
    """A destination: the nearest point with every line within `half_width` of its target, of the kind of its band."""

    half_width: float
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check that it is a number; the band that it must lie within is the rule's."""
        _check_number("half_width", self.half_width)


@dataclass(frozen=True)
class Threshold:
    """Trade when some weight has left its band, back into a box round the target.

    band : half-width: of kind "absolute", fraction of NAV, so that 0.02 is two percentage points; of kind "relative",
    fraction of each line's target, so that 0.2 of a target of 60 points is twelve.
    to : "target", the band's "edge", or `Within` a narrower band of the same kind.
    part : how much of the way to go in a day; with less than 1 the rule is asked again on the next.
    check : when it looks: at every close, or at the last scheduled session of every week, month, quarter or year.
    cap : the most that a relative half-width may be, fraction of NAV: whichever of the two is tighter.

    A target of zero, of a line or of cash, has no relative band: its half-width is the narrowest of the others.
    The 5/25 rule is Threshold(…, 0.25, kind="relative", cap=0.05). Daryanani's, who acts when a line is past a fifth of
    its target and goes half-way back, is Threshold(…, 0.2, to=Within(0.1), kind="relative").
    Source: Daryanani (2008), Opportunistic Rebalancing, Journal of Financial Planning 21(1).
    """

    allocation: Allocation
    band: float = 0.02
    to: Literal["target", "edge"] | Within = "target"
    part: float = 1.0
    check: Every = "day"
    kind: Literal["absolute", "relative"] = "absolute"
    cap: float | None = None
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    family: ClassVar[str] = "band"

    def __post_init__(self) -> None:
        """Check the band and its destination."""
        _check_number("band", self.band)
        if not self.band >= 0.0:
            raise ConfigError(f"band is {self.band!r}: a half-width is at least 0 (0.02 is two percentage points).")
        if not (isinstance(self.to, Within) or self.to in ("target", "edge")):
            raise ConfigError(f"to is {self.to!r}: use 'target', 'edge' or Within(half_width).")
        if not 0.0 <= self.destination <= self.band:
            raise ConfigError(
                f"destination {self.destination:g} lies outside the band of {self.band:g}: Within lies between 0 and "
                "the band."
            )
        _check_part(self.part)
        if self.check not in EVERY:
            raise ConfigError(f"check is {self.check!r}: use one of {', '.join(EVERY)}.")
        if self.kind not in ("absolute", "relative"):
            raise ConfigError(f"kind is {self.kind!r}: a band is 'absolute' or 'relative'.")
        if self.cap is not None:
            self._check_cap(self.cap)

    def _check_cap(self, cap: float) -> None:
        _check_number("cap", cap)
        if self.kind != "relative":
            raise ConfigError(f"cap is {cap!r} of an absolute band of {self.band:g}: it caps a relative one.")
        if not cap > 0.0:
            raise ConfigError(f"cap is {cap!r}: it is a half-width above 0, fraction of NAV.")

    @property
    def destination(self) -> float:
        """Half-width of the box that a trade goes into, of the kind of the band."""
        if isinstance(self.to, Within):
            return self.to.half_width
        return self.band if self.to == "edge" else 0.0

    def rows(self, target: Array) -> dict[str, Array]:
        """The rows of the rule's corridor for targets (K, n), fraction of NAV."""
        return band_rows(target, self._half_widths(target, self.band), self._half_widths(target, self.destination))

    def _half_widths(self, target: Array, band: float) -> Array:
        """(K, n + 1) half-widths, that of cash last, fraction of NAV, where the band or the destination is `band`."""
        lines = np.abs(np.column_stack([target, cash_of(target)]))
        if self.kind == "absolute":
            return np.full(lines.shape, band)
        narrowest = np.where(lines > 0.0, lines, np.inf).min(axis=1, keepdims=True)
        widths: Array = band * np.where(lines > 0.0, lines, narrowest)
        return widths if self.cap is None or band == 0.0 else np.minimum(widths, self.cap * (band / self.band))

    def decide(self, view: View) -> Hold | Trade:
        """Trade into the box when the widest gap is past the band, on a day on which it is checked."""
        past = view.past
        if self.check != "day" and not (view.unfinished or last_of(past.days[-1:], self.check, past.calendar)[0]):
            return Hold(Why("band"))
        return decide_in(self.rows(view.target[None]), view, "band", self.part)

    def corridor(self, market: Market, targets: TargetPath) -> Corridor:
        """The rule as arrays, asked on the days on which it is checked."""
        every_day = np.ones(len(market.dates), dtype=bool)
        asked = every_day if self.check == "day" else last_of(market.days, self.check, market.calendar)
        return Corridor(asked, targets.row, **self.rows(targets.rows), part=self.part, trigger="band")


@dataclass(frozen=True)
class TunedThreshold:
    """A threshold whose band and destination are still to be chosen on the training days (`backtests.tuning.tune`).

    bands : half-widths tried, fraction of NAV; by default ten from 0.5 to 10 points in equal steps of their logarithm.
    to : destinations tried, as fractions of the band: 0 is the target, 1 the edge.
    Raises : ConfigError where nothing is left to try, and where `Threshold` refuses a band or its destination.
    """

    allocation: Allocation
    bands: tuple[float, ...] = tuple(round(float(b), 6) for b in np.geomspace(0.005, 0.10, 10))
    to: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0)
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    family: ClassVar[str] = "tuned"

    def __post_init__(self) -> None:
        """Check what is tried, by making all of it."""
        for name, tried in (("bands", self.bands), ("to", self.to)):
            if not isinstance(tried, tuple) or not tried:
                raise ConfigError(f"{name} of TunedThreshold is {tried!r}: give a tuple of at least one number.")
            for number in tried:
                _check_number(f"{name} of TunedThreshold", number)
        self.candidates()

    def candidates(self) -> list[Threshold]:
        """Every band with every destination."""
        return [self._candidate(band, part) for band in self.bands for part in self.to]

    def _candidate(self, band: float, part: float) -> Threshold:
        try:
            return Threshold(self.allocation, band, Within(band * part))
        except ConfigError as error:
            raise ConfigError(f"TunedThreshold cannot try band {band!r} with to {part!r} of it: {error}") from error


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConfigError(f"{name} is {value!r}: give a plain number, such as 0.02.")


def _check_part(part: float) -> None:
    _check_number("part", part)
    if not 0.0 < part <= 1.0:
        raise ConfigError(f"part is {part!r}: it is more than 0 and at most 1 (1 goes all the way).")
