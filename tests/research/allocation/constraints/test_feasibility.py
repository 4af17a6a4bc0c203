"""Conflicting sets against scipy's linear programmes, and relaxations that work."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.optimize import linprog

from foundation.arrays import Array
from research.allocation.constraints.builder import build
from research.allocation.constraints.feasibility import Conflict, Mend, Room, conflict, room
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.records import Bounds, Cardinality, Constraints, Exposure, Group, Most


@dataclass(frozen=True)
class Side:
    """An inequality as the test itself writes it: row · w <= right."""

    row: Array
    right: float


def relaxed(limits: Limits, mends: Sequence[Mend]) -> Limits:
    """The limits with some of them widened."""
    by_key = {mend.key: mend.amount for mend in mends}
    return limits.with_limits([limit.widened(by_key.get(limit.key, 0.0)) for limit in limits.limits])


def exists(n: int, sides: list[Side], equal: bool) -> bool:
    """Whether weights exist, by scipy: an oracle that shares no code with the package."""
    found = linprog(
        np.zeros(n),
        A_ub=np.array([side.row for side in sides]) if sides else None,
        b_ub=np.array([side.right for side in sides]) if sides else None,
        A_eq=np.ones((1, n)) if equal else None,
        b_eq=np.ones(1) if equal else None,
        bounds=(None, None),
    )
    return found.status == 0


def drawn(rng: np.random.Generator) -> tuple[Constraints, Known, dict[str, list[Side]]]:
    """A set of limits with a planted conflict, and the same limits by their key as the test writes them."""
    n = int(rng.integers(4, 13))
    names = tuple(f"L{i:02d}" for i in range(n))
    weights = rng.dirichlet(np.ones(n))
    score = rng.uniform(0.0, 10.0, n).round(3)
    most_of_each = float(max(weights.max() + 0.05, 0.3).__round__(3))
    sides = {
        "every_line.least": [Side(-row, 0.0) for row in np.eye(n)],
        "every_line.most": [Side(row, most_of_each) for row in np.eye(n)],
    }
    groups: dict[str, Group] = {}

    def add(name: str, lines: Array, least: float | None, most: float | None) -> None:
        row = np.isin(np.arange(n), lines).astype(float)
        groups[name] = Group(lines=tuple(names[i] for i in lines), least=least, most=most)
        if least is not None:
            sides[f"groups.{name}.least"] = [Side(-row, -least)]
        if most is not None:
            sides[f"groups.{name}.most"] = [Side(row, most)]

    for j in range(int(rng.integers(2, 8))):  # kept by `weights`, most of them
        lines = np.flatnonzero(rng.random(n) < 0.5)
        if len(lines):
            held = float(weights[lines].sum())
            add(f"g{j}", lines, round(held - 0.02, 3), round(held + 0.03, 3))
    parts = np.array_split(rng.permutation(n), int(rng.integers(2, 4)))
    kind = int(rng.integers(3))
    if kind == 0:  # groups that cover all assets hold less than 1
        for j, lines in enumerate(parts):
            add(f"p{j}", lines, None, round(0.9 / len(parts), 3))
    elif kind == 1:  # groups without a common asset hold more than 1
        for j, lines in enumerate(parts):
            add(f"p{j}", lines, round(1.1 / len(parts), 3), None)
    else:  # a part holds more than the whole
        add("p0", parts[0], 0.5, None)
        add("p1", np.concatenate(parts[:2]), None, 0.4)
    least = round(float(score @ weights) - 0.5, 3)
    sides["exposures.score.least"] = [Side(-score, -least)]
    asked = Constraints(
        every_line=Bounds(least=0.0, most=most_of_each),
        groups=groups,
        exposures={"score": Exposure(column="score", least=least)},
    )  # fmt: skip
    return asked, Known(names, {"score": list(score)}), sides


@pytest.mark.parametrize("seed", range(100))
def test_the_named_set_conflicts_each_part_of_it_does_not_and_the_relaxation_works(seed: int) -> None:
    asked, known, sides = drawn(np.random.default_rng(seed))
    n, limits = len(known.assets), build(asked, known)
    found = conflict(limits)
    assert found.exact
    named = {key: sides.get(key, []) for key in found.keys}

    def weights_exist(without: str | None, wider: dict[str, float] | None = None) -> bool:
        wider = wider or {}
        chosen = named if not wider else {**sides, "net": []}
        rows = [
            Side(side.row, side.right + wider.get(key, 0.0))
            for key, of in chosen.items()
            if key != without
            for side in of
        ]  # fmt: skip
        return exists(n, rows, equal="net" in chosen and without != "net")

    assert not weights_exist(None)
    for key in found.keys:
        assert weights_exist(key)
    for mend in found.mends:
        assert mend.key in found.keys
        if mend.key != "net":
            assert weights_exist(None, {mend.key: mend.amount})
            assert not weights_exist(None, {mend.key: 0.99 * mend.amount})
        assert conflict(relaxed(limits, [mend])) is None
    assert found.together
    assert conflict(relaxed(limits, found.together)) is None


def test_a_conflict_says_the_limits_and_what_would_mend_them() -> None:
    known = Known(("SPY", "TLT", "GLD"), {"region": ["us", "us", ""]})
    asked = Constraints(
        groups={"america": Group(where={"region": "us"}, most=0.6)}, lines={"GLD": Bounds(most=0.3)}
    )  # fmt: skip
    found = room(build(asked, known))
    assert isinstance(found, Conflict)
    assert found.sentence == (
        "no weights keep these constraints together: the sum of the weights is 100.00 % of NAV; GLD is at most 30.00 % "
        "of NAV; america (region us) is at most 60.00 % of NAV. To make weights possible, change the sum of the "
        "weights from 100.00 % to 90.00 %, or raise the most of GLD from 30.00 % to 40.00 %, or raise the most of "
        "america (region us) from 60.00 % to 70.00 %."
    )


def test_the_lowest_in_the_order_give_way_first_by_the_least_amount() -> None:
    known = Known(("A", "B", "C"))
    lines = {"A": Bounds(most=0.3, gives_way=1), "B": Bounds(most=0.3, gives_way=2), "C": Bounds(most=0.3)}
    found = room(build(Constraints(lines=lines), known))
    assert isinstance(found, Room)
    assert [total for _, total in found.pools] == pytest.approx([0.1, 0.0], abs=1e-7)
    tight = {**lines, "A": Bounds(most=0.3, gives_way=2), "B": Bounds(most=0.3, gives_way=1), "C": Bounds(most=0.0)}
    found = room(build(Constraints(lines=tight, every_line=Bounds(least=0.0, most=0.55)), known))
    assert isinstance(found, Room)
    assert [total for _, total in found.pools] == pytest.approx([0.25, 0.15], abs=1e-7)


def test_a_limit_with_a_price_never_conflicts() -> None:
    known = Known(("A", "B"))
    found = room(build(Constraints(lines={"A": Bounds(most=0.3, price=1.0), "B": Bounds(most=0.3)}), known))
    assert found == Room()


def test_lines_that_are_counted_conflict_exactly() -> None:
    known = Known(("A", "B", "C", "D"))
    asked = Constraints(every_line=Bounds(least=0.0, most=0.3), cardinality=Cardinality(most=3))
    found = conflict(build(asked, known))
    assert found.exact
    assert found.keys == ("every_line.most", "net", "cardinality.most")
    assert [round(mend.amount, 6) for mend in found.mends] == [0.033333, 0.1, 1.0]
    assert conflict(build(replace(asked, cardinality=Cardinality(most=4)), known)) is None


def test_a_least_weight_of_held_lines_and_a_least_number_conflict() -> None:
    asked = Constraints(cardinality=Cardinality(least=3, if_held=0.4))
    found = conflict(build(asked, Known(("A", "B", "C", "D"))))
    assert set(found.keys) == {"net", "cardinality.least", "cardinality.if_held"}


def test_a_volatility_limit_conflicts_by_trial_and_its_least_relaxation_is_the_least_volatility() -> None:
    covariance = np.diag([0.04, 0.09])
    exposures = {"loading": Exposure(values={"A": 1.0, "B": 1.0}, most=2.0)}
    asked = Constraints(volatility=Most(most=0.1), exposures=exposures)
    found = conflict(build(asked, Known(("A", "B"), covariance=covariance)))
    assert not found.exact
    assert found.sentence.endswith(" %. Volatility is not linear: the conflict was found by trial.")
    assert set(found.keys) == {"net", "volatility.most"}
    amount = {mend.key: mend.amount for mend in found.mends}["volatility.most"]
    assert 0.1 + amount == pytest.approx(1.0 / np.sqrt(1 / 0.04 + 1 / 0.09), abs=1e-6)


def test_rows_that_conflict_are_named_before_a_risk_that_conflicts_too() -> None:
    """Bonds cannot be more than the region that they belong to, whatever the volatility."""
    names = ("A", "B", "C")
    asked = Constraints(
        groups={"bonds": Group(lines=("A",), least=0.4), "us": Group(lines=("A", "B"), most=0.2)},
        volatility=Most(most=0.01),
    )
    found = conflict(build(asked, Known(names, covariance=0.04 * np.eye(3))))
    assert set(found.keys) == {"groups.bonds.least", "groups.us.most", "every_line.least"}  # B would have to be short
    assert not found.mends  # volatility conflicts too, so that no change alone suffices
    assert "volatility.most" in {mend.key for mend in found.together}
    assert found.doubt == "Volatility is not linear: the changes were found by trial."


def test_a_conflict_of_rows_speaks_of_no_norm_that_gives_way() -> None:
    """A volatility that has a price, or gives way, is none of the limits that conflict."""
    rows = {"every_line": Bounds(least=0.0, most=0.2)}
    alone = conflict(build(Constraints(**rows), Known(("A", "B", "C"))))
    assert alone is not None
    for most in (Most(most=0.1, price=1.0), Most(most=0.1, gives_way=1)):
        known = Known(("A", "B", "C"), covariance=0.04 * np.eye(3))
        found = conflict(build(Constraints(volatility=most, **rows), known))
        assert (found.exact, found.sentence) == (True, alone.sentence)


def test_no_change_is_offered_that_needs_leverage_where_none_is_stated() -> None:
    """All assets have a score of 1 at least: one of 0.5 needs C short, or less than all of NAV."""
    score = {"all": Exposure(values={"A": 1.0, "B": 1.0, "C": 3.0}, most=0.5)}
    for gross in (None, Most(most=2.0)):
        asked = Constraints(exposures=score, every_line=Bounds(least=0.0), gross=gross)
        found = conflict(build(asked, Known(("A", "B", "C"))))
        assert found is not None
        offered = {mend.key for mend in (*found.mends, *found.together)}
        assert ("every_line.least" in offered) == (gross is not None)


def test_turnover_and_a_group_conflict_from_where_the_target_was() -> None:
    known = Known(("A", "B"), previous=np.array([1.0, 0.0]))
    found = conflict(build(Constraints(turnover=Most(most=0.2), lines={"B": Bounds(least=0.5)}), known))
    assert set(found.keys) == {"lines.B.least", "turnover.most"}
    assert [round(mend.amount, 6) for mend in found.mends] == [0.3, 0.3]
