"""Look-up of the functions of higher rooms that make a record's text, its page and its warnings.

A record must not import its page, since all rooms would then import each other. Its methods look functions up here by
name, as pandas finds the backend of `DataFrame.plot`; a module is imported at the first look-up. A new record or page
adds an asset to `VIEWS`.
"""

from importlib import import_module
from typing import Any

VIEWS = {  # record, view: module, function of the record
    ("engine.result.Backtest", "html"): "sheets.pages.tearsheet:backtest_html",
    ("engine.result.Backtest", "sheet"): "sheets.pages.single_sheet:sheet_of",
    ("engine.result.Backtest", "text"): "evaluation.backtest_figures:backtest_text_with_warnings",
    ("engine.result.Backtest", "summary"): "evaluation.backtest_figures:backtest_table",
    ("engine.result.Backtest", "reconciliation"): "attribution.reconciliation:reconcile",
    ("engine.result.Backtest", "warnings"): "laboratory.learned.warnings:use_warnings",
    ("comparison.comparison.Comparison", "html"): "sheets.pages.tearsheet:comparison_html",
    ("comparison.comparison.Comparison", "sheet"): "sheets.pages.tearsheet:tearsheet_of",
    ("comparison.comparison.Comparison", "text"): "comparison.text:comparison_text",
    ("comparison.comparison.Comparison", "look_ahead"): "studies.audits.portfolio_audit:sheet_line",
    ("comparison.paired.PairedBacktests", "html"): "sheets.pages.tearsheet:paired_html",
    ("comparison.paired.PairedBacktests", "sheet"): "sheets.pages.paired_sheet:paired_sheet_of",
    ("comparison.paired.PairedBacktests", "text"): "comparison.text:paired_text",
    ("today.targets_today.TargetsToday", "html"): "sheets.pages.targets_today:targets_html",
    ("today.targets_today.TargetsToday", "text"): "sheets.pages.targets_today:targets_text",
    ("studies.forecasts.today.ForecastsToday", "html"): "sheets.pages.forecasts_today:forecasts_html",
    ("laboratory.study.Study", "html"): "sheets.pages.laboratory:laboratory_cell",
    ("laboratory.study.Study", "text"): "sheets.pages.laboratory:laboratory_text",
    ("studies.real_markets.study.Study", "text"): "studies.real_markets.findings:study_text",
    ("sweeps.run.Sweep", "html"): "sheets.pages.sweep:sweep_cell_of",
}
HERE = __name__.rpartition(".")[0]


def view(record: object, kind: str) -> Any:
    """The product that `VIEWS` names for a record, or for a record of its base class, under this name."""
    names = (f"{cls.__module__}.{cls.__qualname__}".removeprefix(f"{HERE}.") for cls in type(record).__mro__)
    module, function = next(VIEWS[name, kind] for name in names if (name, kind) in VIEWS).split(":")
    return getattr(import_module(f"{HERE}.{module}"), function)(record)
