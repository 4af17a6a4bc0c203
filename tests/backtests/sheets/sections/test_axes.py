"""The section "Which rule, which target": shown where there are several targets, with the numbers of the comparison."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from browser import Elements, check_page
from written import section_html, words_written

from backtests.comparison.axes import TwoAxes
from backtests.comparison.comparison import Comparison, compare
from backtests.runs.folder import Run
from backtests.sheets.parts import FilledTemplate
from backtests.sheets.sections.axes import axes_numbers, axes_parts
from foundation.paper.formats import plain_json
from foundation.paper.render import fill_template, per_cents
from foundation.paper.wording import number
from research.allocation import EqualWeights
from research.portfolio import Portfolio
from research.rules import Calendar

ORIGIN = Run("report", "global", "2022-12-29", {}, "4105457f5e4366f4" * 4, "c0de")


@pytest.fixture(scope="module")
def axes(comparison: Comparison) -> TwoAxes:
    found = comparison.axes
    assert found is not None
    return found


def written(comparison: Comparison, folder: Path) -> str:
    words_written(comparison, None, ORIGIN, folder)
    return (folder / "tearsheet.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "tearsheet.html").read_text(encoding="utf-8")


def shown(comparison: Comparison) -> dict[str, Any]:
    """What the template is filled with."""
    (part,) = axes_parts(comparison)
    assert isinstance(part, FilledTemplate)
    return cast(dict[str, Any], part.content)


def section(page: str) -> str:
    return section_html(page, "axes")


def cells(page: str, head: str) -> list[str]:
    """The figures of a row of the section, without what stands below them."""
    (row,) = re.findall(rf'<tr><th scope="row">[^\n]*?{head}.*?</tr>', section(page), flags=re.DOTALL)
    return [html.unescape(words) for words in re.findall(r"<td[^>]*>([^<]*)", row)]


def test_the_section_follows_the_differences(page: str) -> None:
    order = ['id="differences"', 'id="axes"', 'id="weights"']
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert not Elements(page).crossed


def test_where_all_policies_hold_one_target_the_section_is_left_out(portfolio: Portfolio) -> None:
    alone = compare(portfolio, only=["quarterly", "threshold"], draws=100)
    assert axes_parts(alone) == []
    assert axes_numbers(alone.axes) is None


def test_the_first_table_has_every_rule_on_every_target(page: str, axes: TwoAxes) -> None:
    for rule in axes.grid.rules:
        shown, expected = cells(page, f">{rule}<"), []
        for target in axes.grid.targets:
            if (rule, target) in axes.grid.missing:
                expected += ["–"] * 4
                continue
            row = axes.rules.loc[(rule, target)]
            standing = "lowest" if row["best"] else "in the set" if row["in_set"] else "outside"
            expected += [*(number(row[key]) for key in ("loss", "cost", "tracking_loss")), standing]
        assert shown == expected
    assert section(page).count(' best">') == len(axes.grid.targets)


def test_the_second_table_has_figures_differences_and_tests(page: str, axes: TwoAxes) -> None:
    certain = axes.targets.loc[("certainty_equivalent", "HRP of 252 returns")]
    assert cells(page, "Certainty equivalent, risk aversion 3") == [
        number(100.0 * axes.targets.loc[("certainty_equivalent", "strategic"), "value"]),
        number(100.0 * certain["value"]), number(100.0 * certain["difference"], signed=True),
        f"{certain['p_holm']:.3f}", certain["verdict"], number(100.0 * certain["detectable"]),
    ]  # fmt: skip
    assert cells(page, "Volatility")[4] in ("lower", "higher")  # less of it is no merit by itself
    assert cells(page, "CAGR at equal volatility")[0] == "for each pair"
    assert cells(page, "Maximum drawdown")[2:] == ["not tested", "–", "–", "–"]
    assert "nan" not in section(page).lower().replace("finance", "")


def test_a_cell_that_cannot_be_played_has_its_reason_below_the_table(comparison: Comparison, axes: TwoAxes) -> None:
    grid = axes.grid
    cell = ("tuned", "HRP of 252 returns")
    gone = {name: {k: v for k, v in getattr(grid, name).items() if k != cell} for name in ("backtests", "scores")}
    lacking = replace(comparison)
    lacking.__dict__["axes"] = replace(axes, grid=replace(grid, **gone, missing={**grid.missing, cell: "it cannot."}))
    block = shown(lacking)
    assert "tuned on HRP of 252 returns: it cannot." in block["rules"]["missing"]
    (row,) = (row for row in block["rules"]["rows"] if row["name"] == "tuned")
    assert [one["words"] for one in row["cells"][4:]] == ["–"] * 4


def test_without_a_rule_for_all_targets_the_sheet_says_so(comparison: Comparison, axes: TwoAxes) -> None:
    lacking = replace(comparison)
    lacking.__dict__["axes"] = replace(axes, compared=None, why_not="no rule of the file can.")
    said = fill_template("backtests.sheets", "axes.html.j2", content=shown(lacking))
    assert "Targets are not compared: no rule of the file can." in said
    assert axes_numbers(lacking.axes)["targets"] == []


def test_the_json_has_both_tables(comparison: Comparison, axes: TwoAxes, folder: Path) -> None:
    numbers = json.loads((folder / "tearsheet.json").read_text(encoding="utf-8"))["axes"]
    assert numbers == plain_json(axes_numbers(comparison.axes), missing_as_null=True)
    assert {(row["rule"], row["target"]): row["loss"] for row in numbers["rules"]} == axes.rules["loss"].to_dict()
    assert len(numbers["targets"]) == len(axes.targets)
    assert (numbers["rule"], numbers["risk_aversion"]) == (comparison.recommendation.policy, 3.0)
    assert set(numbers["matches"]) == {"HRP of 252 returns"}


def test_the_sheet_says_whether_the_target_may_change(page: str, comparison: Comparison, axes: TwoAxes) -> None:
    said = html.unescape(section(page))
    assert "stays on the strategic target, since the file does not say “target: may_change”" in said
    assert per_cents(f"By these figures alone: {axes.chosen.sentence}") in said
    block = shown(replace(comparison, portfolio=replace(comparison.portfolio, target_may_change=True)))
    assert block["chosen"].startswith("Keep the strategic target: no other has")
    assert "under quarterly" in block["chosen"]
    assert "(each quarter, to target), the reference: a target that may change is" in block["targets"]["caption"]


def test_several_targets_with_harmful_names_fit_a_telephone(portfolio: Portfolio, tmp_path: Path) -> None:
    """A table as wide as three targets scrolls within its block; the browser finds nothing beyond the page."""
    named = "<script>alert(1)<script>"
    tilted = replace(portfolio.strategic, weights=(0.3, 0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.0))
    equal = replace(portfolio.strategic, weights=(0.125,) * 8)
    policies = {
        "quarterly": portfolio.policies["quarterly"],
        "tilted": Calendar(tilted, "quarter"),
        named: Calendar(equal, "month"),
        "equal": Calendar(EqualWeights(), "month"),
    }
    text = written(compare(replace(portfolio, policies=policies, policy=None), draws=100), tmp_path)
    assert f"fixed weights ({html.escape(named)})" in text
    assert named not in text
    check_page(text)
