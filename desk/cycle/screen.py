"""A cycle on one screen: what was seen, what was weighed, what is to be done, and what stands against it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from desk.cycle.cycle import Cycle
from desk.cycle.monitor import NORMAL_LEVEL, Reading
from foundation.blocks import Column, text_rows, with_minus
from foundation.paper.text_tables import TEXT_WIDTH, text_lines, wrapped
from foundation.paper.wording import counted, percent
from research.accounting.costs import BASIS_POINT
from research.rules.standard_rule import points


def screen(cycle: Cycle, status: str = "") -> str:
    """The cycle in words, for a terminal. status : what became of its decision; "" takes that of the decision."""
    parts = (_head(cycle), _monitor(cycle), _analysis(cycle), _decision(cycle), _controls(cycle, status))
    return with_minus("\n\n".join("\n".join(lines) for part in parts if (lines := list(part))))


def readings_text(cycle: Cycle, width: int = TEXT_WIDTH) -> str:
    """The readings of the monitor, a line each. width : columns of a line, here and below."""
    return with_minus("\n".join(_monitor(cycle, width)))


def decision_text(cycle: Cycle, width: int = TEXT_WIDTH) -> str:
    """The decision with its orders, and what stands against it."""
    return with_minus("\n".join([*_decision(cycle, width), "", *_controls(cycle, width=width)]))


def timeline(document: Mapping[str, Any], width: int = TEXT_WIDTH) -> str:
    """The hand-overs of the record of a cycle in turn: when, who, and what was said."""
    lines = ("{at}  {agent}: {narrative}".format(**step) for step in document["steps"])
    return with_minus("\n".join(wrapped(line, width) for line in lines))


def _head(cycle: Cycle) -> Iterator[str]:
    portfolio, decision = cycle.portfolio, cycle.decision
    yield f"{portfolio.name}: cycle at the close of {portfolio.date:%Y-%m-%d}, {cycle.steps[0].at}"
    yield f"NAV {portfolio.nav:,.2f} {portfolio.basis}; decides: {decision.by} ({cycle.steps[0].output['policy']})"
    yield from map(wrapped, cycle.reality.lines)


def _monitor(cycle: Cycle, width: int = TEXT_WIDTH) -> Iterator[str]:
    yield f"Monitor: {cycle.monitor.status}"
    yield from (wrapped(f"  {_mark(each)} {each.sentence}", width) for each in cycle.monitor.shown)


def _mark(reading: Reading) -> str:
    return "!" if reading.triggers else " " if reading.level == NORMAL_LEVEL else "*"


def _analysis(cycle: Cycle) -> Iterator[str]:
    analysis = cycle.analysis
    if analysis is None:
        yield wrapped(f"Analysis: {cycle.steps[4].narrative}")
        return
    taken, portfolio = cycle.decision.chosen, cycle.portfolio
    count = len(analysis.alternatives)
    yield f"Analysis: {count} alternatives, each played through the same {len(analysis.best.losses):,} years"
    marks = Column("", "", [">" if each.name == taken else "" for each in analysis.alternatives], words=True)
    table = analysis.table().reset_index()
    yield from text_rows([marks, *loss_columns(table, portfolio.basis, portfolio.nav)])
    for row in cycle.steps[4].output["alternatives"]:
        yield wrapped(f"  {row['alternative']}: {alternative_words(row)}")
    yield wrapped(cycle.steps[4].narrative)


def alternative_words(row: Mapping[str, Any]) -> str:
    """The orders of an alternative in words, and others with the same ones.  row : of a record."""
    also = f" (the same orders: {', '.join(row['also'])})" if row["also"] else ""
    return f"{row['words']}{also}"


def loss_columns(table: pd.DataFrame, basis: str, nav: float) -> list[Column]:
    """The columns of the alternatives.  table : a row an alternative, as in a record; nav : of the portfolio, basis."""
    apart, money = list(zip(table["apart"], table["error"], strict=True)), BASIS_POINT * nav

    def each(name: str, form: str) -> list[str]:
        return [format(value, form) for value in table[name]]

    return [
        Column("alternative", "", list(table["alternative"]), words=True),
        Column("orders", "", each("orders", "d")),
        Column("turnover", "% of NAV", [percent(value) for value in table["turnover"]]),
        Column("cost", basis, each("cost", ",.2f")),
        *([Column("tax", basis, each("tax", ",.2f"))] if table["tax"].any() else []),
        Column("later", "bp", each("later", ".2f")),
        Column("tracking", "bp", each("tracking", ".2f")),
        Column("loss", "bp a year", each("loss", ".2f")),
        Column("less policy", "± error", [f"{a:+.2f} ± {e:.2f}" for a, e in apart]),
        Column("the same", f"{basis} a year", [f"{a * money:+,.0f}" for a, _ in apart]),
        Column("score", "of 10", each("score", ".2f")),
        Column("best in", "of worlds", [percent(value, 0) for value in table["best"]]),
    ]


def _decision(cycle: Cycle, width: int = TEXT_WIDTH) -> Iterator[str]:
    decision = cycle.decision
    yield wrapped(f"Decision: {decision.chosen}. {decision.listed.headline}", width)
    yield from _bullets(decision.reasons, width)
    if decision.actions:
        yield from _orders(cycle.steps[5].output["actions"], cycle.portfolio.basis, width)
        count = counted(len(decision.actions), "order")
        yield f"In all: {count}, turnover {percent(decision.listed.turnover, 2)} of NAV."
    yield wrapped(f"When: {decision.timing}.", width)
    yield from (wrapped(each, width) for each in band_words(cycle.steps[5].output))
    if decision.changes:
        yield "What would change it:"
        yield from _bullets(decision.changes, width)
    yield wrapped(f"What is watched: {decision.watched} triggers the next cycle.", width)


def band_words(decision: Mapping[str, Any]) -> list[str]:
    """A sentence on the band in force, where it changes.  decision : as in a record."""
    band = decision["band"]
    if band is None:
        return []
    usual = "its usual width" if band["factor"] == 1.0 else f"{band['factor']:.3g} times its usual width"
    more = f"; the trade counts for {counted(band['sessions'], 'session')} more" if band["sessions"] else ""
    return [f"Band: {points(band['half_width'])}, {usual}: {band['why']}{more}."]


def order_text_columns(actions: Sequence[Mapping[str, Any]], basis: str) -> list[Column]:
    """The columns of the orders, the rationale last.  actions : as in a record."""

    def words(name: str) -> Column:
        return Column(name, "", [each[name] for each in actions], words=True)

    return [
        words("priority"),
        *([words("account")] if any(each["account"] for each in actions) else []),
        words("asset"),
        words("action"),
        Column("units", "", ["" if each["units"] is None else f"{each['units']:,.10g}" for each in actions]),
        Column("value", basis, [f"{each['value']:,.2f}" for each in actions]),
        words("rationale"),
    ]


def _orders(actions: Sequence[Mapping[str, Any]], basis: str, width: int) -> list[str]:
    """The orders as lines of a table, their rationales wrapped into the width that is left."""
    *columns, rationale = order_text_columns(actions, basis)
    title, unit, *rows = text_rows(columns)
    indent = max(map(len, (title, unit, *rows))) + 2
    why = [text_lines(each, width - indent) for each in rationale.cells]
    lines = [f"{title:{indent}}rationale", unit]
    for row, (first, *rest) in zip(rows, why, strict=True):
        lines += [f"{row:{indent}}{first}", *(f"{'':{indent}}{more}" for more in rest)]
    return lines


def _controls(cycle: Cycle, status: str = "", width: int = TEXT_WIDTH) -> Iterator[str]:
    failed = [each for each in cycle.decision.controls if each.effect != "passes"]
    yield from (wrapped(f"{each.name} {each.effect}: {each.sentence}.", width) for each in failed)
    yield status_line(status or cycle.decision.status)


def status_line(status: str) -> str:
    """The line of the status of a decision."""
    return f"Status: {status}"


def _bullets(sentences: Sequence[str], width: int) -> Iterator[str]:
    for each in sentences:
        first, *rest = wrapped(each, width - 4).splitlines()
        yield from (f"  - {first}", *(f"    {line}" for line in rest))
