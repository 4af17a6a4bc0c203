"""The section of a sheet on selection: words, table and numbers."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from written import ORIGIN, section_html

from backtests.comparison import Comparison, compare
from backtests.comparison.selection import ActiveSharpe
from backtests.runs.trial_book import read_book
from backtests.sheets.pages.tearsheet import pictures, sheet_numbers, whole_sheet
from backtests.sheets.parts import Folded, Part, Words
from backtests.sheets.sections.selection import selection_numbers, selection_parts
from backtests.sheets.sections.summary import summary_markdown
from backtests.sheets.tables import Block
from backtests.sweeps import Plan, Strategic, sweep
from foundation.paper.formats import json_text
from research.portfolio import load_portfolio
from research.rules import Threshold

NAMES = ["never", "quarterly", "threshold"]


@pytest.fixture(scope="module")
def three() -> Comparison:
    return compare(load_portfolio("data/portfolios/sixty_forty.yaml"), only=NAMES, draws=100)


def shown(comparison: Comparison) -> tuple[str, str, list[Part]]:
    """The numbers, the mail and the section of its sheet."""
    sheet = whole_sheet(comparison, None, ORIGIN)
    numbers = json_text(sheet_numbers(comparison, None, ORIGIN, pictures(sheet)))
    return numbers, summary_markdown(sheet), list(selection_parts(comparison))


def with_policy(comparison: Comparison, one: ActiveSharpe) -> Comparison:
    """A comparison whose first policy has these figures."""
    found, changed = comparison.selection, replace(comparison)
    changed.__dict__["selection"] = replace(found, policies={**found.policies, NAMES[0]: one})
    return changed


def words(comparison: Comparison) -> list[str]:
    """The paragraphs of the section."""
    return [part.text for part in selection_parts(comparison) if isinstance(part, Words)]


def rows_of(comparison: Comparison) -> list[dict[str, Any]]:
    """The rows of its table."""
    folded = selection_parts(comparison)[-1]
    assert isinstance(folded, Folded)
    (table,) = folded.parts
    return cast(Block, table)["rows"]


def test_the_section_says_what_was_tried_and_what_luck_reaches(three: Comparison) -> None:
    tried, overfitted, counted = words(three)
    found = three.selection
    assert tried == (
        f"This comparison tried 3 configurations, {found.effective} where variants count once. The best of so many "
        f"worthless ones would be expected to reach an active Sharpe ratio of {found.noise:.2f} by luck alone."
    )
    assert overfitted.startswith(f"Probability of overfitting (PBO): {100 * found.overfitting:.0f} %.")
    assert "rebalance research trials sixty_forty deflates by all" in counted


def test_each_policy_has_a_row(three: Comparison) -> None:
    rows = {row["cells"][0]: row["cells"][1:] for row in rows_of(three)}
    never, found = rows["never"], three.selection.policies["never"]
    assert never == [
        f"{found.ratio:.2f}", f"{found.probability:.3f}", f"{found.deflated:.3f}", f"{found.track_record:.1f}",
    ]  # fmt: skip
    assert rows["quarterly"][3] == "none: not above zero"
    assert math.isinf(three.selection.policies["quarterly"].track_record or 0.0)
    assert selection_numbers(three.selection)["policies"]["quarterly"]["track_record"] is None


def test_what_is_not_defined_says_why(three: Comparison) -> None:
    without = with_policy(three, ActiveSharpe(why_not="its active returns do not vary"))
    assert rows_of(without)[0]["cells"] == ["never", *["not available"] * 4, "its active returns do not vary"]
    alone = compare(load_portfolio("data/portfolios/sixty_forty.yaml"), only=["quarterly"], draws=100)
    tried, overfitted, _ = words(alone)
    assert (
        tried
        == "This comparison tried 1 configuration: nothing was chosen among several, so there is no deflated ratio."
    )
    assert overfitted.endswith(
        "not available, since fewer than two policies with different active returns were compared."
    )
    assert rows_of(alone)[0]["cells"][3] == "not available"


def test_a_sheet_stays_the_same_when_more_is_tried(three: Comparison) -> None:
    before = len(read_book().trials)
    sweep(three.portfolio, Plan([Threshold(Strategic(), 0.0123)]), progress=False)
    assert len(read_book().trials) == before + 1
    assert shown(compare(three.portfolio, only=NAMES, draws=100)) == shown(three)


def test_the_numbers_of_the_sheet_are_those_of_the_comparison(folder: Path, comparison: Comparison) -> None:
    numbers = json.loads((folder / "tearsheet.json").read_text(encoding="utf-8"))["selection"]
    assert numbers == selection_numbers(comparison.selection)
    assert numbers["policies"]["never"]["ratio"] == comparison.selection.policies["never"].ratio
    page = (folder / "tearsheet.html").read_text(encoding="utf-8")
    assert "nan" not in section_html(page, "selection").lower().replace("finan", "")
