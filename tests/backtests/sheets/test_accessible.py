"""What every sheet owes a reader who cannot see it, or not its colours, as far as it is told without a browser.

In a browser axe-core says the same and more: `check_page`, on which the tests of each kind of page call.
"""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from browser import Elements, without_script
from swept import swept
from written import ORIGIN

from backtests.engine import backtest
from backtests.sheets.pages.batch import batch_html
from backtests.sheets.pages.plan_sheet import write_plan_sheet
from backtests.sheets.pages.risk_sheet import write_risk_sheet
from backtests.sheets.pages.sweep import sweep_sheet
from backtests.today.holdings_risk import holdings_risk
from backtests.today.plan import LifeOfPlan
from desk.commands.batch.run import Outcome, table_of_outcomes
from foundation.paper.svg import DARK, LIGHT
from research.portfolio import Portfolio
from research.rules import Never

KINDS = ("tearsheet", "single", "risk", "plan", "sweep", "study", "batch")
TAGS = re.compile(r"<[^>]+>")


def batch() -> str:
    rows = [
        Outcome(
            portfolio="sixty_forty", parameters=("draws=100",), run="one", status=status, policy="never",
            now="monthly", gain=1.5,
            verdict="Use never.", growth=0.05, sharpe=0.5, max_drawdown=-0.2, tracking_error=0.01, cost=1.0,
            warnings="One.\nTwo.", trades="No trade.", orders=0, drawdowns=(0.0, -0.2), page="../one/tearsheet.html",
        )
        for status in ("made", "failed")
    ]  # fmt: skip
    return batch_html("nightly", "compare_policies", table_of_outcomes(rows))


@pytest.fixture(scope="module")
def pages(
    folder: Path, portfolio: Portfolio, life: LifeOfPlan, study_page: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """One of each kind; that of a single policy has several assets a class."""
    place = tmp_path_factory.mktemp("risk")
    write_risk_sheet(place, holdings_risk(portfolio, {"never": Never(portfolio.strategic)}, paths=100), {"Run": "one"})
    write_plan_sheet(place, life, {"Run": "one"})
    played = backtest(portfolio.market, portfolio.policies["quarterly"], portfolio.costs, start="2019-01-02")
    return {
        "tearsheet": (folder / "tearsheet.html").read_text(encoding="utf-8"),
        "single": played.sheet().page(ORIGIN),
        "risk": (place / "risk.html").read_text(encoding="utf-8"),
        "plan": (place / "plan.html").read_text(encoding="utf-8"),
        "sweep": sweep_sheet(swept(costs=(1.0, 3.0), lags=(1,))).page,
        "study": study_page,
        "batch": batch(),
    }


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[k : k + 2], 16) / 255.0 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2 of two colours, #rrggbb."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_its_landmarks_a_language_a_title_and_one_first_heading(pages, kind: str) -> None:
    page = pages[kind]
    found = Elements(page).found
    tags = [tag for tag, _ in found]
    assert dict(found)["html"]["lang"] == "en"
    assert re.search(r"<title>\s*\S+.*</title>", page)
    assert tags.count("main") == tags.count("h1") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(a.get("aria-label") for tag, a in found if tag == "nav")
    regions = [a.get("aria-label") for _, a in found if a.get("role") == "region"]
    assert all(regions)
    assert len(set(regions)) == len(regions)


@pytest.mark.parametrize("kind", KINDS)
def test_every_head_of_a_table_says_what_it_heads_and_every_picture_is_told(pages, kind: str) -> None:
    found = Elements(pages[kind]).found
    heads = [a for tag, a in found if tag == "th"]
    assert heads
    assert {a.get("scope") for a in heads} <= {"col", "row", "colgroup", "rowgroup"}
    drawn = [a for tag, a in found if tag == "svg" and a.get("aria-hidden") != "true" and a.get("role") != "none"]
    assert all(a.get("role") == "img" and len(a.get("aria-label") or "") > 20 for a in drawn)
    assert all(a.get("alt") is not None for tag, a in found if tag == "img")
    assert all(table.count("<caption") or "aria-label" in before for before, table in _tables(pages[kind]))


def _tables(page: str) -> list[tuple[str, str]]:
    """Each table with what stands in the 400 letters before it."""
    return [(page[max(t.start() - 400, 0) : t.start()], t[0]) for t in re.finditer(r"<table.*?</table>", page, re.S)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_of_a_picture_can_be_read_in_both_themes(pages, kind: str) -> None:
    """4.5 to one at the least on paper and on what is shaded; arrows alone are marks, like assets."""
    for fill in set(re.findall(r"<(?:text|tspan)[^>]*fill:([^;\"]+)[^>]*>[^<]*[^\W_]", pages[kind])):
        assert re.fullmatch(r"var\(--\w+\)", fill), fill
        for theme in (LIGHT, DARK):
            colour = theme[fill[6:-1]]
            assert contrast(colour, theme["paper"]) >= 4.5, fill
            assert contrast(colour, theme["wash"]) >= 4.5, fill


def test_what_is_recommended_is_marked_by_more_than_colour(pages) -> None:
    page = pages["tearsheet"]
    (head,) = re.findall(r'<th scope="col" class="chosen">(.*?)</th>', page.partition('class="comparison"')[2][:6000])
    assert "recommended" in TAGS.sub(" ", head)
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert re.search(r"th\.chosen[^{]*\{[^}]*font-weight: 600", style), "rows of other tables: in bold"


def test_a_swatch_stands_beside_a_name_and_is_no_word(pages) -> None:
    page = pages["tearsheet"]
    after = re.findall(r'<i class="swatch"[^>]*aria-hidden="true"[^>]*></i>(.{0,40})', page, re.S)
    assert len(after) == page.count('<i class="swatch"') > 5
    assert all(re.match(r"<span[^>]*>\s*\S|<a ", beside) for beside in after)


def test_a_link_in_a_sentence_is_underlined(pages) -> None:
    style = pages["tearsheet"].partition("<style>")[2].partition("</style>")[0]
    plain = re.findall(r"(\.sheet[^{}]*\ba)\s*\{[^}]*text-decoration: none", style)
    assert {where.split()[-2] for where in plain} <= {"nav", "table"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_at_most_three_megabytes_and_asks_for_nothing(pages, kind: str) -> None:
    page = pages[kind]
    assert len(page.encode()) <= 3_000_000
    assert "://" not in page
    assert not [tag for tag, _ in Elements(page).found if tag in ("link", "iframe", "object", "embed")]
    assert "url(" not in re.sub(r"url\(#\w+\)", "", without_script(page))
    assert "@import" not in page
