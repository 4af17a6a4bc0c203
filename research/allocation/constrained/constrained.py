"""The common part of allocations under named constraints: their settings, checked names, and turnover."""

from collections.abc import Mapping
from typing import ClassVar

from foundation.arguments import check_positive, is_number, refuse
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError
from research.allocation.accuracy import ZERO_FROM_SOLVER
from research.allocation.answer import Answer, Following
from research.allocation.constraints.market_day import check_constraints
from research.allocation.constraints.optimum import Optimum
from research.allocation.constraints.records import Bounds, Constraints, given
from research.allocation.estimated import EstimationSchedule, check_period, placed
from research.market import Past

Pairs = tuple[tuple[str, float], ...]
Bound = float | Mapping[str, float] | Pairs  # kept as a number, or as pairs in the order of the names


def frozen_bound(bound: Bound) -> float | Pairs:
    """A bound that can be hashed: a number, or pairs in the order of the names."""
    return tuple(sorted(bound.items())) if hasattr(bound, "items") else bound  # type: ignore[return-value]


def check_bound(owner: str, bound: object) -> None:
    """Raise ConfigError for a bound that is no fraction of NAV from -1 to 1, or a name given twice."""
    pairs = bound if isinstance(bound, tuple) else (("", bound),)
    for name, value in pairs:
        if not (is_number(value) and -1.0 <= value <= 1.0):
            of = f"{owner} for {name}" if name else owner
            refuse(f"{of} is", value, "give a fraction of NAV, such as 0.3.")
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{owner} names {twice!r} twice. Name each asset once.")


SHORT_NOTE = (
    "assets are short, as `gross` allows where no least is stated: write `lower: 0` beside the constraints for long "
    "assets only, or the least that you mean."
)


@dataclass(frozen=True, kw_only=True, repr=False)
class Constrained(Following):
    """An allocation under constraints, and the settings that all of them have, given by name.

    lower       : least weight of each asset, fraction of NAV: one for all, or by name. Where none is stated it is 0;
                  with `gross` among the constraints -gross, so that `lower: 0` keeps all assets long.
    upper       : most weight of each asset, likewise; where none is stated 1, with `gross` gross.
    constraints : further constraints on the weights.
    periods_per_year : returns a year.
    schedule    : "day", "week", "month", "quarter" or "year".
    Raises      : ConfigError for settings outside these, and, when asked, for names that the market does not have;
                  NotSolvedError, with a smallest conflicting set, where no weights keep all.
    """

    lower: Bound | None = None
    upper: Bound | None = None
    constraints: Constraints = field(default_factory=Constraints)
    periods_per_year: float = 252.0
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __repr__(self) -> str:
        """The settings that differ from their defaults: there are many, of which a file names few."""
        return given(self)

    def __post_init__(self) -> None:
        """Check the settings, and make the bounds hashable."""
        owner = type(self).__name__
        check_period(owner, self.schedule)
        check_positive(**{f"periods_per_year of {owner}": self.periods_per_year})
        for name in ("lower", "upper"):
            if (bound := getattr(self, name)) is not None:
                object.__setattr__(self, name, frozen_bound(bound))
                check_bound(f"{name} of {owner}", getattr(self, name))
        with_bounds(self.constraints, self.lower, self.upper)

    @property
    def asked(self) -> Constraints:
        """The constraints, the bounds among them."""
        return with_bounds(self.constraints, self.lower, self.upper)

    @property
    def follows(self) -> bool:
        """True if a target depends on the one before it."""
        return self.constraints.turnover is not None

    def check(self, past: Past) -> None:
        """Raise ConfigError for names that the market of a past does not have."""
        check_constraints(past, self.asked)


def answer_of_optimum(found: Optimum, lines: Rows, past: Past, asked: Constraints) -> Answer:
    """The best weights as the answer of an allocation at the close of `past`.

    found : best weights (k,) of the columns `lines` (k,).
    lines : columns of the market.
    past  : market of n assets up to the close.
    asked : constraints, the bounds of settings among them.
    """
    return Answer(
        placed(found.weights, lines, past), past.date, found.solver, found.status, found.unit, found.value,
        found.binding, why=found.failed, notes=(*found.notes, *short_notes(found.weights, lines, past, asked)),
    )  # fmt: skip


def short_notes(weights: Array, lines: Rows, past: Past, asked: Constraints) -> tuple[str, ...]:
    """A sentence where weights (k,) of the columns `lines` (k,) are short, of which no least is stated."""
    stated = {name for name, bounds in asked.lines.items() if bounds.least is not None}
    if asked.every_line is not None and asked.every_line.least is not None:
        return ()
    short = [past.assets[line] for line, weight in zip(lines, weights, strict=True) if weight < -ZERO_FROM_SOLVER]
    return (SHORT_NOTE,) if set(short) - stated else ()


def with_bounds(constraints: Constraints, lower: Bound | None, upper: Bound | None) -> Constraints:
    """Constraints with the bounds of single assets that stand beside them.

    constraints : constraints without bounds of the same assets.
    lower       : one for all assets, or pairs of name and bound; None for none. It says nothing of assets that are not
                  named, and 0 nothing that holds without `gross` anyway.
    upper       : likewise, and 1.
    Raises      : ConfigError for an asset, or all assets, bounded in both places, and for a least above the most.
    """
    sides = {side: bound for side, bound, default in (("least", lower, 0.0), ("most", upper, 1.0))
             if not isinstance(bound, tuple | None) and (constraints.shorts or bound != default)}  # fmt: skip
    named = {name: (dict(lower).get(name) if isinstance(lower, tuple) else None,
                    dict(upper).get(name) if isinstance(upper, tuple) else None)
             for bound in (lower, upper) if isinstance(bound, tuple) for name, _ in bound}  # fmt: skip
    twice = [name for name in named if name in constraints.lines]
    if twice or (constraints.every_line is not None and sides):
        what = f"constraints.lines.{twice[0]}" if twice else "constraints.every_line"
        raise ConfigError(f"{what} is bounded by lower or upper too. Keep one of the two.")
    lines = {name: Bounds(least=low, most=high) for name, (low, high) in named.items()}
    if not sides and not lines:
        return constraints
    every = Bounds(**sides) if sides else constraints.every_line  # type: ignore[arg-type]
    return replace(constraints, every_line=every, lines={**constraints.lines, **lines})
