"""The numbers behind a sweep's pictures: by hand, against brute force, and against published expectations."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.sheets.pictures.sweep.cost_tracking import cost_tracking_picture
from backtests.sheets.pictures.sweep.heat import rings, strength
from backtests.sheets.pictures.sweep.styles import family_styles
from backtests.sweeps import analysis
from backtests.sweeps.findings import Findings, facts
from backtests.sweeps.labels import at, axis_value, families_in_order, one_portfolio, policies, today
from foundation.errors import ConfigError
from foundation.paper.layout import free_places


def row(rule: str = "threshold", loss: float = 1.0, **columns: Any) -> dict[str, Any]:
    """A configuration, of a 2 % band to target where nothing else is said."""
    band = {"band": 0.02, "to": 0.0, "calendar": ""} if rule == "threshold" else {"band": np.nan, "to": np.nan}
    every = {"calendar": "quarter" if rule == "calendar" else ""}
    conditions = {"cost_multiple": 1.0, "lag": 1, "start": pd.Timestamp("2015-01-02").date()}
    figures = {
        "loss": loss,
        "cost": 1.0,
        "tracking_error": 0.01,
        "tracking_error_own": 0.01,
        "growth": 0.07,
        "sharpe": 0.5,
    }
    held = {"portfolio": "one", "allocation": "fixed", "window": 0}
    return {"rule": rule, **every, **band, **held, **conditions, **figures, "turnover": 0.1, "trades": 4.0, **columns}


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows)).assign(configuration=range(len(rows)))


# names and conditions


def test_a_policy_is_named_by_what_it_does() -> None:
    named = policies(
        table(row(), row(to=1.0), row(to=0.5, band=0.0125), row("calendar", calendar="month"), row("never"))
    )
    assert named["policy"].tolist() == [
        "2 % band to target", "2 % band to edge", "1.25 % band to half", "monthly", "never",
    ]  # fmt: skip
    assert families_in_order(named) == ["never", "calendar", "band to target", "band to edge", "band to half"]


def test_bands_of_groups_are_called_so_and_are_not_mixed_with_those_of_lines() -> None:
    groups = [row("group_threshold", loss=9.0, band=b, to=1.0) for b in (0.01, 0.02)]
    mixed = table(row(band=0.01), row(), *groups, row(band=0.01, to=1.0))
    assert families_in_order(policies(mixed)) == ["band to target", "band to edge", "group band to edge"]
    assert analysis.grid(mixed, "band", "to").means.max().max() == 1.0
    alone = table(*groups, row("group_threshold", loss=4.0, band=0.01, to=0.0))
    assert analysis.grid(alone, "band", "to").means.max().max() == 9.0


def test_what_varies_is_in_the_name_and_what_does_not_is_not() -> None:
    held = table(row("never"), row("never", allocation="hrp", window=252), row("never", allocation="hrp", window=504))
    assert policies(held)["policy"].tolist() == ["never", "hrp 252: never", "hrp 504: never"]
    parted = table(row("never", fraction=1.0), row("calendar", fraction=1.0), row("calendar", fraction=0.5))
    assert policies(parted)["policy"].tolist() == [
        "never, fraction 1", "quarterly, fraction 1", "quarterly, fraction 0.5",
    ]  # fmt: skip


def test_no_two_policies_share_a_name() -> None:
    many = [
        row(band=b, to=to, fraction=p) for b in (0.0025, 0.01, 0.0999) for to in (0.0, 0.3, 1.0) for p in (0.5, 1.0)
    ]
    assert policies(table(*many))["policy"].is_unique


def test_today_is_what_most_were_played_under_and_then_what_is_nearest() -> None:
    costs = table(*(row(cost_multiple=c, lag=lag) for c in (0.5, 1.0, 2.0) for lag in (0, 1, 5)))
    assert today(costs) == {"cost_multiple": 1.0, "lag": 1, "start": pd.Timestamp("2015-01-02").date()}
    assert today(table(row(), row("never", lag=5), row("calendar", lag=5)))["lag"] == 5


def test_rows_are_chosen_by_value_and_a_value_that_is_not_there_is_named() -> None:
    costs = table(row(cost_multiple=1.0), row(cost_multiple=2.0))
    assert at(costs, {"cost_multiple": 2.0})["configuration"].tolist() == [1]
    with pytest.raises(ConfigError, match=r"cost_multiple 3.0 is not in the sweep: it has ×1 and ×2"):
        at(costs, {"cost_multiple": 3.0})
    with pytest.raises(ConfigError, match="no axis 'colour'"):
        at(costs, {"colour": 1})


@pytest.mark.parametrize(("found", "message"), [
    (table(row(), row(portfolio="two")), r"several portfolios \(one and two\)"),
    (table(row(), row(loss=np.nan)), "loss of configuration 1 is nan"),
    (table(row(), row(cost=np.inf)), "cost of configuration 1 is inf"),
    (table(row()).drop(columns="lag"), "it lacks lag"),
    (table(row()).iloc[:0], "it has no rows"),
])  # fmt: skip
def test_a_table_that_cannot_be_compared_is_refused(found: pd.DataFrame, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        one_portfolio(found)
    with pytest.raises(ConfigError, match=message):
        Findings(found)


@pytest.mark.parametrize(
    ("axis", "value", "words"),
    [("band", 0.0025, "0.25"), ("cost_multiple", 10.0, "×10"), ("start", "2015-01-02", None)],
)
def test_values_of_an_axis_are_short(axis: str, value: object, words: str | None) -> None:
    assert axis_value(axis, value) == (words or value)


# a map


def test_a_map_averages_what_is_not_chosen_and_leaves_out_what_has_no_band() -> None:
    rows = [
        row(band=b, to=to, lag=lag, loss=100 * b + to + lag)
        for b in (0.01, 0.02)
        for to in (0.0, 1.0)
        for lag in (1, 3)
    ]
    found = analysis.grid(table(*rows, row("never", loss=-5.0)), "band", "to")
    assert found.means.to_numpy().tolist() == [[3.0, 4.0], [4.0, 5.0]]
    assert found.counts.to_numpy().tolist() == [[2, 2], [2, 2]]
    assert found.averaged == {"lag": 2}
    assert found.best == (0, 0)
    assert found.near(0.34) == 3
    chosen = analysis.grid(table(*rows), "band", "to", chosen={"lag": 3})
    assert chosen.means.to_numpy().tolist() == [[4.0, 5.0], [5.0, 6.0]]
    assert chosen.averaged == {}


def test_a_map_knows_which_way_is_better() -> None:
    rows = [row(band=b, to=to, growth=b + 0.01 * to) for b in (0.01, 0.02) for to in (0.0, 1.0)]
    assert analysis.grid(table(*rows), "band", "to", "growth").best == (1, 1)


def test_the_doubt_of_a_cell_is_its_deviation_from_start_to_start() -> None:
    days = [pd.Timestamp(f"2015-0{m}-02").date() for m in (1, 2, 3)]
    rows = [row(band=b, start=day, loss=100 * b + k) for b in (0.01, 0.02) for k, day in enumerate(days)]
    rows += [row(band=b, start=day, loss=200 * b + k, to=1.0) for b in (0.01, 0.02) for k, day in enumerate(days)]
    assert analysis.grid(table(*rows), "band", "to").deviation == pytest.approx(1.0)


def test_calendars_stand_in_their_own_order() -> None:
    rows = [row("calendar", calendar=e, cost_multiple=c) for e in ("year", "month", "week") for c in (1.0, 2.0)]
    assert list(analysis.grid(table(*rows), "calendar", "cost_multiple").means.columns) == ["week", "month", "year"]


@pytest.mark.parametrize(("x", "y"), [("band", "colour"), ("band", "to"), ("band", "band")])
def test_a_map_of_one_cell_or_of_no_axis_is_refused(x: str, y: str) -> None:
    with pytest.raises(ConfigError, match=r"no column 'colour'|two cells"):
        analysis.grid(table(row()), x, y)


def test_down_a_condition_the_best_of_each_row_is_ringed() -> None:
    rows = [row(band=b, cost_multiple=c, loss=abs(100 * b - c)) for b in (0.01, 0.02) for c in (1.0, 2.0)]
    assert rings(analysis.grid(table(*rows), "band", "cost_multiple")) == [(0, 0), (1, 1)]
    rows = [row(band=b, to=to, loss=100 * b - to) for b in (0.01, 0.02) for to in (0.0, 1.0)]
    assert rings(analysis.grid(table(*rows), "band", "to")) == [(1, 0)]


def test_strength_of_colour_goes_by_ratio_where_values_are_far_apart() -> None:
    assert strength(np.array([[1.0, 10.0, 100.0]]), lower=True) == pytest.approx(np.array([[1.0, 0.5, 0.0]]))
    assert strength(np.array([[0.0, 50.0, 100.0]]), lower=False) == pytest.approx(np.array([[0.0, 0.5, 1.0]]))
    assert strength(np.array([[2.0, 2.0]]), lower=True).tolist() == [[1.0, 1.0]]


# the frontier

points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12)


@given(points)
def test_a_point_is_efficient_unless_another_beats_it(both) -> None:
    cost, gap = (np.array(v, dtype=float) for v in zip(*both, strict=True))
    kept = analysis.efficient(cost, gap)
    for k in range(len(cost)):
        better = [j for j in range(len(cost)) if cost[j] <= cost[k] and gap[j] <= gap[k]]
        assert kept[k] == (not [j for j in better if (cost[j], gap[j]) != (cost[k], gap[k])])


def test_a_curve_of_the_frontier_goes_from_the_narrowest_to_the_widest_and_the_most_frequent_to_the_rarest() -> None:
    rows = [row(band=b, cost=1 / b, tracking_error=b) for b in (0.05, 0.01, 0.1)]
    rows += [row("calendar", calendar=e, cost=1000.0, tracking_error=1.0) for e in ("year", "week", "quarter")]
    found = analysis.policy_frontier(table(*rows))
    assert found[found["family"] == "band to target"]["point"].tolist() == ["1 %", "5 %", "10 %"]
    assert found[found["family"] == "calendar"]["point"].tolist() == ["weekly", "quarterly", "yearly"]
    assert found["efficient"].tolist() == [family == "band to target" for family in found["family"]]


def test_a_crowd_of_policies_is_drawn_and_told_as_far_as_a_reader_can_follow() -> None:
    bands = np.linspace(0.001, 0.2, 800)
    rows = [row(band=b, to=to, cost=(1 + to) / b, tracking_error=b) for b in bands for to in (0.0, 1.0)]
    found = analysis.policy_frontier(table(*rows))
    drawn = cost_tracking_picture(found, family_styles(["band to target", "band to edge"]))
    assert (found["efficient"].sum(), len(drawn.data)) == (800, 1600)
    assert "the efficient among 1600 policies" in drawn.alt
    assert len(drawn.wide) < 500_000


# ladders


def crossing(**policies: list[float]) -> pd.DataFrame:
    count = len(next(iter(policies.values())))
    return pd.DataFrame(policies, index=pd.Index([1.0, 3.0, 5.0][:count], name="cost_multiple"))


def test_a_ladder_holds_the_other_conditions_and_leaves_out_who_was_not_played_everywhere() -> None:
    rows = [row("never", cost_multiple=c, lag=lag, loss=10 * c + lag) for c in (2.0, 1.0) for lag in (1, 5)]
    rows += [row("calendar", cost_multiple=1.0, loss=3.0)]
    found = analysis.ladder(table(*rows), "cost_multiple")
    assert (found.to_dict("list"), list(found.index)) == ({"never": [11.0, 21.0]}, [1.0, 2.0])
    assert analysis.ladder(table(*rows), "lag")["never"].tolist() == [11.0, 15.0]
    with pytest.raises(ConfigError, match="no policy ran at two or more levels of lag"):
        analysis.ladder(table(row("never", lag=1), row("calendar", lag=2)), "lag")


def test_the_break_even_is_where_the_lines_between_levels_meet() -> None:
    found = crossing(monthly=[1.0, 3.0], yearly=[2.0, 2.5])  # 1 behind at 1, 0.5 ahead at 3: two thirds of the way
    assert analysis.break_evens(found, "monthly", "yearly") == pytest.approx([1.0 + 2.0 * 2.0 / 3.0])
    assert analysis.leaders(found).to_dict("list") == {
        "policy": ["monthly", "yearly"],
        "first": [1.0, pytest.approx(7.0 / 3.0)],
        "last": [pytest.approx(7.0 / 3.0), 3.0],
    }
    assert analysis.flips(found) == ["Above 2.33 × today's costs, yearly is better than monthly."]
    assert analysis.flips(found, now=3.0) == ["Below 2.33 × today's costs, monthly is better than yearly."]


def test_where_policies_touch_and_part_again_nothing_flips() -> None:
    assert analysis.break_evens(crossing(a=[1.0, 2.0, 3.0], b=[2.0, 2.0, 4.0]), "a", "b") == []
    assert analysis.break_evens(crossing(a=[1.0, 2.0, 4.0], b=[2.0, 2.0, 3.0]), "a", "b") == [3.0]
    assert analysis.break_evens(crossing(a=[1.0, 2.0], b=[1.0, 2.0]), "a", "b") == []
    assert analysis.leaders(crossing(a=[1.0, 2.0, 3.0], b=[2.0, 2.0, 4.0]))["policy"].tolist() == ["a"]
    assert analysis.flips(crossing(a=[1.0, 2.0, 3.0], b=[2.0, 2.0, 4.0])) == []


def test_a_third_policy_may_lead_between_two_levels() -> None:
    found = analysis.leaders(crossing(a=[0.0, 10.0], b=[10.0, 0.0], c=[4.0, 4.0]))
    assert found["policy"].tolist() == ["a", "c", "b"]
    assert found["first"].tolist() == pytest.approx([1.0, 1.8, 2.2])


@st.composite
def ladders(draw) -> pd.DataFrame:
    levels = sorted(draw(st.sets(st.integers(0, 20), min_size=2, max_size=6)))
    count = draw(st.integers(1, 6))
    values = draw(st.lists(st.lists(st.integers(-5, 5), min_size=count, max_size=count), min_size=len(levels),
                           max_size=len(levels)))  # fmt: skip
    return pd.DataFrame(np.array(values, dtype=float), index=np.array(levels, float), columns=[*"abcdef"[:count]])


@given(ladders(), st.sampled_from(["loss", "growth"]))
def test_who_leads_is_lowest_everywhere_in_between(found, metric) -> None:
    spans = analysis.leaders(found, metric)
    assert spans["first"].iloc[0] == found.index[0]
    assert spans["last"].iloc[-1] == found.index[-1]
    assert spans["first"].iloc[1:].tolist() == spans["last"].iloc[:-1].tolist()
    sign = 1.0 if metric == "loss" else -1.0
    for policy, first, last in spans.itertuples(index=False):
        for share in (0.0, 0.31, 0.77, 1.0):
            x = first + share * (last - first)
            every = {name: sign * float(np.interp(x, found.index, found[name])) for name in found}
            assert every[policy] <= min(every.values()) + 1e-9


@given(ladders())
def test_break_evens_are_where_the_order_changes(found) -> None:
    one, other = found.columns[0], found.columns[-1]
    gap = (found[one] - found[other]).to_numpy()
    signs, points = np.sign(gap[gap != 0.0]), analysis.break_evens(found, one, other)
    assert len(points) == int((signs[1:] != signs[:-1]).sum())
    for x in points:
        assert np.interp(x, found.index, gap) == pytest.approx(0.0, abs=1e-9)


def test_equals_share_the_better_rank() -> None:
    assert analysis.ranks(crossing(a=[1.0], b=[1.0], c=[2.0])).to_numpy().tolist() == [[1, 1, 3]]
    assert analysis.ranks(crossing(a=[1.0], b=[1.0], c=[2.0]), "growth").to_numpy().tolist() == [[2, 2, 1]]


def test_ranks_range_over_the_conditions_under_which_all_were_played() -> None:
    rows = [row("never", lag=lag, loss=float(lag)) for lag in (1, 2, 3)] + [row(lag=lag, loss=2.5) for lag in (1, 3)]
    assert analysis.rank_range(table(*rows)).T.to_dict("list") == {
        policies(table(row()))["policy"][0]: [1, 2],
        "never": [1, 2],
    }


def test_the_shortlist_has_the_best_of_each_family() -> None:
    rows = [row(band=b, loss=j) for b, j in ((0.01, 3.0), (0.02, 1.0), (0.04, 2.0))]
    rows += [
        row("calendar", calendar="month", loss=0.5),
        row("calendar", calendar="year", loss=4.0),
        row("never", loss=9.0),
    ]
    assert analysis.shortlist(table(*rows))["loss"].tolist() == [0.5, 1.0, 9.0]


# starts


def test_a_fan_holds_eighty_of_a_hundred_starts() -> None:
    assert analysis.spreads(pd.DataFrame({"a": np.arange(11.0)})).loc["a"].tolist() == [0.0, 1.0, 5.0, 9.0, 10.0]


def test_what_was_picked_at_one_start_is_looked_up_at_the_others() -> None:
    starts = pd.DataFrame({"a": [1.0, 3.0, 3.0], "b": [2.0, 1.0, 1.0], "c": [3.0, 2.0, 2.0]})
    assert analysis.wins(starts).to_dict() == {"a": 1, "b": 2, "c": 0}
    found = analysis.picked(starts)  # a, then b, then b
    assert (found.starts, found.policies, found.distinct) == (3, 3, 2)
    assert found.rank == pytest.approx(np.mean([(3 + 3) / 2, (2 + 1) / 2, (2 + 1) / 2]))
    assert found.loss == pytest.approx(np.mean([(2 + 2) / 2, (1 + 0) / 2, (1 + 0) / 2]))
    with pytest.raises(ConfigError, match="one start"):
        analysis.picked(starts.iloc[:1])


# findings


def test_a_flip_is_the_headline() -> None:
    rows = [row(cost_multiple=c, loss=1.0 + c) for c in (1.0, 5.0)] + [
        row("calendar", cost_multiple=c, loss=4.0) for c in (1.0, 5.0)
    ]
    found = Findings(table(*rows))
    assert found.headline.startswith("Above 3.00 × today's costs, quarterly is better than 2")
    assert "Of 2 policies" in found.lead
    assert found.headline in found.answer()


def test_who_leads_among_all_is_told_besides_the_best_of_each_family() -> None:
    """At ×5 the wide band leads, of the family whose best today is the narrow one."""
    rows = [
        row(band=b, cost_multiple=c, loss=j)
        for b, c, j in ((0.01, 1, 1.0), (0.01, 5, 5.0), (0.04, 1, 2.0), (0.04, 5, 3.0))
    ]
    found = Findings(table(*rows, row("never", loss=9.0, cost_multiple=1), row("never", loss=9.0, cost_multiple=5)))
    said = found.headline
    assert said == (
        "It is the best of all families from 1 to 5 × today's costs. "
        "Best of all policies at other costs: 4 % band to target above ×2.33."
    )


def test_how_many_are_about_as_good_is_told() -> None:
    rows = [row(band=b, loss=j) for b, j in ((0.01, 1.0), (0.02, 1.05), (0.03, 1.09), (0.04, 1.2))]
    assert Findings(table(*rows)).valley == "3 of 4 policies are within 10 % of the best, with bands from 1 to 3 %."
    assert Findings(table(*rows[:1], *rows[3:])).valley.startswith("No other policy is within 10")


def test_another_target_is_told_and_not_laddered() -> None:
    rows = [row("calendar"), row("never", loss=2.0), row("calendar", loss=90.0, allocation="hrp", window=252)]
    found = Findings(table(*rows))
    assert found.shown == ["quarterly", "never"]
    assert "The best policy with another target is hrp 252: quarterly, 90.00 bp a year" in found.by_family


def test_a_best_at_the_edge_of_the_sweep_is_warned_of() -> None:
    rows = [row(band=b, loss=100 * b) for b in (0.01, 0.02, 0.04)]
    assert (
        "Its band is the narrowest tested: a better value may lie outside the sweep." in Findings(table(*rows)).warnings
    )
    rows = [row(band=b, loss=abs(b - 0.02)) for b in (0.01, 0.02, 0.04)]
    assert not [w for w in Findings(table(*rows)).warnings if "outside the sweep" in w]


def test_equal_policies_are_no_winners_and_no_reason_to_widen_the_sweep() -> None:
    same = [row(band=b, loss=4.0, trades=0.0) for b in (0.6, 0.7, 0.8)]
    found = Findings(table(*same))
    assert found.lead == (
        "All 3 policies have the same rebalancing loss J: 4.00 bp a year, at today's costs, a lag of 1 session, a "
        "start on 2015-01-02. None of them traded."
    )
    assert (found.by_family, found.digest()) == ("", "3 configurations, 3 policies; all equal: 4.00 bp a year")
    assert found.warnings == ["3 configurations were tried. Equal policies leave nothing to select."]
    some = Findings(table(row(band=0.01, loss=5.0), *same))
    assert some.lead.startswith("Of 4 policies, 3 have the lowest rebalancing loss J, 4.00 bp a year, at today's costs")
    assert some.lead.endswith(
        ": 60 % band to target, 70 % band to target and 80 % band to target. None of them traded."
    )
    assert not [w for w in some.warnings if "outside the sweep" in w]
    assert some.digest() == "4 configurations, 4 policies; 3 equal: 4.00 bp a year"
    costs = [row(rule, loss=4.0, cost_multiple=c) for rule in ("never", "calendar") for c in (1.0, 2.0)]
    assert Findings(table(*costs)).headline == ""  # neither is the best of all families
    assert "None of them traded" not in Findings(table(*costs)).lead


def test_policies_that_were_not_played_today_are_said_to_be_missing() -> None:
    found = Findings(table(row(), row("calendar"), row("never", lag=7)))
    assert any(w.startswith("Only 2 of 3 policies ran at today's costs, a lag of 1 session") for w in found.warnings)


def test_trials_are_all_configurations_and_the_number_is_said() -> None:
    found = Findings(table(row(), row("never", loss=2.0)), trials=1000)
    assert found.selection_bias.startswith("Selection bias: 1,000 configurations were tried")
    assert "3.3 standard errors" in found.selection_bias


def test_what_was_swept_is_said_by_name() -> None:
    said = facts(table(row(cost_multiple=1.0), row(cost_multiple=2.0), row(cost_multiple=2.0, lag=5)))
    assert said["Tried"] == "3 configurations, 1 policy"
    assert said["Costs"] == "×1 and ×2 today's"
    assert said["Lags"] == "1 and 5 sessions"


# labels of points


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 120)), min_size=1, max_size=25))
def test_labels_of_points_cover_neither_points_nor_one_another(spots) -> None:
    taken = [(50.0, 50.0, 90.0, 60.0)]
    found = free_places(spots, [(30.0, 12.0)] * len(spots), taken, (0.0, 0.0, 200.0, 120.0), away=6.0)
    placed = [box for box in found if box is not None]
    for k, box in enumerate(placed):
        assert box[0] >= 0.0
        assert box[1] >= 0.0
        assert box[2] <= 200.0
        assert box[3] <= 120.0
        for other in (*placed[:k], *taken):
            assert box[0] >= other[2] or other[0] >= box[2] or box[1] >= other[3] or other[1] >= box[3]
        assert not [s for s in spots if box[0] < s[0] < box[2] and box[1] < s[1] < box[3]]
