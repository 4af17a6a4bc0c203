"""A comparison's sheet, written into a folder as a run of no code in particular."""

import html
import re
from pathlib import Path

from backtests.comparison import Comparison
from backtests.runs.folder import Run
from backtests.sheets.pages.tearsheet import pictures, whole_sheet, write_words
from foundation.paper.files import PICTURES
from foundation.paper.formats import csv_text
from research.orders import TradeList

ORIGIN = Run("report", "made", "2022-12-29", {}, "4105457f5e4366f4" * 4, "c0de")


def written(comparison: Comparison, folder: Path, trades: TradeList | None = None) -> Path:
    """The folder, with the sheet's page, numbers and mail in it, and the numbers behind each picture."""
    sheet = whole_sheet(comparison, trades, ORIGIN)
    write_words(folder, sheet, comparison, trades, ORIGIN)
    (folder / PICTURES).mkdir()
    for picture in pictures(sheet):
        (folder / PICTURES / f"{picture.name}.csv").write_text(csv_text(picture.data), encoding="utf-8")
    return folder


def section_html(page: str, key: str) -> str:
    """The section of a comparison's sheet as it stands in its page."""
    end = '<details class="section"|<div class="group">|</main>'
    (found,) = re.findall(rf'<details class="section" data-section="{key}">.*?(?={end})', page, flags=re.DOTALL)
    return found


def section_words(folder: Path, key: str) -> str:
    """The section as it is read: without drawings, tags as spaces."""
    found = section_html((folder / "tearsheet.html").read_text(encoding="utf-8"), key)
    words = re.sub(r"<[^>]*>", " ", re.sub(r"<svg.*?</svg>", "", found, flags=re.DOTALL))
    return " ".join(html.unescape(words).split())


def words_written(comparison: Comparison, trades: TradeList | None, run: Run, folder: Path) -> Path:
    """The folder, with the sheet's page, numbers and mail in it, without its figures as files."""
    write_words(folder, whole_sheet(comparison, trades, run), comparison, trades, run)
    return folder
