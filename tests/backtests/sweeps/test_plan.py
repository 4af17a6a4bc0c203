"""A plan numbers its configurations, the same way every time, with what shares the most side by side."""

import itertools
from functools import partial

import numpy as np
import pytest

from backtests.runs.chunks import WorkPart
from backtests.sweeps import Configuration, Plan, Strategic, listed
from backtests.sweeps.plan import CHUNKS
from foundation.errors import ConfigError
from research.allocation import HRP
from research.rules import Calendar, Never, Threshold, TunedThreshold, Within

HELD = Strategic()


class Unhashable(Strategic):
    """An allocation with settings that may change."""

    __hash__ = None  # type: ignore[assignment]


POLICIES = (Never(HELD), Threshold(HELD, 0.02, Within(0.01)), Calendar(HRP(window=100), "month"))


def test_a_grid_holds_every_combination_once_and_cost_changes_fastest() -> None:
    plan = Plan(POLICIES, (1.0, 2.0), (0, 1), ("2020-01-02", "2021-01-04"), ("a", "b"))
    assert len(plan) == 3 * 2 * 2 * 2 * 2
    found = [plan[k] for k in range(len(plan))]
    assert (len(set(found)), found) == (len(plan), plan.of(WorkPart(0, len(plan))))
    assert [c.cost_multiple for c in found[:4]] == [1.0, 2.0, 1.0, 2.0]
    assert [c.lag for c in found[:5]] == [0, 0, 1, 1, 0]
    assert [c.portfolio for c in found] == ["a"] * 24 + ["b"] * 24


def test_neighbours_share_a_policy() -> None:
    plan = Plan(POLICIES, (1.0, 2.0), (0, 1), ("2020-01-02", "2021-01-04"))
    assert len(list(itertools.groupby(plan.of(WorkPart(0, len(plan))), key=lambda c: c.policy))) == 3


@pytest.mark.parametrize("size", [1, 64, 65, 1024, 5000, 20_001])
def test_the_parts_are_the_whole_plan_in_order(size: int) -> None:
    parts = list(Plan(POLICIES[:1], [float(k) for k in range(size)]).parts())
    assert [k for part in parts for k in range(*part)] == list(range(size))
    assert all((part.stop - part.first) % 64 == 0 for part in parts[:-1])


def test_ten_million_configurations_take_the_room_of_their_axes() -> None:
    plan = Plan([Threshold(HELD, b / 1e4) for b in range(1, 101)], [c / 10 for c in range(1000)], range(100))
    parts = list(plan.parts())
    assert len(plan) == 10_000_000
    assert len(parts) <= CHUNKS
    assert plan[9_999_999] == Configuration(Threshold(HELD, 0.01), "", 99.9, 99)


def test_the_columns_say_where_a_configuration_is_on_each_axis() -> None:
    columns = Plan(POLICIES, (2.0,), (1,), ("2020-01-02",), ("a",)).columns(WorkPart(0, 3))
    assert list(columns) == [
        "configuration", "portfolio", "rule", "calendar", "band", "to", "allocation", "window", "cost_multiple", "lag",
        "start",
    ]  # fmt: skip
    assert columns["rule"].tolist() == ["never", "threshold", "calendar"]
    assert columns["calendar"].tolist() == ["", "", "month"]
    np.testing.assert_array_equal(columns["band"], [np.nan, 0.02, np.nan])
    np.testing.assert_array_equal(columns["to"], [np.nan, 0.5, np.nan])
    assert columns["allocation"].tolist() == ["strategic", "strategic", "hrp"]
    assert columns["window"].tolist() == [0, 0, 100]


def test_a_setting_that_one_policy_has_and_another_leaves_out_is_a_further_column() -> None:
    five = partial(Threshold, Strategic(), 0.25, kind="relative")
    columns = Plan([five(), five(cap=0.05), Never(Strategic())]).columns(WorkPart(0, 3))
    np.testing.assert_array_equal(columns["cap"], [np.nan, 0.05, np.nan])
    assert not {"kind", "schedule", "fraction"} & set(columns), "all that have them have the same"
    assert "cap" not in Plan([five(), Never(Strategic())]).columns(WorkPart(0, 2))


def test_a_setting_that_varies_besides_is_a_further_column() -> None:
    plan = Plan(
        [Calendar(HRP(linkage="ward"), fraction=0.5), Calendar(HRP(linkage="single"), fraction=0.5), Never(HELD)]
    )
    columns = plan.columns(WorkPart(0, 3))
    assert columns["linkage"].tolist() == ["ward", "single", ""]
    assert "fraction" not in columns


def test_a_destination_is_one_value_of_the_axis_whatever_the_band() -> None:
    bands = np.round(np.arange(0.001, 0.2, 0.001), 3)
    plan = Plan([Threshold(HELD, b, Within(0.3 * b)) for b in bands])
    assert set(plan.columns(WorkPart(0, len(plan)))["to"]) == {0.3}


def test_a_list_keeps_its_order_and_its_names() -> None:
    given = [Configuration(POLICIES[1], lag=3), Configuration(POLICIES[0]), Configuration(POLICIES[1], lag=0)]
    plan = listed(given, ["c", "a", "b"])
    assert ([plan[k] for k in range(3)], plan.number("b")) == (given, 2)
    assert plan.columns(WorkPart(1, 3))["name"].tolist() == ["a", "b"]
    with pytest.raises(ConfigError, match="no configuration is called 'd': c, a, b"):
        plan.number("d")


@pytest.mark.parametrize(("make", "said"), [
    (lambda: Plan([]), "policies of a plan is empty"),
    (lambda: Plan(POLICIES, []), "cost_multiples of a plan is empty"),
    (lambda: Plan(POLICIES, (1.0, -0.5)), "cost_multiples of a plan holds -0.5"),
    (lambda: Plan(POLICIES, (float("nan"),)), "cost_multiples of a plan holds nan"),
    (lambda: Plan(POLICIES, lags=(1, -1)), "lags of a plan holds -1"),
    (lambda: Plan(POLICIES, lags=(1, 1)), "has a repeated value: found 1"),
    (lambda: Plan(POLICIES, lags=5), "lags of a plan is 5"),
    (lambda: Plan(POLICIES, starts=("soon",)), "starts of a plan holds 'soon'"),
    (lambda: Plan([*POLICIES, POLICIES[0]]), "policies of a plan has a repeated value"),
    (lambda: Plan([TunedThreshold(HELD)]), "tune or train policies first"),
    (lambda: Plan(POLICIES, picks=np.array([[0, 3, 0, 0, 0]])), "outside its axes"),
    (lambda: Plan(POLICIES)[3], "configuration 3 is not in the plan: it has numbers 0 to 2"),
    (lambda: Plan(POLICIES)["never"], "configuration 'never' is not in the plan"),
    (lambda: Plan(POLICIES, ["dear"]), "cost_multiples of a plan holds 'dear': give a finite number"),
    (lambda: Plan(POLICIES, lags=[[1]]), r"lags of a plan holds \[1\]: give a number of sessions"),
    (lambda: Plan(POLICIES, portfolios=[1]), "portfolios of a plan holds 1: give the name"),
    (lambda: Plan([Never]), "policies of a plan holds .*: give a rule; tune or train"),
    (lambda: Plan([Threshold(Unhashable(), 0.02)]), "policies of a plan holds .*: its settings cannot be compared"),
    (lambda: Plan(POLICIES, picks="all"), "picks of a plan are 'all': give positions on its axes"),
    (lambda: Plan(POLICIES, picks=np.array([[0, 0.5, 0, 0, 0]])), "picks of a plan are array.*: give positions"),
    (lambda: Plan(POLICIES, names=["a"]), "1 names for 3 configurations: give each a name of its own"),
    (lambda: Plan(POLICIES, names="abc"), "names of configurations are 'abc': give a list of text"),
    (lambda: listed([]), r"a list of configurations is \[\]: give at least one"),
    (lambda: listed(Configuration(POLICIES[0])), "a list of configurations is .*: give at least one"),
    (lambda: listed(POLICIES), "configuration 0 of the list is .*: give a Configuration"),
    (lambda: listed([Configuration(POLICIES[0], lag=[1])]), r"lags of a plan holds \[1\]"),
    (lambda: listed([Configuration(POLICIES[0], start="soon")]), "starts of a plan holds 'soon'"),
    (lambda: listed([Configuration(POLICIES[0])] * 2), "configurations 0 and 1 of the list are the same"),
    (
        lambda: listed([Configuration(POLICIES[0])] * 2, ["a", "b"]),
        "configurations 'a' and 'b' of the list are the same",
    ),
])  # fmt: skip
def test_what_is_no_plan_is_refused(make: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()  # type: ignore[operator]
