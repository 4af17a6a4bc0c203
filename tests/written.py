"""A comparison's sheet, written into a folder as a run of no code in particular."""

from pathlib import Path

from backtests.comparison import Comparison
from backtests.pages.tearsheet import whole_sheet, write_tearsheet, write_words
from backtests.runs.folder import Run
from research.trading import TradeList

ORIGIN = Run("report", "made", "2022-12-29", {}, "4105457f5e4366f4" * 4, "c0de")


def written(comparison: Comparison, folder: Path) -> Path:
    """The folder, with the sheet in it."""
    write_tearsheet(folder, comparison, None, ORIGIN)
    return folder


def words_written(comparison: Comparison, trades: TradeList | None, run: Run, folder: Path) -> Path:
    """The folder, with the sheet's page, numbers and mail in it: the files of its pictures take as long again."""
    write_words(folder, whole_sheet(comparison, trades, run), comparison, trades, run)
    return folder
