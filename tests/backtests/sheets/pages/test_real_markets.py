"""The sheet of the study of real markets: what the study says, and no section that it has nothing for."""

import re
from html import unescape
from pathlib import Path

from browser import Elements, check_page

from backtests.sheets.pages.real_markets import study_html, study_sheet, write_study_sheet
from backtests.sheets.parts import sheet_pictures
from backtests.sheets.tables import Block
from backtests.studies.real_markets import KEPT_EXPOSURE, Study
from backtests.studies.real_markets.findings import CHOSEN, ratios, sentences
from foundation.paper.render import per_cents


def test_the_page_has_its_sections_each_sentence_and_no_address(kept: Study, study_page: str, tmp_path: Path) -> None:
    elements = Elements(study_page)
    assert (elements.open, elements.crossed) == ([], [])
    ids = [attrs["id"] for tag, attrs in elements.found if tag == "section" and "id" in attrs]
    assert ids == ["results", "cases", "frontier", "further", "conventions"]
    text = unescape(re.sub(r"<[^>]*>", " ", study_page))
    assert all(per_cents(sentence) in text for sentence in sentences(kept))
    assert not re.search(r"https?:|src=", re.sub(r"<svg.*?</svg>", "", study_page, flags=re.DOTALL))
    assert len(study_page) < 1_000_000
    check_page(study_page)


def test_the_table_and_the_pictures_have_the_ratios_of_the_study(kept: Study, study: Block) -> None:
    found = ratios(kept, CHOSEN).loc["gradient"]
    (results,) = study["sections"][0]["parts"]
    (row,) = [row["cells"] for row in results["rows"] if row["cells"][0] == "gradient"]
    assert row[1].startswith(f"{found['ratio']:.2f} [{found['lower']:.2f}, {found['upper']:.2f}]")
    drawn = sheet_pictures(study)[0]
    assert drawn.title == f"gradient over {CHOSEN}"
    assert f"below 1 in {found['lower_in']:.0f} of {found['cases']:.0f}" in drawn.caption


def test_a_study_of_exposure_has_that_section_alone(tmp_path: Path) -> None:
    place = write_study_sheet(tmp_path, Study.load(KEPT_EXPOSURE))
    assert re.findall(r'<section id="(\w+)"', place.read_text(encoding="utf-8")) == ["exposure", "conventions"]


def test_one_window_says_why_it_has_no_interval(kept: Study) -> None:
    page = study_html(study_sheet(Study(kept.table[kept.table["window"] == 2016], kept.manifest)))
    assert "an interval needs cases of at least two windows" in page
    assert "One window gives no interval: run cases of other windows." in page
