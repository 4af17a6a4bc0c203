"""What allocations under named constraints share: the short form of bounds, names that are checked, and turnover."""

from dataclasses import replace

from research.allocation.answer import Answer, Following
from research.allocation.constrained.bounds import Bound, check_bound, frozen_bound
from research.allocation.constraints.market_day import check_constraints
from research.allocation.constraints.optimum import Optimum
from research.allocation.constraints.records import Bounds, Constraints
from research.allocation.estimated import placed
from research.arrays import Rows
from research.errors import ConfigError
from research.market import Past


class Constrained(Following):
    """An allocation under constraints, of which `lower` and `upper` may state the bounds."""

    lower: Bound
    upper: Bound
    constraints: Constraints

    def freeze_bounds(self) -> None:
        """Make the bounds of settings hashable. Raises ConfigError for what is no bound, and for one stated twice."""
        for name in ("lower", "upper"):
            object.__setattr__(self, name, frozen_bound(getattr(self, name)))
            check_bound(f"{name} of {type(self).__name__}", getattr(self, name))
        with_bounds(self.constraints, self.lower, self.upper)

    @property
    def asked(self) -> Constraints:
        """The constraints, the bounds among them."""
        return with_bounds(self.constraints, self.lower, self.upper)

    @property
    def follows(self) -> bool:
        """Does a target depend on the one before it?"""
        return self.constraints.turnover is not None

    def check(self, past: Past) -> None:
        """Raise ConfigError for names that the market of a past does not have."""
        check_constraints(past, self.asked)


def answer_of(found: Optimum, lines: Rows, past: Past) -> Answer:
    """The best weights (k,) of the columns `lines` (k,) as the answer of an allocation at the close of `past`."""
    return Answer(
        placed(found.weights, lines, past), past.date, found.solver, found.status, found.unit, found.value,
        found.binding, why=found.failed, notes=found.notes,
    )  # fmt: skip


def with_bounds(constraints: Constraints, lower: Bound, upper: Bound) -> Constraints:
    """Constraints with the bounds of single lines that stand beside them.

    constraints : without bounds of the same lines.
    lower       : one for all lines, or pairs of name and bound. It says nothing of what is not named, nor 0 of any
                  line: without `gross` that is the least of every line.
    upper       : likewise, and 1.
    Raises      : ConfigError for a line, or all lines, bounded in both places, and for a least above the most.
    """
    sides = {side: bound for side, bound, default in (("least", lower, 0.0), ("most", upper, 1.0))
             if not isinstance(bound, tuple) and bound != default}  # fmt: skip
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
