"""The figures of a comparison as an Excel workbook: a sheet a table, numbers as numbers, units in the heads."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests.comparison import Comparison
from backtests.evaluation.backtest_figures import comparison_figures, metric_groups
from backtests.evaluation.metrics import CURRENCY, METRICS, Column
from backtests.runs.origin import Origin, identity_numbers
from backtests.sheets.pictures.comparison.stress import episode_table
from backtests.sheets.sections.played import COSTS_SHOWN, costs_of
from backtests.sheets.sections.returns import returns_numbers
from foundation.paper.cells import BOOK_OPTIONS, write_cell
from research.accounting.costs import CHARGED
from research.orders import TradeList
from research.orders.page import MONEY, WEIGHT_COLUMNS
from research.risk.measures import BPS

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook

WORKBOOK = "figures.xlsx"  # in the folder of a run
PER_CENT = ("total_return", "max_drawdown", "turnover", "target_return", "worst", "mean", "best", "median", "gains")
FIGURE_UNITS = {**dict.fromkeys(PER_CENT, ("%", 100.0)), "cost": ("bp of NAV", BPS)}  # of columns: unit and factor


def figures_workbook(comparison: Comparison, trades: TradeList | None, run: Origin | None) -> bytes:
    """Sheets Run, Figures, Differences, Costs, Stress, Rolling and Trades; the same comparison gives the same bytes.

    comparison : the policies.
    trades     : today's trades, or None.
    run        : identity of the run.
    """
    import xlsxwriter

    desk, buffer = comparison.portfolio, io.BytesIO()
    figures = comparison_figures(comparison.scores, comparison.backtests)
    shown = [metric for metrics in metric_groups(comparison.benchmark).values() for metric in metrics]
    differences = comparison.evidence_table.reset_index()
    differences.insert(1, "unit", [METRICS[metric].record_unit for metric in differences["metric"]])
    with xlsxwriter.Workbook(buffer, BOOK_OPTIONS) as book:
        book.set_properties({"created": desk.date.to_pydatetime()})  # of the data, not of the clock
        _sheet(book, "Run", pd.DataFrame(_facts(comparison, run).items(), columns=["fact", "value"]))
        _sheet(
            book, "Figures", _columns(pd.DataFrame(figures).T.rename_axis("policy").reset_index(), shown, desk.basis)
        )
        _sheet(book, "Differences", differences)
        _sheet(book, "Costs", _columns(costs_of(comparison), COSTS_SHOWN, desk.basis))
        _sheet(book, "Stress", _with_units(episode_table(comparison.stress.episodes)))
        _sheet(book, "Rolling", _with_units(_rolling(comparison)))
        if trades is not None:
            money = {} if "currency" in trades.orders else dict.fromkeys((*MONEY, *CHARGED), (desk.basis, 1.0))
            _sheet(
                book,
                "Trades",
                _with_units(trades.orders, money | dict.fromkeys((*WEIGHT_COLUMNS, "gap"), ("%", 100.0))),
            )
    return buffer.getvalue()


def _facts(comparison: Comparison, run: Origin | None) -> dict[str, Any]:
    dates, made = comparison.backtests[comparison.reference].dates, identity_numbers(run) or {}
    return {
        "portfolio": comparison.portfolio.name,
        "currency": comparison.portfolio.basis,
        "first close of the test": dates[0],
        "last close": dates[-1],
        "days of the test": len(dates) - 1,
        "reference": comparison.reference,
        "recommended": comparison.recommendation.policy or "none",
        "run": made.get("name"),
        "fingerprint of the data": made.get("data_fingerprint"),
        "code": made.get("code"),
    }


def _columns(frame: pd.DataFrame, columns: Any, currency: str) -> pd.DataFrame:
    """A row a policy, a column a figure in the unit in which the page shows it."""
    there: list[Column] = [column for column in columns if column.key in frame]
    shown = {
        _head(c.label, currency if c.unit == CURRENCY else c.unit): pd.to_numeric(frame[c.key]) * c.factor
        for c in there
    }
    return pd.DataFrame({"policy": frame["policy"]} | shown)


def _with_units(frame: pd.DataFrame, units: Mapping[str, tuple[str, float]] = FIGURE_UNITS) -> pd.DataFrame:
    """The same in the units of display, which its heads name. units : unit and factor by column."""
    found = {}
    for name in map(str, frame):
        unit, factor = units.get(name, ("", 1.0))
        found[_head(name.replace("_", " "), unit)] = frame[name] if factor == 1.0 else factor * frame[name]
    return pd.DataFrame(found)


def _head(label: str, unit: str) -> str:
    return f"{label}, {unit}" if unit else label


def _rolling(comparison: Comparison) -> pd.DataFrame:
    """A row a policy and span, or length of calendar period."""
    rows = []
    for name, one in returns_numbers(comparison).items():
        spans = one["rolling"] | {f"calendar {k}": one[k] for k in ("months", "years") if k in one}
        for span, found in spans.items():
            kind = "a year" if span in one["rolling"] else "of each"
            rows.append({"policy": name, "span": span.replace("_", " "), "returns": kind, **found})
    return pd.DataFrame(rows)


def _sheet(book: "Workbook", name: str, frame: pd.DataFrame) -> None:
    sheet, date = book.add_worksheet(name), book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    sheet.freeze_panes(1, 1)
    for column, title in enumerate(frame):
        sheet.set_column(column, column, 22 if column == 0 else 15)
        write_cell(sheet, 0, column, str(title), head)
        for row, value in enumerate(frame[title], start=1):
            write_cell(sheet, row, column, value, date if isinstance(value, pd.Timestamp) else None)
