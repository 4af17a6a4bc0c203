"""The tearsheet: one page without any URL, its numbers as JSON, each figure as files; and its blocks for notebooks.

The same comparison gives the same bytes. Nothing is fetched; one script, on which nothing depends, reads the drawings.
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any, cast

from backtests.comparison import Comparison, PairedBacktests
from backtests.comparison.fitting.tuning import Tuned, thresholds_tried
from backtests.comparison.recommendation import Recommendation
from backtests.comparison.verdict import orders_words
from backtests.engine.result import Backtest
from backtests.evaluation.backtest_figures import (
    backtest_figures,
    backtest_title,
    comparison_figures,
    metric_groups,
    not_available,
)
from backtests.inference.estimates import NotAvailable
from backtests.inference.intervals import interval_records
from backtests.inference.selection import SuperiorAbility
from backtests.inference.words import distinguished
from backtests.runs.folder import MAIL, NUMBERS_FILE
from backtests.runs.origin import Origin, identity, identity_numbers
from backtests.sheets.pages.workbook import WORKBOOK, figures_workbook
from backtests.sheets.parts import section_blocks, sheet_pictures
from backtests.sheets.pictures.comparison.timeline import growth_picture, trading_picture
from backtests.sheets.pictures.comparison.weights import weights_picture
from backtests.sheets.render import render
from backtests.sheets.sections.conventions import facts_of
from backtests.sheets.sections.first_screen import first_screen, paired_screen
from backtests.sheets.sections.played import WEIGHTS_WORDS, trailing_numbers
from backtests.sheets.sections.sections import APPENDIX, FRONT, SECTION_NAMES, SECTIONS
from backtests.sheets.sections.summary import summary_markdown
from backtests.sheets.tables import Block, Shown, day, records_table, table
from foundation.arguments import one_of
from foundation.dataclasses import asdict, dataclass
from foundation.errors import DataError
from foundation.files import write_whole
from foundation.paper.files import picture_records, write_pictures
from foundation.paper.formats import json_text, plain_json
from foundation.paper.picture import Picture
from foundation.paper.render import Running
from foundation.paper.styles import style_alone
from research.orders import TradeList
from research.rules import Threshold

SHEET_PAGE = "tearsheet.html"
TEARSHEET_SCHEMA = 4  # of tearsheet.json: docs/schemas/tearsheet-4.json


@dataclass(frozen=True, eq=False)
class Tearsheet:
    """The tearsheet of a comparison that was made in Python: without orders, and of no run."""

    comparison: Comparison

    def write(self, folder: str | Path) -> Path:
        """Write the files of `write_tearsheet` into a folder, which is made if it does not exist; gives the page."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        write_tearsheet(place, self.comparison, None, None)
        return place / SHEET_PAGE

    def _repr_html_(self) -> str:
        """The blocks that a notebook's cell shows."""
        return comparison_html(self.comparison)


def tearsheet_of(comparison: Comparison) -> Tearsheet:
    """The tearsheet of a comparison."""
    return Tearsheet(comparison)


def write_tearsheet(folder: Path, comparison: Comparison, trades: TradeList | None, run: Origin | None) -> None:
    """Write tearsheet.html, .json, summary.md, figures.xlsx, and of each picture figures/<name>.csv and .svg.

    folder     : an existing folder.
    comparison : the policies.
    trades     : today's trades, or None.
    run        : identity of the run, or None.
    """
    sheet = whole_sheet(comparison, trades, run)
    write_pictures(folder, pictures(sheet))
    write_words(folder, sheet, comparison, trades, run)
    write_whole(folder / WORKBOOK, figures_workbook(comparison, trades, run))


def write_words(
    folder: Path, sheet: Block, comparison: Comparison, trades: TradeList | None, run: Origin | None
) -> None:
    """Write tearsheet.html, tearsheet.json and summary.md of a whole sheet; other arguments of `write_tearsheet`."""
    numbers = sheet_numbers(comparison, trades, run, pictures(sheet))
    write_whole(folder / NUMBERS_FILE, json_text(numbers))
    desk = comparison.portfolio
    name = "" if run is None else run.name
    paper = Running(f"{desk.name}: rebalancing policy comparison", f"closes of {day(desk.date)}", name)
    write_whole(folder / SHEET_PAGE, render("tearsheet.html.j2", paper, sheet=sheet))
    write_whole(folder / MAIL, summary_markdown(sheet))


def whole_sheet(comparison: Comparison, trades: TradeList | None, run: Origin | None) -> Block:
    """Every block of a tearsheet; arguments of `write_tearsheet`."""
    with ThreadPoolExecutor(1) as beside:  # futures are played by compiled code: meanwhile the rest is drawn
        beside.submit(lambda: comparison.from_today)  # its section waits for it: `cached_property` computes it once
        first = first_screen(comparison)
        front = section_blocks((k, name, title, parts(comparison, trades)) for k, name, title, parts in FRONT)
        appendix = {
            group: section_blocks((s.key, s.name, s.title, s.parts(comparison)) for s in sections)
            for group, sections in APPENDIX.items()
        }
    return first | {
        "facts": facts_of(comparison, identity(run)),
        "trades": trades,
        "orders": "" if trades is None else orders_words(comparison.recommendation, trades),
        "front": front,
        "appendix": appendix,
        "sections": [*front, *chain.from_iterable(appendix.values())],
    }


def pictures(sheet: Block) -> list[Picture]:
    """Every picture of a sheet, in order."""
    first = [*([sheet["decision"]] if sheet["decision"] else []), sheet["growth"]]
    return [*first, *sheet_pictures(sheet)]


def comparison_html(comparison: Comparison, sections: Collection[str] = ()) -> str:
    """Verdict, growth, table, differences and warnings as a block of HTML that brings its own style.

    sections : names of sections of the sheet to show instead, in its order; no other is computed.
    Raises   : ConfigError for a name that is none of `SECTION_NAMES`.
    """
    for name in sections:
        one_of("section", name, SECTION_NAMES)
    if not sections:
        return render("comparison.html.j2", sheet=first_screen(comparison), searched=comparison.searched)
    front = ((key, name, title, parts(comparison, None)) for key, name, title, parts in FRONT if key in sections)
    behind = ((s.key, s.name, s.title, s.parts(comparison)) for s in SECTIONS if s.key in sections)
    sheet = first_screen(comparison) if "verdict" in sections else None
    return render("sections.html.j2", sheet=sheet, sections=section_blocks(chain(front, behind)))


def paired_html(paired: PairedBacktests) -> str:
    """Settings that differ, growth, table, differences and warnings as a block of HTML with its own style."""
    return render("comparison.html.j2", sheet=paired_screen(paired), searched=paired.searched)


def backtest_html(played: Backtest) -> str:
    """Growth, figures, weights and warnings of one backtest as a block of HTML that brings its own style."""
    style = style_alone(played.name)
    alone = ({played.name: style}, played.name, played.periods_per_year)
    return render(
        "backtest.html.j2",
        title=backtest_title(played),
        pictures=[draw({played.name: played}, *alone) for draw in (growth_picture, trading_picture)],
        weights=weights_picture(played, style),
        weights_words=WEIGHTS_WORDS,
        figures=_alone(played),
        accounting=played.reconcile().verdict,
        warnings=played.warnings,
    )


def _alone(played: Backtest) -> Block:
    """The figures of a backtest that belongs to no comparison; why there are none, where they are not defined."""
    try:
        shown, figures, scored = backtest_figures(played, folded=False)
    except DataError as error:  # too short, or its wealth is gone: it shows itself all the same
        return table(f"No metrics: {error}", [], [])
    columns = (
        Shown("label", "figure"),
        Shown("", "value", form=lambda metric: metric.cell(figures)),
        Shown("unit", "unit", words=True),
    )
    caption = " ".join(["Net of costs unless labelled gross.", *not_available({played.name: scored}, shown)])
    return records_table(caption.removesuffix("."), columns, shown)


# -- numbers ---------------------------------------------------------------------------------------------------------


def sheet_numbers(
    comparison: Comparison, trades: TradeList | None, run: Origin | None, drawn: list[Picture]
) -> dict[str, Any]:
    """Every number and sentence of a sheet as plain JSON values, in the units of the records that they come from.

    comparison : the policies.
    trades     : today's trades, or None.
    run        : identity of the run.
    drawn      : the sheet's pictures.
    """
    evidence, dates = comparison.evidence, comparison.backtests[comparison.reference].dates
    shown = [metric for metrics in metric_groups(comparison.benchmark).values() for metric in metrics]
    content = {
        "schema": TEARSHEET_SCHEMA,
        "run": identity_numbers(run),
        "portfolio": comparison.portfolio.name,
        "lines": list(comparison.portfolio.market.assets),
        "test": {"first": day(dates[1]), "last": day(dates[-1]), "days": len(dates) - 1},
        "reference": comparison.reference,
        "recommendation": _recommendation_numbers(comparison),
        "trials": comparison.trials,
        "accounting": comparison.accounting,
        "look_ahead": comparison.look_ahead,
        "figures": comparison_figures(comparison.scores, comparison.backtests),
        "not_available": {name: dict(s.undefined) for name, s in comparison.scores.items() if s.undefined},
        "trailing_returns": trailing_numbers(comparison),
        "intervals": interval_records(shown, comparison.intervals, evidence),
        "evidence": comparison.evidence_table.reset_index().to_dict("records"),
        "pairs": [pair.record() for pair in comparison.pairs.values()],
        "superior_ability": {metric: _ability(each) for metric, each in comparison.superior_ability.items()},
        "bold": {metric: distinguished(evidence, metric) for metric in evidence.estimates},
        **{section.key: section.numbers(comparison) for section in SECTIONS if section.numbers is not None},
        "seeds": comparison.seeds().to_dict("records"),
        "tuned": {n: _tuned_numbers(f.tuned) for n, f in comparison.fitted.items() if f.tuned is not None},
        "trades": None if trades is None else _trade_numbers(comparison.recommendation, trades),
        "warnings": comparison.warnings,
        "settings": comparison.settings,
        "pictures": picture_records(drawn),
    }
    numbers: dict[str, Any] = plain_json(content, missing_as_null=True)
    return numbers


def _recommendation_numbers(comparison: Comparison) -> dict[str, Any]:
    made = comparison.recommendation
    return asdict(made) | {"verdict": asdict(comparison.verdict), "as_good": made.as_good}


def _tuned_numbers(tuned: Tuned) -> dict[str, Any]:
    policy, card = cast(Threshold, tuned.policy), tuned.card
    return {
        "band": policy.band,
        "destination": policy.destination,
        "first": f"{card.first:%Y-%m-%d}",
        "last": f"{card.seen:%Y-%m-%d}",
        "tried": thresholds_tried(tuned).drop(columns="chosen").to_dict("records"),
    }


def _ability(found: SuperiorAbility | NotAvailable) -> dict[str, Any]:
    if isinstance(found, NotAvailable):
        return {"p": None, "lower": None, "upper": None, "reason": found.reason}
    return {"p": found.p, "lower": found.lower, "upper": found.upper}


def _trade_numbers(made: Recommendation, trades: TradeList) -> dict[str, Any]:
    tables = {"orders": trades.orders, "held": trades.held, "would_trade": trades.would_trade}
    return {
        "headline": trades.headline,
        "said": orders_words(made, trades),
        "facts": trades.facts,
        **{name: frame.to_dict("records") for name, frame in tables.items()},
    }
