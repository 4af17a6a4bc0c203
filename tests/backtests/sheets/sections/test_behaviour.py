"""The section on behaviour: what it says, shows and writes are the numbers; what there is not is a sentence."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from backtests.comparison import Comparison, compare
from backtests.comparison.descriptions.behaviour import Behaviour
from backtests.comparison.descriptions.capacity import Capacity
from backtests.comparison.descriptions.cost_levels import COST_LEVELS, BreakEven
from backtests.sheets.parts import Folded, Part, Words, pictures_in
from backtests.sheets.sections.behaviour import behaviour_numbers, behaviour_parts
from backtests.sheets.tables import Block
from foundation.paper.formats import plain_json
from research.portfolio import Portfolio, load_portfolio


def said(parts: list[Part]) -> str:
    """The paragraphs."""
    return " ".join(part.text for part in parts if isinstance(part, Words))


def tables(parts: list[Part]) -> list[Block]:
    """The tables, folded or not."""
    inside = [each for part in parts if isinstance(part, Folded) for each in part.parts]
    return [cast(Block, each) for each in [*parts, *inside] if isinstance(each, dict)]


def with_behaviour(comparison: Comparison, **changes: Any) -> Comparison:
    """The same comparison with another behaviour."""
    changed = replace(comparison)
    changed.__dict__["behaviour"] = replace(comparison.behaviour, **changes)
    return changed


def cells(table: Block) -> dict[str, list[str]]:
    """The rows of a table by their first cell."""
    return {row["cells"][0]: row["cells"][1:] for row in table["rows"]}


def test_the_recommended_policy_stands_beside_the_reference(comparison: Comparison) -> None:
    found = comparison.behaviour
    assert (found.shown, found.other) == ("threshold", "quarterly")
    words = said(behaviour_parts(comparison))
    assert "Of threshold, the recommended policy, beside quarterly, the reference." in words
    assert "none of it is evidence for a policy" in words


def test_days_outside_are_those_of_the_figures(comparison: Comparison) -> None:
    for name, one in comparison.behaviour.statements.items():
        assert one.days_outside / one.days == comparison.scores[name]["days_outside"]
    one = comparison.behaviour.statements["quarterly"]
    assert f"quarterly had an asset outside its range on {one.days_outside} of 2,013 days (1.5" in said(
        behaviour_parts(comparison)
    )
    rows = cells(tables(behaviour_parts(comparison))[0])
    assert list(rows)[:3] == ["SPY", "QQQ", "US equity (2 assets)"]
    btc = one.lines.set_index("line").loc["BTC"]
    assert rows["BTC"][-3:] == [
        str(btc["days_outside"]), f"+{100 * btc['worst_gap']:.1f}", f"{100 * btc['mean_gap']:.2f}",
    ]  # fmt: skip
    assert list(cells(tables(behaviour_parts(comparison))[1])) == list(comparison.backtests)


def test_the_csv_behind_the_heat_map_has_every_window(comparison: Comparison, folder: Path) -> None:
    data, windows = pd.read_csv(folder / "figures" / "holding_windows.csv"), comparison.behaviour.windows
    assert len(data) == np.isfinite(windows.difference).sum() == 336
    assert data["difference"].to_numpy() == pytest.approx(windows.cells()["difference"].to_numpy(), rel=1e-9)
    positive = (data["difference"] > 0.0).mean()
    (picture,) = (p for p in pictures_in(behaviour_parts(comparison)) if p.name == "holding_windows")
    assert f"positive in {100 * positive:.0f} % of 336 windows" in picture.caption
    assert "no evidence by itself" in picture.caption


def test_the_csv_behind_the_costs_has_every_point(comparison: Comparison, folder: Path) -> None:
    data = pd.read_csv(folder / "figures" / "cost_levels.csv")
    assert data.columns.tolist() == ["policy", "cost_bps", "loss", "growth"]
    assert len(data) == len(comparison.backtests) * len(COST_LEVELS)
    own = data[data["policy"] == "threshold"]["loss"].to_numpy()
    assert own == pytest.approx(comparison.behaviour.costs.wide("loss").loc["threshold"].to_numpy(), rel=1e-9)
    (picture,) = (p for p in pictures_in(behaviour_parts(comparison)) if p.name == "cost_levels")
    assert picture.caption.startswith("threshold has a lower J than quarterly at every level.")
    worst = data.groupby("policy")["loss"].max()
    beyond = [f"{name} (up to {worst[name]:,.0f})" for name in ("never", "hrp_threshold")]
    assert f"Off scale: {' and '.join(beyond)}." in picture.caption
    shown = next(table for table in tables(behaviour_parts(comparison)) if table["caption"].startswith("Loss J"))
    assert (cells(shown)["monthly"][-1], cells(shown)["threshold"][-1]) == ("20.1", "–")


def test_a_break_even_of_the_recommended_policy_is_said_and_a_jump_too(comparison: Comparison) -> None:
    roots = (BreakEven("threshold", 7.25, 1e-7, "threshold"), BreakEven("threshold", 31.0, 0.4, "quarterly"))
    changed = with_behaviour(comparison, costs=replace(comparison.behaviour.costs, break_evens=roots))
    (picture,) = (p for p in pictures_in(behaviour_parts(changed)) if p.name == "cost_levels")
    assert picture.caption.startswith(
        "threshold and quarterly change places at 7.2 and 31.0 (by a jump of J) bp a side. Lowest J"
    )
    assert behaviour_numbers(changed.behaviour)["break_evens"][0] == {
        "policy": "threshold", "against": "quarterly", "cost_bps": 7.25, "difference": 1e-7, "lower_below": "threshold",
    }  # fmt: skip


def test_round_trips_stand_in_words_and_in_a_table(comparison: Comparison) -> None:
    figures, words = comparison.behaviour.trips["threshold"].figures, said(behaviour_parts(comparison))
    assert f"threshold closed {figures['number']}, {100 * figures['won']:.0f} % at a gain" in words
    table = next(each for each in tables(behaviour_parts(comparison)) if each["caption"].startswith("Round trips"))
    assert cells(table)["never"] == ["0", "–", "–", "–", "–", "–", "–"]
    assert cells(table)["threshold"][0] == str(figures["number"])


def test_without_impact_the_capacity_is_a_sentence_and_not_a_number(comparison: Comparison, folder: Path) -> None:
    words = said(behaviour_parts(comparison))
    assert words.count("Capacity of threshold") == 1
    assert "the portfolio's file charges no market impact: give “impact: 1.0”" in words
    for each in json.loads((folder / "tearsheet.json").read_text())["behaviour"]["capacity"]:
        assert each["nav"] is None
        assert each["table"] == []


def test_a_known_capacity_has_its_number_and_its_table(comparison: Comparison) -> None:
    table = pd.DataFrame({"nav": [1e6, 2.3456e7], "gain": [2.0, 1.05], "gain_without_impact": [2.1, 2.1]})
    changed = with_behaviour(comparison, capacities=(Capacity("threshold", "never", 2.3456e7, table),))
    words = said(behaviour_parts(changed))
    assert "at 23,500,000 USD at the start, market impact takes half of its gain over never of 2.10 bp a year" in words
    assert cells(tables(behaviour_parts(changed))[-1]) == {
        "1,000,000": ["2.00", "2.10"], "23,500,000": ["1.05", "2.10"],
    }  # fmt: skip


def test_the_json_has_all_of_it(comparison: Comparison, folder: Path) -> None:
    numbers = json.loads((folder / "tearsheet.json").read_text(encoding="utf-8"))["behaviour"]
    assert numbers == plain_json(behaviour_numbers(comparison.behaviour), missing_as_null=True)
    assert list(numbers["ranges"]) == list(numbers["round_trips"]) == list(comparison.backtests)
    assert sum(row["windows"] for row in numbers["windows"]) == 336


def test_a_reference_that_is_recommended_stands_beside_the_one_that_never_trades(portfolio: Portfolio) -> None:
    found = compare(portfolio, only=["never", "threshold"], reference="threshold", draws=100)
    assert (found.behaviour.shown, found.behaviour.other) == ("threshold", "never")
    assert "Of threshold, the recommended policy, beside never." in said(behaviour_parts(found))


def test_one_policy_and_a_short_test_say_what_they_lack(portfolio: Portfolio) -> None:
    alone = compare(portfolio, only=["quarterly"], draws=100)
    assert alone.behaviour.other is None
    assert "There is no second policy beside quarterly" in said(behaviour_parts(alone))
    assert [p.name for p in pictures_in(behaviour_parts(alone))] == ["cost_levels"]
    short = compare(
        load_portfolio("data/portfolios/global_multi_asset.yaml", {"test_start": "2022-03-01"}),
        only=["quarterly", "never"],
        draws=100,
    )
    parts = behaviour_parts(short)
    assert "need a year of whole months: the test is shorter" in said(parts)
    shown = [said(parts), repr(tables(parts)), *(p.caption + p.wide + p.narrow for p in pictures_in(parts))]
    assert not re.search(r"(?i)\bnan\b|\binf\b", " ".join(shown))


def test_many_assets_are_folded() -> None:
    found = compare(load_portfolio("data/portfolios/stocks_20.yaml"), only=["never", "quarterly"], draws=100)
    folded = [part.summary for part in behaviour_parts(found) if isinstance(part, Folded)]
    assert folded[0] == "Weights against ranges, by asset and class"
    assert "has no volumes, by which impact is estimated" in said(behaviour_parts(found)) or found.recommended is None


def test_behaviour_is_a_description_of_every_policy(comparison: Comparison) -> None:
    found = comparison.behaviour
    assert isinstance(found, Behaviour)
    assert list(found.statements) == list(found.trips) == list(comparison.backtests)
    assert [each.against for each in found.capacities] == ["quarterly", "never"]
