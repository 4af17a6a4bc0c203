"""Limits on the sheet and in the notebook: their numbers are those of the records, and nothing is said without any."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from backtests.comparison import Comparison, compare
from backtests.evaluation.limits_in_force import LimitsInForce, limits_in_force
from backtests.sheets.notebook import interactive_limits as pictures
from backtests.sheets.pictures.comparison.frontiers import frontiers_picture
from backtests.sheets.sections.limits import limits_numbers, limits_parts
from foundation.paper.traces import traces_picture
from research.allocation import HRP, ConstantExposure
from research.allocation.constraints.feasibility import Conflict, Mend, conflict
from research.allocation.constraints.limits_used import LimitsUsed, at_prices, limits_used
from research.allocation.input_sensitivity import input_sensitivity
from research.allocation.optimised.frontier_pair import FrontierPair, frontier_pair
from research.portfolio import load_portfolio

FILE = Path(__file__).parents[4] / "data" / "portfolios" / "under_limits.yaml"
DAY = "2022-12-29"
START = {"test_start": "2022-01-03"}


@pytest.fixture(scope="module")
def day() -> LimitsInForce:
    return limits_in_force(load_portfolio(FILE, START), "limited", DAY)


@pytest.fixture(scope="module")
def used(day: LimitsInForce) -> LimitsUsed:
    return limits_used(day.programme)


@pytest.fixture(scope="module")
def pair(day: LimitsInForce) -> FrontierPair:
    return frontier_pair(day.allocation, day.past, 8, day.previous)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(load_portfolio(FILE, START), draws=200)


def test_a_row_a_limit_with_the_share_that_is_used(used: LimitsUsed) -> None:
    figure = pictures.limits_plot(used)
    shares = {trace.y[0]: trace.x[0] for trace in figure.data}
    assert shares == {one.limit.short: 100.0 * one.share for one in used.uses if np.isfinite(one.share)}
    assert "tracking error ≤ 4 %" in traces_picture(figure).wide


def test_room_is_drawn_from_what_solving_again_brings_to_the_price(used: LimitsUsed) -> None:
    figure = pictures.room_plot(used)
    [trace] = [trace for trace in figure.data if trace.y[0] == "tracking error ≤ 4 %"]
    [use] = [one for one in used.uses if one.limit.key == "tracking_error.most"]
    assert trace.x[0] == pytest.approx(1e4 * use.brought)
    assert trace.x[0] + trace.error_x.array[0] == pytest.approx(1e4 * use.price)
    assert not any(trace.y[0] == "every asset ≤ 30 %" for trace in figure.data)


def test_frontiers_are_drawn_with_what_holds_them_back_and_the_weights(pair: FrontierPair) -> None:
    figure = pictures.frontier_plot(pair, {"1/N": np.full(8, 0.125)})
    without, under, target, equal = figure.data
    assert (without.name, under.name) == ("without limits", "under limits")
    assert under.y.tolist() == (100.0 * pair.limited.mean).tolist()
    assert pair.limited.binding[3][0].limit in under.text[3]
    assert (target.x[0], target.y[0]) == pytest.approx(tuple(100.0 * value for value in pair.place(pair.weights)))
    assert ">1/N<" in traces_picture(figure).wide
    assert equal.textposition == "bottom center"


def test_the_picture_of_the_sheet_has_the_same_numbers(pair: FrontierPair) -> None:
    picture = frontiers_picture(pair, {"1/N": np.full(8, 0.125)}, "frontiers_1", "limited")
    rows = picture.data.set_index("of")
    assert rows.loc["under limits", "mean"].tolist() == pair.limited.mean.tolist()
    assert rows.loc["target"].tolist() == pytest.approx(list(pair.place(pair.weights)))
    assert rows["volatility"].max() <= 1.25 * max(pair.limited.risk.max(), rows.loc["1/N", "volatility"])
    assert f"the mean is {100.0 * pair.given_up:.1f}" in picture.caption
    assert all(word in picture.wide for word in (">target<", ">under limits<", ">without limits<"))


def test_cells_are_points_of_weight_that_an_input_moves(day: LimitsInForce) -> None:
    found = input_sensitivity(HRP(window=252), day.market, 20)
    figure = pictures.sensitivity_plot(found, 3)
    rows = list(figure.data[0].y)
    assert [row.split()[0] for row in rows] == ["volatility"] * 3 + ["correlation"] * 3  # no mean moves HRP
    place = found.inputs.index(rows[0])
    assert figure.data[0].z[0][0] == pytest.approx(
        100.0 * found.moved[place, day.market.assets.index(figure.data[0].x[0])]
    )


def test_prices_are_drawn_over_the_shadow_price(day: LimitsInForce, used: LimitsUsed) -> None:
    dearest = used.dearest()
    shadow = dearest.price / dearest.limit.step
    table = at_prices(day.programme, dearest.limit.key, [0.5 * shadow, 2.0 * shadow])
    [trace] = pictures.prices_plot(table, shadow, dearest.limit.short).data
    assert list(trace.x) == pytest.approx([0.5, 2.0])
    assert trace.y[0] > 0.0
    assert trace.y[1] == pytest.approx(0.0, abs=1e-5)


def test_a_conflict_is_said_with_its_changes() -> None:
    found = conflict(limits_in_force(load_portfolio(FILE, START), "wishes", DAY).programme.limits.all_hard)
    assert found is not None
    said = pictures.conflict_words(found)
    assert "- bonds (asset_class bonds) is at most 20.00 % of NAV" in said
    assert "raise the most of bonds (asset_class bonds) from 20.00 % to 30.00 %" in said
    two = Conflict(
        ("a", "b"),
        ("a is low", "b is high"),
        (),
        (Mend("a", 0.1, "raise a"), Mend("b", 0.1, "lower b")),
        "Volatility is not linear: this was found by trial.",
    )
    words = pictures.conflict_words(two)
    assert "No single change suffices, but:\n\n- raise a and lower b" in words
    assert words.endswith("this was found by trial.")


def test_the_answer_names_what_binds_and_what_room_is_worth(
    day: LimitsInForce, used: LimitsUsed, pair: FrontierPair
) -> None:
    moved = input_sensitivity(HRP(window=252), day.market, 20)
    said, brought = pictures.limits_answer(used, pair, moved), max(used.uses, key=lambda one: one.brought)
    assert f"One more step brings most at *{brought.limit.short}*: {1e4 * brought.brought:.0f} bp" in said
    assert moved.inputs[int(np.nanargmax(moved.turnover))] in said
    free = LimitsUsed(used.optimum, tuple(replace(one, price=0.0) for one in used.uses))
    assert pictures.limits_answer(free, pair, moved).startswith("No limit holds the weights back")


def test_the_sheet_shows_each_target_with_limits(comparison: Comparison) -> None:
    words, *parts = limits_parts(comparison)
    pictures_shown, tables = parts[::2], parts[1::2]
    assert [picture.name for picture in pictures_shown] == ["frontiers_1", "frontiers_2"]
    assert [table["caption"] for table in tables] == [
        "Limits of limited, refit of 2022-09-30", "Limits of wishes, refit of 2022-09-30"
    ]  # fmt: skip
    cells = {row["cells"][0]: row["cells"] for row in tables[1]["rows"]}
    assert cells["abroad ≤ 15 %"][1] == "20.00 %"
    assert cells["abroad ≤ 15 %"][-1] == "gives way, 1"
    assert re.search(r"One more step of room", words.text)


def test_the_numbers_of_the_sheet_are_as_described(comparison: Comparison) -> None:
    schema = json.loads((FILE.parents[2] / "docs" / "schemas" / "tearsheet-4.json").read_text())
    numbers = json.loads(json.dumps(limits_numbers(comparison)))
    described = {**schema["properties"]["limits"], "$defs": schema["$defs"]}
    assert list(Draft202012Validator(described).iter_errors(numbers)) == []
    assert [one["policies"] for one in numbers] == [["limited"], ["wishes"]]
    [abroad] = [one for one in numbers[1]["limits"] if one["key"] == "groups.abroad.most"]
    assert abroad["bound"] == 0.15
    assert abroad["price"] is None
    assert abroad["at"] == pytest.approx(0.2, abs=1e-6)


def test_a_target_that_fell_back_says_so_and_one_without_limits_nothing(comparison: Comparison) -> None:
    played = comparison.backtests["limited"]
    answers = tuple(
        replace(one, fallback="previous weights", why="no weights keep them") for one in played.targets.answers
    )
    fallen = replace(played.targets, answers=answers)
    one = SimpleNamespace(
        portfolio=comparison.portfolio,
        reference="quarterly",
        backtests={"quarterly": comparison.backtests["quarterly"],
                   "limited": SimpleNamespace(targets=fallen, dates=played.dates)},
    )  # fmt: skip
    [_, said] = limits_parts(one)  # type: ignore[arg-type]
    assert limits_numbers(one)[0]["limits"] == []  # type: ignore[arg-type]
    assert said.text == "limited: the previous weights stand in, since no weights keep them."
    one.backtests.pop("limited")
    assert limits_parts(one) == []  # type: ignore[arg-type]


def test_limits_below_another_allocation_are_shown_without_the_target_before(comparison: Comparison) -> None:
    portfolio = comparison.portfolio
    rule = portfolio.policies["limited"]
    scaled = replace(rule, allocation=ConstantExposure(rule.allocation, 0.5))
    one = SimpleNamespace(
        portfolio=replace(portfolio, policies={**portfolio.policies, "limited": scaled}),
        reference="quarterly",
        backtests={name: comparison.backtests[name] for name in ("quarterly", "limited")},
    )
    *_, table = limits_parts(one)  # type: ignore[arg-type]
    assert not any(row["cells"][0].startswith("turnover") for row in table["rows"])
