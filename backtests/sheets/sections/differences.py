"""The section of a sheet on differences: each policy beside the reference, the power of a test, and each pair."""

from collections.abc import Callable
from typing import Any

from backtests.comparison import Comparison, PairedBacktests
from backtests.comparison.paired import why_not_limited
from backtests.evaluation.metrics import METRICS
from backtests.inference.estimates import Estimate, NotAvailable
from backtests.inference.evidence import Difference
from backtests.inference.pair_words import detectable_words, pairs_not_available, superior
from backtests.sheets.parts import FilledTemplate, Part, Words
from backtests.sheets.pictures.comparison.evidence import EVIDENCE_METRICS, differences_picture
from backtests.sheets.tables import Block, Looks, Shown, looks_of, records_table, scaled
from foundation.paper.wording import counted, grouped, listed, number, percent

RISKS = ("volatility", "cvar95", "max_drawdown")


def differences_parts(comparison: Comparison) -> list[Part]:
    """Table, picture and pairs of a comparison; nothing of a policy alone."""
    return paired_parts(comparison, looks_of(comparison))


def paired_parts(paired: PairedBacktests, looks: Looks) -> list[Part]:
    """The section on differences, for any paired backtests."""
    if not paired.pairs:
        return []
    notes = (
        detectable_words(paired.pairs, looks.chosen, paired.benchmark.periods_per_year),
        _from_below(paired),
        " ".join(pairs_not_available(paired.pairs)),
    )
    found, below, missing = ([Words(words)] if words else [] for words in notes)
    return [
        *found,
        FilledTemplate("differences.html.j2", _differences(paired, looks)),
        *below,
        differences_picture(paired, looks.styles),
        _pairs(paired, looks),
        *missing,
    ]


def _from_below(paired: PairedBacktests) -> str:
    """A sentence on the policies whose loss has only a lower bound, with the reasons; "" where there are none."""
    reasons = grouped((why, name) for name, played in paired.backtests.items() if (why := why_not_limited(played)))
    return " ".join(
        f"How high the loss J of {listed(names)} may be is not known: {reason}." for reason, names in reasons.items()
    )


# -- each policy minus the reference ---------------------------------------------------------------------------------


def _differences(paired: PairedBacktests, looks: Looks) -> Block:
    found = {metric: paired.evidence.differences(metric) for metric in EVIDENCE_METRICS}
    rows = []
    for name in found["loss"]:
        cells = []
        for metric, shown in EVIDENCE_METRICS.items():
            d = found[metric][name]
            cells.append(
                {
                    "words": shown.text(d.value, signed=True),
                    "p": number(d.tested, 3),
                    "verdict": d.verdict,
                    "below": d.times(shown.factor).interval(shown.digits),
                }
            )
        rows.append({"name": name, "look": looks.styles[name], "cells": cells, "chosen": name == looks.chosen})
    others, level = len(paired.scores) - 1, percent(paired.evidence.level, 0)
    return {
        "reference": paired.reference,
        "caption": (
            f"Each policy minus {paired.reference}, on the same days. The interval below a difference "
            f"({level}) is that of the pair alone; p-values and verdicts are Holm-adjusted for "
            f"{counted(others, 'comparison')}. {superior(paired.superior_ability, paired.reference)}"
        ).strip(),
        "metrics": [{"label": each.label, "unit": each.unit} for each in EVIDENCE_METRICS.values()],
        "rows": rows,
    }


# -- each pair -------------------------------------------------------------------------------------------------------


def _pairs(paired: PairedBacktests, looks: Looks) -> Block:
    level = percent(paired.evidence.level, 0)
    caption = (
        f"Each policy with {paired.reference}: correlation of daily returns over cash; smallest true difference "
        "that a test of the pair alone (5 %) finds with a probability of 80 %; z of the Sharpe difference for "
        f"independent normal days; differences in risk with {level} intervals, of the drawdown the range "
        f"expected in another such period ({level})"
    )
    growth, sharpe = (METRICS[key].difference for key in ("growth", "sharpe"))
    columns = [
        Shown("correlation", "correlation", form=scaled(1.0, 4)),
        Shown("detectable", "detectable", f"CAGR, {growth.unit}", lambda found: _known(found["growth"], growth.text)),
        Shown("detectable", "detectable", "Sharpe ratio", lambda found: _known(found["sharpe"], sharpe.text)),
        Shown("memmel", "Memmel's z", form=lambda memmel: _known(memmel, lambda found: number(found.z))),
        *(column for key in RISKS for column in _risk_columns(key, paired.benchmark.periods_per_year)),
    ]
    return records_table(caption, columns, paired.pairs, looks, head="policy")


def _risk_columns(key: str, periods_per_year: float) -> list[Shown]:
    """The difference in a measure of risk, and its p-value where there is a test."""
    shown = METRICS[key].in_market(periods_per_year).difference

    def text(found: Estimate) -> str:
        return found.times(shown.factor).text(shown.digits, signed=True)

    def p_value(found: Estimate | NotAvailable) -> str:
        return number(found.tested if isinstance(found, Difference) else None, 3)

    difference = Shown("differences", shown.label, shown.unit, lambda found: _known(found[key], text))
    if key == "max_drawdown":
        return [difference]
    return [difference, Shown("differences", "Holm p", form=lambda found: p_value(found[key]))]


def _known(found: Any, form: Callable[[Any], str]) -> str:
    return "–" if isinstance(found, NotAvailable) else form(found)
