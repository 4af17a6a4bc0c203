"""The section of a sheet on differences: each policy beside the reference, the power of a test, and each pair."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from backtests.comparison.paired import why_not_limited
from backtests.evaluation.metrics import METRICS
from backtests.inference.estimates import Estimate, NotAvailable
from backtests.inference.evidence import Difference
from backtests.inference.pair_words import detectable, not_available, superior
from backtests.inference.pairs import Pair
from backtests.sheets.parts import Block, Filled, Part, Words, table
from backtests.sheets.pictures.comparison.evidence import SHOWN, differences_picture
from backtests.sheets.sections.policy_styles import page_styles
from foundation.paper.styles import LineStyle
from foundation.paper.wording import counted, listed, number, percent

if TYPE_CHECKING:
    from backtests.comparison import Comparison, PairedBacktests

RISKS = ("volatility", "cvar95", "max_drawdown")
HEADS: list[str | tuple[str, str]] = [
    "policy",
    "correlation",
    ("detectable", f"CAGR, {METRICS['growth'].difference.unit}"),
    ("detectable", "Sharpe ratio"),
    "Memmel's z",
]


def differences_parts(comparison: "Comparison") -> list[Part]:
    """Table, picture and pairs of a comparison; nothing of a policy alone."""
    return paired_parts(comparison, page_styles(comparison), comparison.recommendation.policy)


def paired_parts(paired: "PairedBacktests", styles: Mapping[str, LineStyle], chosen: str | None) -> list[Part]:
    """The section on differences, for any paired backtests.

    paired : the comparison.
    styles : line style of each policy.
    chosen : the recommended policy, or None.
    """
    if not paired.pairs:
        return []
    notes = (
        detectable(paired.pairs, chosen, paired.benchmark.periods_per_year),
        _from_below(paired),
        " ".join(not_available(paired.pairs)),
    )
    found, below, missing = ([Words(words)] if words else [] for words in notes)
    return [
        *found,
        Filled("differences.html.j2", _differences(paired, styles, chosen)),
        *below,
        differences_picture(paired.evidence, styles),
        _pairs(paired, styles, chosen),
        *missing,
    ]


def _from_below(paired: "PairedBacktests") -> str:
    """A sentence on the policies whose loss has only a lower bound, with the reasons; "" where there are none."""
    reasons: dict[str, list[str]] = {}
    for name, played in paired.backtests.items():
        if reason := why_not_limited(played):
            reasons.setdefault(reason, []).append(name)
    return " ".join(
        f"How high the loss J of {listed(names)} may be is not known: {reason}." for reason, names in reasons.items()
    )


# -- each policy minus the reference ---------------------------------------------------------------------------------


def _differences(paired: "PairedBacktests", styles: Mapping[str, LineStyle], chosen: str | None) -> Block:
    found = {metric: paired.evidence.differences(metric) for metric in SHOWN}
    rows = []
    for name in found["loss"]:
        cells = []
        for metric, shown in SHOWN.items():
            d = found[metric][name]
            cells.append(
                {
                    "words": shown.text(d.value, signed=True),
                    "p": number(d.tested, 3),
                    "verdict": d.verdict,
                    "below": d.times(shown.factor).interval(shown.digits),
                }
            )
        rows.append({"name": name, "look": styles[name], "cells": cells, "chosen": name == chosen})
    others, level = len(paired.scores) - 1, percent(paired.evidence.level, 0)
    return {
        "reference": paired.reference,
        "caption": (
            f"Each policy minus {paired.reference}, on the same days. The interval below a difference "
            f"({level}) is that of the pair alone; p-values and verdicts are Holm-adjusted for "
            f"{counted(others, 'comparison')}. {superior(paired.superior_ability, paired.reference)}"
        ).strip(),
        "metrics": [{"label": each.label, "unit": each.unit} for each in SHOWN.values()],
        "rows": rows,
    }


# -- each pair -------------------------------------------------------------------------------------------------------


def _pairs(paired: "PairedBacktests", styles: Mapping[str, LineStyle], chosen: str | None) -> Block:
    level = percent(paired.evidence.level, 0)
    heads = list(HEADS)
    for key in RISKS:
        shown = METRICS[key].difference
        heads.append((shown.label, shown.unit))
        heads += ["Holm p"] if key != "max_drawdown" else []
    caption = (
        f"Each policy with {paired.reference}: correlation of daily returns over cash; smallest true difference "
        "that a test of the pair alone (5 %) finds with a probability of 80 %; z of the Sharpe difference for "
        f"independent normal days; differences in risk with {level} intervals, of the drawdown the range "
        f"expected in another such period ({level})"
    )
    return table(
        caption, heads, [_pair(name, pair) for name, pair in paired.pairs.items()], styles=styles, chosen=chosen
    )


def _pair(name: str, pair: Pair) -> list[str]:
    growth, sharpe = (pair.detectable[key] for key in ("growth", "sharpe"))
    cells = [
        name,
        number(pair.correlation, 4),
        "–" if isinstance(growth, NotAvailable) else METRICS["growth"].difference.text(growth),
        "–" if isinstance(sharpe, NotAvailable) else METRICS["sharpe"].difference.text(sharpe),
        "–" if isinstance(pair.memmel, NotAvailable) else number(pair.memmel.z),
    ]
    for key in RISKS:
        found = pair.differences[key]
        cells.append(_risk(key, found))
        if key != "max_drawdown":
            cells.append(number(found.tested if isinstance(found, Difference) else None, 3))
    return cells


def _risk(key: str, found: Estimate | NotAvailable) -> str:
    shown = METRICS[key].difference
    return "–" if isinstance(found, NotAvailable) else found.times(shown.factor).text(shown.digits, signed=True)
