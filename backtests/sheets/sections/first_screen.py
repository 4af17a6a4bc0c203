"""The first screen of a comparison's sheet, and its table of figures: what a notebook's cell shows too."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from backtests.comparison import Comparison, PairedBacktests
from backtests.evaluation.backtest_figures import (
    FLOWS,
    FOLDED,
    HARVESTS,
    HEADLINE_FIGURES,
    TAXED_AT_END,
    comparison_figures,
    defined,
    drawdown_dates,
    metric_groups,
    not_available,
)
from backtests.evaluation.metrics import CURRENCY, METRICS, PREDICTIVE, WEALTH, Metric
from backtests.inference.estimates import NotAvailable
from backtests.inference.evidence import LOSS
from backtests.inference.pair_words import without_interval
from backtests.inference.words import distinguished
from backtests.sheets.parts import FilledTemplate, Part, facts_blocks
from backtests.sheets.pictures.comparison.decision import decision_picture
from backtests.sheets.pictures.comparison.timeline import growth_picture
from backtests.sheets.sections.differences import differences_parts, paired_parts
from backtests.sheets.tables import Block, Looks, looks_of, table
from backtests.sheets.terms import term_of
from foundation.paper.picture import HALF
from foundation.paper.styles import line_styles
from foundation.paper.wording import age_words, amount, counted, dated_words, listed, number, percent, probability
from research.allocation import Allocation
from research.portfolio.assumed import own_word
from research.portfolio.unstated import COSTED
from research.rules.protocol import held_by, long_name

BOLD_RULE = (
    "Bold: the best policy of a row when it differs significantly from every other (Holm-adjusted over all others, "
    "5 %); loss J, CAGR and Sharpe ratio are tested, no other row has a bold figure. The interval stands below each "
    "figure."
)
FOLDED_WORDS = "The further figures describe this sample and have no interval."
ELIGIBLE = "term-recommendation"
WORDS, FIGURES = 120, 20  # of the prose of a first screen, its orders and warnings included
ORDERS_ROOM = (35, 5)  # of these for the orders
FIGURE = re.compile(r"\d[\d,.]*")
_SCREENS: WeakKeyDictionary[Comparison, Block] = WeakKeyDictionary()  # whose pictures take a second to draw


def first_screen(comparison: Comparison) -> Block:
    """Title, verdict, figures, growth, table and warnings: what a notebook's cell shows too, made once for both."""
    if comparison not in _SCREENS:
        _SCREENS[comparison] = _first_screen(comparison)
    return _SCREENS[comparison]


def _first_screen(comparison: Comparison) -> Block:
    looks, made, said, desk = looks_of(comparison), comparison.recommendation, comparison.verdict, comparison.portfolio
    screen, base = _screen(comparison, looks, desk.strategic, desk.basis), made.base or comparison.reference
    named = (*made.candidates, base, comparison.reference)
    shown = {name: one for name, one in comparison.backtests.items() if name in named}
    return screen | {
        "growth": growth_picture(shown, looks.styles, base, comparison.benchmark.periods_per_year, HALF),
        "title": desk.name,
        "subtitle": f"{dated_words(desk.basis, desk.date)} {counted(len(comparison.scores), 'policy', 'policies')}, "
        f"{_tested(comparison)}",
        "age": age_words(desk.date),
        "heading": said.heading,
        "verdict": f"{said.do} {said.gain}".strip(),
        "beside": said.lead[2:],
        "warnings_shown": _shown(said.lead, comparison.warnings),
        "figures": [
            table(one.caption, one.heads, one.rows, texts=[0]) for one in (said.figures, said.contest) if one.rows
        ],
        "decision": decision_picture(made, looks.styles, desk),
        "reasons": facts_blocks({**said.details, "How far is the best possible": _best(comparison)}),
        "colour": looks.styles[made.policy].colour if made.policy else "soft",
        "groups": [*screen["groups"], _eligibility(comparison, [column["name"] for column in screen["columns"]])],
        "table_caption": "Out of sample, net of costs unless labelled gross.",
        "broken": "; ".join(f"{n}, {listed(limits)}" for n, limits in made.broken.items()),
        "differences": differences_parts(comparison),
    }


def _shown(lead: Sequence[str], warnings: Sequence[str]) -> int:
    """The number of warnings, two at most, that a first screen of `WORDS` words and `FIGURES` figures has room for."""
    shown = 0
    for count in (1, 2):
        text = " ".join([*lead, *warnings[:count]])
        if len(text.split()) <= WORDS - ORDERS_ROOM[0] and len(FIGURE.findall(text)) <= FIGURES - ORDERS_ROOM[1]:
            shown = min(count, len(warnings))
    return shown


def _best(comparison: Comparison) -> str:
    """The statement on the recommended policy, or the reference, above the best possible, or why there is none."""
    found, name = comparison.above_best, comparison.recommendation.policy or comparison.reference
    return found.reason if isinstance(found, NotAvailable) else found.sentence(name)


def all_figures(comparison: Comparison) -> list[Part]:
    """Every figure of every policy, and the growth of all where the first screen leaves some out."""
    screen, year = first_screen(comparison), comparison.benchmark.periods_per_year
    styles, base = looks_of(comparison).styles, comparison.recommendation.base or comparison.reference
    left = len(comparison.backtests) > len(screen["growth"].data["policy"].unique())
    drawn = [growth_picture(comparison.backtests, styles, base, year, name="growth_of_all")] if left else []
    return [FilledTemplate("figures.html.j2", screen), *drawn]


def shown_differences(comparison: Comparison) -> list[Part]:
    """The parts on differences, which the notebook's cell and the sheet share."""
    parts: list[Part] = first_screen(comparison)["differences"]
    return parts


def paired_screen(paired: PairedBacktests) -> Block:
    """The first screen of backtests without a portfolio: nothing is recommended."""
    base = paired.backtests[paired.reference]
    other = {name: held_by(b.policy) != held_by(base.policy) for name, b in paired.backtests.items()}
    looks = Looks(line_styles(other, paired.reference, None))
    year = paired.benchmark.periods_per_year
    return _screen(paired, looks, held_by(base.policy)) | {
        "growth": growth_picture(paired.backtests, looks.styles, paired.reference, year, HALF),
        "title": counted(len(paired.scores), "backtest"),
        "subtitle": f"{counted(len(base.market.assets), 'asset')}, {_tested(paired)}. {paired.note}".strip(),
        "age": "",
        "headline": _headline(paired),
        "verdict": paired.answer(),
        "reasons": [],
        "broken": "",
        "colour": "soft",
        "table_caption": (
            f"Net of costs unless labelled gross; loss J and tracking error to the target of {paired.reference}."
        ),
        "differences": paired_parts(paired, looks),
    }


def _tested(paired: PairedBacktests) -> str:
    dates = paired.backtests[paired.reference].dates
    return f"{dates[1]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, net of costs"


def _screen(paired: PairedBacktests, looks: Looks, target: Allocation | None, currency: str = CURRENCY) -> Block:
    """The first screen of a comparison, with a portfolio or without, but for its words and growth: table and warnings.

    looks    : looks of the policies.
    target   : allocation that is held if a policy's name does not say it.
    currency : currency of amounts.
    """
    names = list(dict.fromkeys([looks.chosen or paired.reference, paired.reference, *paired.backtests]))
    groups, metrics = _groups(paired, names, currency), metric_groups(paired.benchmark)
    shown, folded = ([m for g, of in metrics.items() if (g in FOLDED) == away for m in of] for away in (False, True))
    missing = " ".join(without_interval(shown, paired.intervals))
    return {
        "reference": paired.reference,
        "columns": _columns(paired, names, looks, target),
        "groups": [group for group in groups if group["name"] not in FOLDED],
        "folded": [group for group in groups if group["name"] in FOLDED],
        "not_available": not_available(paired.scores, shown),
        "folded_not_available": not_available(paired.scores, folded),
        "interval_words": f"with {percent(paired.evidence.level, 0)} intervals",
        "missing": missing,
        "bold_rule": f"{BOLD_RULE} {missing} {FOLDED_WORDS}",
        "warnings": paired.warnings,
    }


def _headline(paired: PairedBacktests) -> list[Block]:
    """The five figures of the reference, each with its interval and with that of the next one."""
    first, *others = dict.fromkeys([paired.reference, *paired.backtests])
    figures = comparison_figures(paired.scores, paired.backtests)
    return [
        {
            "label": metric.label,
            "unit": metric.unit,
            "words": metric.cell(figures[first]),
            "interval": _interval(paired, metric, first),
            "kind": _kind(paired, metric),
            "beside": f"{others[0]}: {metric.cell(figures[others[0]])}" if others else "",
        }
        for metric in defined(HEADLINE_FIGURES, paired.scores)
    ]


def _columns(paired: PairedBacktests, names: Sequence[str], looks: Looks, target: Allocation | None) -> list[Block]:
    marks = {"reference": paired.reference, "recommended": looks.chosen}
    return [
        {
            "name": name,
            "rule": long_name(paired.backtests[name].policy, target),
            "look": looks.styles[name],
            "mark": ", ".join(mark for mark, marked in marks.items() if name == marked),
            "chosen": name == looks.chosen,
        }
        for name in names
    ]


def _groups(paired: PairedBacktests, names: Sequence[str], currency: str) -> list[Block]:
    """The rows of the table, in groups."""
    further = (*FLOWS, *TAXED_AT_END, *HARVESTS)
    without = {row.key: float("nan") for row in further}
    found = comparison_figures(paired.scores, paired.backtests)
    figures = {name: without | found[name] for name in names}
    groups = metric_groups(paired.benchmark)
    flowed = any(played.flows.any() for played in paired.backtests.values())
    groups[WEALTH] += [m for m in further if (flowed and m in FLOWS) or any(m.key in found[name] for name in names)]

    def rows(metric: Metric) -> list[Block]:
        return [_row(paired, metric, figures, currency), *(_long_run(paired, names) if metric.key == LOSS else [])]

    return [
        {"name": name, "rows": [row for metric in metrics for row in rows(metric)]} for name, metrics in groups.items()
    ]


def _eligibility(comparison: Comparison, names: Sequence[str]) -> Block:
    """The rows of the table about who may be recommended."""
    made, unit = comparison.recommendation, f"{comparison.portfolio.basis} a year"
    found = [made.candidates.get(name) for name in names]
    gains = [None if name == made.base else one for name, one in zip(names, found, strict=True)]
    rows = {
        ("limits", "Keeps target and limits", ""): [_cell("no" if name in made.broken else "yes") for name in names]
    }
    if made.candidates:
        rows |= {
            ("expected", f"Expected loss at {own_word(comparison.portfolio, *COSTED)} prices", unit): [
                _cell(number(one.loss if one else None, 0)) for one in found
            ],
            ("gain", f"Expected gain on {made.base}", unit): [
                _cell(number(one.gain.value, 0, signed=True), one.gain.interval(0)) if one else _cell("–")
                for one in gains
            ],
            ("better", "Probability of a gain", ""): [_cell(probability(one.better) if one else "–") for one in gains],
        }
    if not isinstance(best := comparison.above_best, NotAvailable):
        shown = [best.figures.get(name) for name in names]
        rows["above_best", "Above the best possible, at most", "%"] = [
            _cell(number(100.0 * max(one.upper, 0.0), 0), f"expected {number(100.0 * one.value, 0)}")
            if one
            else _cell("–")
            for one in shown
        ]
    return {
        "name": "Decision",
        "rows": [
            {"key": key, "label": label, "unit": unit, "term": ELIGIBLE, "cells": cells}
            for (key, label, unit), cells in rows.items()
        ],
    }


def _cell(words: str, *below: str, best: bool = False) -> Block:
    return {"words": words, "below": list(below), "best": best}


def _row(paired: PairedBacktests, metric: Metric, figures: Mapping[str, Mapping[str, Any]], currency: str) -> Block:
    compared = metric.key in paired.evidence.estimates
    best = distinguished(paired.evidence, metric.key) if compared else None
    cells = []
    for name, by_key in figures.items():
        below = _below(paired, metric, name)
        if metric.key == "max_drawdown":
            below += drawdown_dates(by_key).replace(" to", ",to").split(",")
        cells.append(_cell(metric.cell(by_key), *below, best=name == best))
    kind = _kind(paired, metric)
    if metric.key == "final_balance":
        opened = dict.fromkeys(amount(played.wealth) for played in paired.backtests.values())
        kind = f"from {listed(list(opened), 'or')}, less the initial investment cost"
    unit = currency if metric.unit == CURRENCY else metric.unit
    return {
        "key": metric.key, "label": metric.label, "unit": unit, "kind": kind, "term": term_of(metric.key),
        "cells": cells,
    }  # fmt: skip


def _kind(paired: PairedBacktests, metric: Metric) -> str:
    """The kind of the intervals of a metric, in words; "" for plain confidence intervals."""
    later = paired.evidence.long_run
    if metric.key == LOSS and later is not None:
        return later.at_test
    return metric.interval if metric.interval == PREDICTIVE else ""


def _long_run(paired: PairedBacktests, names: Sequence[str]) -> list[Block]:
    """The row of J in the long run."""
    later, metric = paired.evidence.long_run, METRICS[LOSS]
    if later is None:
        return []
    found = [later.figures.get(name) for name in names]
    cells = [_cell(metric.text(one.value), one.interval(metric.digits)) if one else _cell("–") for one in found]
    row = {"key": "long_run", "label": f"{metric.label} in the long run", "unit": metric.unit, "kind": later.at_history}
    return [row | {"term": term_of(LOSS), "cells": cells}]


def _below(paired: PairedBacktests, metric: Metric, name: str) -> list[str]:
    """The lines below a figure: its interval; of a Sharpe ratio, also what it is with its autocorrelation."""
    lines = [found] if (found := _interval(paired, metric, name)) else []
    if lines and metric.key == "sharpe" and paired.evidence.ratios is not None:
        own = paired.evidence.ratios.own(list(paired.backtests).index(name), paired.evidence.level)
        lines += [] if isinstance(own, NotAvailable) else [f"η(q): {number(own.value, metric.digits)}"]
    return lines


def _interval(paired: PairedBacktests, metric: Metric, name: str) -> str:
    """The interval of a figure in its unit; "" where it has none."""
    found = paired.intervals.get(metric.key, {}).get(name)
    if found is None or isinstance(found, NotAvailable):
        return ""
    return found.times(metric.factor).interval(metric.digits)
