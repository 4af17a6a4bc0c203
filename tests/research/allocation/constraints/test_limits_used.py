"""How far limits are used, and what one more step brings: against closed forms, and the laws of convex programmes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.allocation.constraints.builder import build
from research.allocation.constraints.limits import WEIGHTS
from research.allocation.constraints.limits_used import DayProgramme, at_prices, limits_used
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.optimum import Aim, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.records import (
    Bounds,
    Cardinality,
    Constraints,
    Exposure,
    Group,
    Most,
    TrackingErrorLimit,
)
from research.allocation.constraints.roots import root_of
from research.allocation.optimised.aims import maximum_sharpe, minimum_volatility, utility
from research.forecast import Moments

NAMES = tuple("ABCDEF")
REGION = ["us", "us", "us", "abroad", "abroad", "world"]
KIND = ["stock", "stock", "bond", "stock", "bond", "gold"]
MANY = Constraints(
    net=Bounds(least=0.9, most=1.0),
    gross=Most(most=1.1),
    every_line=Bounds(least=-0.05, most=0.35),
    groups={
        "us stocks": Group(where={"region": "us", "kind": "stock"}, most=0.25),
        "abroad": Group(where={"region": "abroad"}, least=0.3),
    },
    exposures={"score": Exposure(values={"A": 10.0, "B": 4.0, "D": 6.0}, most=3.0)},
    turnover=Most(most=0.2),
    tracking_error=TrackingErrorLimit(most=0.08, benchmark={"A": 0.5, "C": 0.5}),
)


def programme(asked: Constraints, aim: str = "utility", **more) -> DayProgramme:
    """Of six assets whose moments are drawn."""
    rng = np.random.default_rng(7)
    returns = 0.01 * rng.standard_normal((300, 6)) @ (np.eye(6) + 0.4 * rng.random((6, 6)))
    covariance, mean = 252.0 * np.cov(returns, rowvar=False), np.linspace(0.02, 0.12, 6)
    previous = np.array([0.3, 0.1, 0.3, 0.1, 0.1, 0.1])
    limits = build(asked, Known(NAMES, {"region": REGION, "kind": KIND}, covariance, previous=previous, **more))
    root = root_of(covariance, NAMES)
    aims = {
        "utility": utility(mean, root, 5.0),
        "sharpe": maximum_sharpe(mean, root, 0.0),
        "volatility": minimum_volatility(root),
        "diversification": Aim(
            Objective(norm={WEIGHTS: root}), "diversification ratio", numerator={WEIGHTS: np.sqrt(np.diag(covariance))}
        ),
    }
    moments = Moments(NAMES, mean, covariance, 252.0, pd.Timestamp("2022-12-30"))
    return DayProgramme(limits, moments, lambda limits: optimum(limits, aims[aim]))


def test_two_lines_by_hand():
    # Volatilities 1 and 2: at 0.7 of A the variance is 0.85, at 0.71 it is 0.8405.
    known = Known(("A", "B"), covariance=np.diag([1.0, 4.0]))
    aim = minimum_volatility(root_of(known.covariance, known.assets))
    moments = Moments(known.assets, np.zeros(2), known.covariance, 1.0, pd.Timestamp("2022-12-30"))
    limits = build(Constraints(lines={"A": Bounds(most=0.7), "B": Bounds(most=0.6)}), known)
    table = limits_used(DayProgramme(limits, moments, lambda limits: optimum(limits, aim))).table()
    a, b = table.loc["A ≤ 70 %"], table.loc["B ≤ 60 %"]
    assert (a["at"], a["step"], a["firm"]) == ("70.00 %", "1 point of NAV", "hard")
    assert a["used"] == pytest.approx(1.0)
    assert a["by price"] == pytest.approx(0.01 * (4.0 * 0.3 - 0.7) / 0.85**0.5, rel=1e-6)
    assert a["solved again"] == pytest.approx(0.85**0.5 - 0.8405**0.5, rel=1e-6)
    assert b["used"] == pytest.approx(0.5)
    assert (b["by price"], b["solved again"]) == (0.0, 0.0)
    net = table.loc["net = 100 %"]  # a sum that is higher by a point is a point more of B
    assert net["solved again"] == pytest.approx(0.85**0.5 - (0.49 + 4.0 * 0.31**2) ** 0.5, rel=1e-6)


@pytest.mark.parametrize("aim", ["utility", "volatility"])
def test_a_step_of_room_brings_something_and_at_most_its_price(aim):
    """The best value of a convex programme is concave in each bound; that of a ratio is not."""
    uses = limits_used(programme(MANY, aim)).uses
    brought = np.array([one.brought for one in uses])
    price = np.array([one.price for one in uses])
    assert (brought >= 0.0).all()
    assert (brought <= price + 1e-8).all()
    assert (price > 1e-6).sum() >= 4
    assert {one.limit.short for one in uses if one.price > 1e-6} <= {
        one.limit.short for one in uses if one.share > 1.0 - 1e-4
    }


def test_a_step_of_room_may_bring_a_ratio_more_than_its_price_by_hand():
    """A earns 1, B nothing, both of variance 1: with w of A the ratio is w / (w² + (1 - w)²)^½, convex near 0."""
    known = Known(("A", "B"), covariance=np.eye(2))
    aim = maximum_sharpe(np.array([1.0, 0.0]), np.eye(2), 0.0)
    moments = Moments(known.assets, np.array([1.0, 0.0]), known.covariance, 1.0, pd.Timestamp("2022-12-30"))
    lines = {"A": Bounds(most=0.1)}
    asked = DayProgramme(build(Constraints(lines=lines), known), moments, lambda limits: optimum(limits, aim))
    [use] = [one for one in limits_used(asked).uses if one.limit.key == "lines.A.most"]
    assert use.price == pytest.approx(0.01 * 0.9 / 0.82**1.5, rel=1e-6)
    assert use.brought == pytest.approx(0.11 / 0.8042**0.5 - 0.1 / 0.82**0.5, rel=1e-6)
    assert use.brought > use.price


@pytest.mark.parametrize("aim", ["utility", "volatility", "diversification"])
def test_a_small_step_brings_its_price(aim):
    """Not where more limits meet than there are directions left, as those of a turnover do: prices are not unique."""
    asked = programme(replace(MANY, turnover=None), aim)
    found = asked.best(asked.limits)
    sign = -1.0 if aim == "volatility" else 1.0
    priced = 0
    for one in asked.limits.limits:
        wider = [other.moved(1e-4 * other.scale) if other is one else other for other in asked.limits.limits]
        gain = sign * (asked.best(asked.limits.with_limits(wider)).value - found.value)
        assert gain == pytest.approx(1e-4 * one.scale * found.prices[one.key], rel=0.05, abs=2e-7)
        priced += found.prices[one.key] > 1e-3
    assert priced >= 3


def test_a_line_more_has_no_price_and_brings_what_the_best_larger_set_does():
    asked = programme(Constraints(cardinality=Cardinality(most=3)), "volatility")
    use = next(one for one in limits_used(asked).uses if one.limit.key == "cardinality.most")
    more = programme(Constraints(cardinality=Cardinality(most=4)), "volatility")
    assert np.isnan(use.price)
    assert (use.at, use.share) == (3.0, 1.0)
    assert use.brought == pytest.approx(asked.best(asked.limits).value - more.best(more.limits).value, abs=1e-8)
    assert use.brought > 1e-4


@pytest.mark.parametrize("aim", ["utility", "volatility", "sharpe", "diversification"])
def test_a_limit_with_a_price_is_kept_above_its_shadow_price_and_exceeded_below(aim):
    asked = programme(MANY, aim)
    dearest = limits_used(asked).dearest().limit
    price = asked.best(asked.limits).prices[dearest.key]
    table = at_prices(asked, dearest.key, [0.5 * price, 0.95 * price, 1.05 * price, 2.0 * price])
    assert table["outside"].iloc[0] > table["outside"].iloc[1] > 1e-5
    assert table["outside"].iloc[2:].tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert table["at"].iloc[3] == pytest.approx(dearest.bound, abs=1e-6)
    with pytest.raises(ConfigError, match=r"no limit of the day is 'lines\.A\.most'\. It has every_line\.least"):
        at_prices(asked, "lines.A.most", [1.0])


def test_where_limits_give_way_there_is_no_price_and_solving_again_says_what_room_brings():
    """What the one limit gains the other need not give: the value is that of the bounds as they give way."""
    wishes = Constraints(
        groups={
            "first": Group(lines=("A", "B", "C"), most=0.3, gives_way=1),
            "last": Group(lines=("D", "E", "F"), most=0.6),
        }
    )
    found = limits_used(programme(wishes, "volatility"))
    assert found.optimum.binding == ()
    first, last = (
        next(one for one in found.uses if one.limit.key == f"groups.{name}.most") for name in ("first", "last")
    )
    assert first.share == pytest.approx(0.4 / 0.3, abs=1e-6)
    assert np.isnan([first.price, last.price]).all()
    assert first.brought == 0.0  # the same weights: it gives way by a point less
    groups = {"first": replace(wishes.groups["first"], most=0.39), "last": replace(wishes.groups["last"], most=0.61)}
    moved = programme(Constraints(groups=groups), "volatility")
    assert last.brought == pytest.approx(found.optimum.value - moved.best(moved.limits).value, abs=1e-7)
    assert found.table().loc["first ≤ 30 %", "firm"] == "gives way, 1"


@cases("bounds, weight, share", ({"most": 0.5}, 0.25, 0.5), ({"least": 0.1}, 0.25, 0.4), ({"least": 0.0}, 0.25, np.nan))
def test_the_share_of_a_bound(bounds, weight, share):
    lines = {"A": Bounds(least=weight, most=weight)}
    asked = programme(Constraints(lines=lines, groups={"a": Group(lines=("A",), **bounds)}))
    [use] = [one for one in limits_used(asked).uses if one.limit.key.startswith("groups")]
    assert use.at == pytest.approx(weight, abs=1e-8)
    assert use.share == pytest.approx(share, abs=1e-6, nan_ok=True)


def test_a_short_position_uses_a_bound_below_zero():
    every_line = Bounds(least=-0.2, most=1.0)
    asked = programme(Constraints(gross=Most(most=1.5), every_line=every_line, lines={"B": Bounds(most=-0.05)}))
    uses = {one.limit.short: one for one in limits_used(asked).uses}
    assert uses["every line ≥ −20 %"].share == pytest.approx(-min(asked.best(asked.limits).weights) / 0.2, abs=1e-6)


def test_limits_of_several_places_give_way_one_after_the_other():
    """The first place gives all that it can, as bounds of its assets say, before the second gives anything."""
    asked = programme(
        Constraints(
            groups={
                "first": Group(lines=("A", "B"), most=0.1, gives_way=1),
                "second": Group(lines=("C", "D"), most=0.2, gives_way=2),
                "third": Group(lines=("E", "F"), most=0.3, gives_way=3),
            },
            lines={"A": Bounds(most=0.15), "B": Bounds(most=0.15)},
        ),
        "volatility",
    )
    shares = {one.limit.key: one.at for one in limits_used(asked).uses}
    assert shares["groups.first.most"] == pytest.approx(0.3, abs=1e-6)
    assert shares["groups.second.most"] == pytest.approx(0.4, abs=1e-6)
    assert shares["groups.third.most"] == pytest.approx(0.3, abs=1e-6)
