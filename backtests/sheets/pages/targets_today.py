"""Targets in force as text for a terminal and as a block of HTML: for each allocation a table and its reasons."""

from collections.abc import Sequence
from html import escape

import numpy as np

from backtests.today.targets_today import YARDSTICK, TargetsToday, TargetToday
from foundation.blocks import Column, html_table, text_rows
from foundation.paper.text_tables import wrapped
from foundation.paper.wording import counted, listed, number, percent
from research.allocation import Answer, Binding
from research.allocation.allocation import LISTING
from research.allocation.hierarchical.model import Hierarchy
from research.allocation.input_sensitivity import InputSensitivity

LIMITS_SHOWN = 6  # limits that are named of those that bind
INPUTS_SHOWN = 5  # inputs that move the weights most
SENSITIVITY = "What moves these weights: inputs of the estimate, each one standard error higher, the others as they are"
STATUS = {"optimal": "to optimality", "optimal_inaccurate": "to reduced accuracy"}


def targets_text(found: TargetsToday) -> str:
    """All sections as text."""
    parts = [_title(found)]
    for target in found.targets:
        rows = "\n".join(text_rows(_columns(found, target)))
        parts += [wrapped(_head(found, target)), rows, "\n".join(wrapped(reason) for reason in reasons(target))]
        if target.sensitivity is not None:
            parts += [wrapped(SENSITIVITY), "\n".join(text_rows(_strongest(target.sensitivity)))]
    return "\n\n".join([*parts, "\n".join(wrapped(note) for note in _notes(found))])


def targets_html(found: TargetsToday) -> str:
    """All sections as HTML with their style."""
    from research.orders.page import styled  # its room is slow to import

    blocks = [f'<p class="headline">{escape(_title(found))}</p>']
    for target in found.targets:
        blocks.append(html_table("targets", _head(found, target), _columns(found, target)))
        blocks += [f'<p class="reason">{escape(reason)}</p>' for reason in reasons(target)]
        if target.sensitivity is not None:
            blocks.append(html_table("targets", SENSITIVITY, _strongest(target.sensitivity)))
    blocks += [f'<p class="note">{escape(note)}</p>' for note in _notes(found)]
    return styled('<section class="trade-list targets">\n' + "\n".join(blocks) + "\n</section>\n")


def reasons(target: TargetToday) -> tuple[str, ...]:
    """Sentences that explain the weights of a target."""
    answer = target.answer
    said = [_dated(target), *_solved(answer)]
    said += [_tree(tree, "" if name == target.name else name) for name, tree in target.trees.items()]
    return (*said, *(f"{note[0].upper()}{note[1:].removesuffix('.')}." for note in answer.notes))


def _title(found: TargetsToday) -> str:
    return f"What {found.portfolio.name} should hold at the close of {found.date:%Y-%m-%d}"


def _head(found: TargetsToday, target: TargetToday) -> str:
    strategic = target.allocation == found.portfolio.strategic
    return f"{'Strategic target' if strategic else target.name}, held by {listed(target.policies)}"


def _columns(found: TargetsToday, target: TargetToday) -> list[Column]:
    """The table of one target: assets and cash, then the properties of each column of weights as a whole."""
    table, risks = found.table(target), found.risks(target)
    if np.array_equal(target.weights, found.strategic.weights):
        table = table.drop(columns="strategic")
    year = float(found.portfolio.periods_per_year) ** 0.5
    shown = [Column("asset", "", [*table.index, "volatility, % a year", "torsion bets", "to trade, % of NAV"], True)]
    for name in table:
        cells = [number(100.0 * float(w), 1) if w == w else "" for w in table[name]]
        risk = risks.get(str(name))
        whole = ["", ""] if risk is None else [number(100.0 * year * risk.volatility, 1), number(risk.bets, 1)]
        trade = "" if name in ("held", "risk") else number(100.0 * found.to_trade(table[name].to_numpy()[:-1]), 1)
        shown.append(Column(str(name), "%", [*cells, *whole, trade]))
    return shown


def _strongest(found: InputSensitivity) -> list[Column]:
    """The inputs that move the weights most, with the two assets that each moves most."""
    table = found.strongest(INPUTS_SHOWN)

    def moves(of: str, by: str) -> list[str]:
        return [f"{name} {100.0 * move:+.1f}" for name, move in zip(table[of], table[by], strict=True)]

    return [
        Column("one standard error of", "", list(table.index), True),
        Column("moves most", "% of NAV", moves("first", "by"), True),
        Column("and", "% of NAV", moves("second", "second by"), True),
        Column("turnover", "% of NAV", [number(100.0 * move, 1) for move in table["turnover"]]),
    ]


def _dated(target: TargetToday) -> str:
    """A sentence on the date and the schedule of the computation of the weights."""
    if target.allocation.schedule == LISTING:
        return "Computed anew only when an asset is listed or leaves."
    often = target.allocation.schedule
    when = "each day" if often == "day" else f"at the end of each {often}"
    return f"Computed from data up to {target.answer.seen:%Y-%m-%d}; computed anew {when}."


def _solved(answer: Answer) -> list[str]:
    """Sentences on the solution: solver and status, the fallback if any, and the binding limits."""
    said = []
    if answer.fallback:
        said.append(f"No solution: the {answer.fallback} stand in, since {answer.why}.")
    elif answer.solver:
        said.append(f"Solved {STATUS.get(answer.status, answer.status)} by {answer.solver}{_value(answer)}.")
        said += [f"Before it failed: {answer.why}."] if answer.why else []
    if answer.binding:
        more = len(answer.binding) - LIMITS_SHOWN
        beyond = f"; and {counted(more, 'limit')} more" if more > 0 else ""
        limits = "; ".join(_binds(one, answer.objective) for one in answer.binding[:LIMITS_SHOWN])
        said.append(f"Held back by {limits}{beyond}.")
    return said


def _value(answer: Answer) -> str:
    return f": {answer.objective} {answer.value:.4g}" if answer.objective and np.isfinite(answer.value) else ""


def _binds(one: Binding, objective: str) -> str:
    """A limit that binds, with its price, and the value of more slack."""
    brings = one.brings or f"one point of room improves the {objective} by {0.01 * one.price:.2g}"
    return f"{one.limit}, price {one.price:.3g} ({brings})"


def _tree(tree: Hierarchy, of: str) -> str:
    """The clusters from left to right, with weight and share of the variance in the allocation `of`, if not the own."""
    by_cluster, lines = tree.by_cluster(), tree.by_line()
    clusters = [
        f"{listed(list(lines.index[lines['cluster'] == number]), most=5)} ({percent(of['weight'], 0)} of weight, "
        f"{percent(of['risk'], 0)} of variance)"
        for number, of in by_cluster.iterrows()
    ]
    whose = f"Clusters of {of}, by its" if of else "Clusters of the"
    return f"{whose} tree of {tree.clustered:%Y-%m-%d}, left to right: {'; '.join(clusters)}."


def _notes(found: TargetsToday) -> Sequence[str]:
    """Notes that explain how to read the tables."""
    day = f"{found.portfolio.date:%Y-%m-%d}"
    return [
        f"Weights are of NAV; held: at the last close of the file, {day}. To trade: one-way turnover from there.",
        "Risk: share of each asset in the variance of the target. Risk, volatility and bets: by one Ledoit–Wolf "
        f"covariance of {YARDSTICK.window} returns up to the date, for all columns. Torsion bets: the effective number "
        "of Meucci's minimum torsion bets, which are uncorrelated and nearest to the assets: exponential of the "
        "entropy of their shares.",
        "1/N, minimum variance and risk parity (Ledoit–Wolf) are controls: a target that is not clearly better "
        "than they are does not earn its model.",
        *found.notes,
    ]
