"""A cycle on one screen: what was seen, what was weighed, what is to be done, and what stands against it."""

from collections.abc import Iterator, Sequence

from desk.cycle.cycle import Cycle
from desk.cycle.monitor import NORMAL_LEVEL, Reading
from foundation.blocks import Column, text_rows, with_minus
from foundation.paper.text_tables import wrapped
from foundation.paper.wording import counted, percent
from research.accounting.costs import BASIS_POINT
from research.rules.standard_rule import points


def screen(cycle: Cycle, status: str = "") -> str:
    """The cycle in words, for a terminal. status : what became of its decision; "" takes that of the decision."""
    parts = (_head(cycle), _monitor(cycle), _analysis(cycle), _decision(cycle), _controls(cycle, status))
    return with_minus("\n\n".join("\n".join(lines) for part in parts if (lines := list(part))))


def readings_text(cycle: Cycle) -> str:
    """The readings of the monitor, a line each."""
    return with_minus("\n".join(_monitor(cycle)))


def decision_text(cycle: Cycle) -> str:
    """The decision with its orders, and what stands against it."""
    return with_minus("\n".join([*_decision(cycle), "", *_controls(cycle)]))


def timeline(cycle: Cycle) -> str:
    """The hand-overs in turn: when, who, and what was said."""
    return with_minus("\n".join(wrapped(f"{step.at}  {step.agent}: {step.narrative}") for step in cycle.steps))


def _head(cycle: Cycle) -> Iterator[str]:
    portfolio, decision = cycle.portfolio, cycle.decision
    yield f"{portfolio.name}: cycle at the close of {portfolio.date:%Y-%m-%d}, {cycle.steps[0].at}"
    yield f"NAV {portfolio.nav:,.2f} {portfolio.basis}; decides: {decision.by} ({cycle.steps[0].output['policy']})"
    yield from map(wrapped, cycle.reality.lines)


def _monitor(cycle: Cycle) -> Iterator[str]:
    yield f"Monitor: {cycle.monitor.status}"
    yield from (wrapped(f"  {_mark(each)} {each.sentence}") for each in cycle.monitor.readings)


def _mark(reading: Reading) -> str:
    return "!" if reading.triggers else " " if reading.level == NORMAL_LEVEL else "*"


def _analysis(cycle: Cycle) -> Iterator[str]:
    analysis = cycle.analysis
    if analysis is None:
        yield wrapped(f"Analysis: {cycle.steps[4].narrative}")
        return
    taken = cycle.decision.chosen
    table = analysis.table()
    marks = [">" if name == taken else "" for name in table.index]
    unknown = "–"

    def each(name: str, form: str) -> list[str]:
        return [unknown if value is None or value != value else format(value, form) for value in table[name]]

    apart, money = list(zip(table["apart"], table["error"], strict=True)), BASIS_POINT * cycle.portfolio.nav
    yield f"Analysis: {len(table)} alternatives, each played through the same {len(analysis.best.losses):,} years"
    yield from text_rows(
        [
            Column("", "", marks, words=True),
            Column("alternative", "", list(table.index), words=True),
            Column("orders", "", each("orders", "d")),
            Column("turnover", "% of NAV", [percent(value) for value in table["turnover"]]),
            Column("cost", cycle.portfolio.basis, each("cost", ",.2f")),
            *([Column("tax", cycle.portfolio.basis, each("tax", ",.2f"))] if table["tax"].any() else []),
            Column("later", "bp", each("later", ".2f")),
            Column("tracking", "bp", each("tracking", ".2f")),
            Column("loss", "bp a year", each("loss", ".2f")),
            Column("less policy", "± error", [f"{a:+.2f} ± {e:.2f}" for a, e in apart]),
            Column("the same", f"{cycle.portfolio.basis} a year", [f"{a * money:+,.0f}" for a, _ in apart]),
            Column("score", "of 10", each("score", ".2f")),
            Column("best in", "of worlds", each("best", ".0%")),
        ]
    )
    for one in analysis.alternatives:
        also = f" (the same orders: {', '.join(one.listed.also)})" if one.listed.also else ""
        yield wrapped(f"  {one.name}: {one.listed.words}{also}")


def _decision(cycle: Cycle) -> Iterator[str]:
    decision = cycle.decision
    yield wrapped(f"Decision: {decision.chosen}. {decision.listed.headline}")
    yield from _bullets(decision.reasons)
    if decision.actions:
        yield from text_rows(
            [
                Column("priority", "", [each.priority for each in decision.actions], words=True),
                *_of_accounts([each.account for each in decision.actions]),
                Column("asset", "", [each.asset for each in decision.actions], words=True),
                Column("action", "", [each.action for each in decision.actions], words=True),
                Column("units", "", ["" if each.units is None else f"{each.units:,.10g}" for each in decision.actions]),
                Column("value", cycle.portfolio.basis, [f"{each.value:,.2f}" for each in decision.actions]),
                Column("rationale", "", [each.rationale for each in decision.actions], words=True),
            ]
        )
    yield wrapped(f"When: {decision.timing}.")
    if (band := decision.band) is not None:
        usual = "its usual width" if band.factor == 1.0 else f"{band.factor:.3g} times its usual width"
        more = f"; the trade counts for {counted(band.sessions, 'session')} more" if band.sessions else ""
        yield wrapped(f"Band: {points(band.half_width)}, {usual}: {band.why}{more}.")
    if decision.changes:
        yield "What would change it:"
        yield from _bullets(decision.changes)


def _of_accounts(names: Sequence[str]) -> list[Column]:
    """The column of accounts, where there are several."""
    return [Column("account", "", names, words=True)] if any(names) else []


def _controls(cycle: Cycle, status: str = "") -> Iterator[str]:
    failed = [each for each in cycle.decision.controls if each.effect != "passes"]
    yield from (wrapped(f"{each.name} {each.effect}: {each.sentence}.") for each in failed)
    yield f"Status: {status or cycle.decision.status}"


def _bullets(sentences: Sequence[str]) -> Iterator[str]:
    for each in sentences:
        first, *rest = wrapped(each).splitlines()
        yield from (f"  - {first}", *(f"    {line}" for line in rest))
