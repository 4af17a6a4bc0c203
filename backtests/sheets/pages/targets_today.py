"""Targets in force: a sentence of use, a page with pictures and reasons, the same for a notebook, and text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backtests.inference.estimates import INTERVAL_LEVEL, NotAvailable
from backtests.sheets.parts import Folded, Part, Words, section_blocks
from backtests.sheets.pictures.risk_contributions import risk_shares_picture
from backtests.sheets.pictures.today import intervals_picture, target_weights_picture
from backtests.sheets.render import render, write_report
from backtests.sheets.tables import Block, table
from backtests.sheets.tilts import TILT, tilt_columns, tilt_numbers, tilt_table, tilt_words
from backtests.today.targets_today import YARDSTICK, AgainstControls, TargetsToday, TargetToday
from foundation.blocks import Column, text_rows
from foundation.paper.formats import plain_json
from foundation.paper.render import Running
from foundation.paper.text_tables import text_table, warnings_text, wrapped
from foundation.paper.wording import age_words, counted, listed, number, percent
from research.allocation import Answer, Binding
from research.allocation.allocation import LISTING
from research.allocation.hierarchical.model import Hierarchy
from research.allocation.input_sensitivity import InputSensitivity
from research.market.calendars import row_count, row_name
from research.portfolio.file.lengths import at_frequency

PAGE = "allocate"
TARGETS_PAGE = f"{PAGE}.html"
LIMITS_SHOWN = 6  # limits that are named of those that bind
INPUTS_SHOWN = 5  # inputs that move the weights most
ASSETS_IN_TEXT = 6  # assets in the text of a terminal: those farthest from their targets
NO_TRADE = 5e-4  # of NAV: a turnover that is shown as 0.0 %
STRATEGIC_WORDS = "your strategic target"
SENSITIVITY = "What moves these weights: inputs of the estimate, each one standard error higher, the others as they are"
STATUS = {"optimal": "to optimality", "optimal_inaccurate": "to reduced accuracy"}
TARGET_TERMS = {
    "Clearly better": "A Sharpe ratio (excess return over volatility, a year) that differs by the test of Ledoit and "
    "Wolf (2008) at 5 %, Holm-adjusted for the number of comparisons. Each target is held from {row} to {row} "
    "without costs. A target that was written down later than these days may have been chosen by what came of them.",
    "Controls": "Targets that need no opinion: equal weights (1/N), minimum variance and risk parity, both by the "
    "Ledoit–Wolf covariance of the last {rows}.",
    "To trade": "One-way turnover from the weights held at the last close of the file, of NAV. Whether to trade today "
    "is decided by the policy: rebalance trades.",
    "Risk": "Share of each asset in the variance of the target, by one Ledoit–Wolf covariance of {window} returns up "
    "to the date for all columns, as are volatility and bets.",
    "Torsion bets": "Effective number of Meucci's minimum torsion bets, which are uncorrelated and nearest to the "
    "assets: the exponential of the entropy of their shares of risk.",
}


def _terms(found: TargetsToday) -> dict[str, str]:
    year = found.portfolio.periods_per_year
    window = at_frequency(YARDSTICK, year).window
    return {
        term: words.format(window=window, rows=row_count(window, year), row=row_name(year))
        for term, words in TARGET_TERMS.items()
    }


def write_targets_page(folder: Path, found: TargetsToday, run: Mapping[str, str]) -> None:
    """Write allocate.html, allocate.json, and for each picture figures/<name>.csv and .svg.

    folder : an existing folder.
    found  : the targets.
    run    : identity of the run: words by name.
    """
    sheet = targets_sheet(found) | {"source": "; ".join(run.values())}
    paper = Running(f"{found.portfolio.name}: targets of today", f"closes of {found.date:%Y-%m-%d}", run.get("Run", ""))
    write_report(folder, PAGE, sheet, targets_numbers(found), paper)


def targets_sheet(found: TargetsToday) -> Block:
    """Every block of the page, for `report.html.j2`."""
    judged = found.judged
    why: list[Part] = [Words(reason, "") for reason in reasons(judged)]
    why += [*(tilt_table(TILT, tilt) for tilt in judged.tilts), *_risk(found)]
    if judged.sensitivity is not None:
        why.append(_block(SENSITIVITY, _strongest(judged.sensitivity)))
    tables: list[Part] = []
    for target in found.targets:
        tables.append(_block(_head(found, target), _columns(found, target)))
        tables += [] if target is judged else [Words(reason) for reason in reasons(target)]
        tables += [] if target is judged else [tilt_table(TILT, tilt) for tilt in target.tilts]
        if target is not judged and target.sensitivity is not None:
            tables.append(_block(SENSITIVITY, _strongest(target.sensitivity)))
    more = f" and of {counted(len(found.targets) - 1, 'other')}" if len(found.targets) > 1 else ""
    return {
        "eyebrow": "Targets of today",
        "title": found.portfolio.name,
        "subtitle": f"{_title(found)}; {_head(found, judged)}",
        "headlines": [target_use_words(found)],
        "sentences": [test_words(found)],
        "warnings": found.notes,
        "age": age_words(found.date.date()),
        "sections": section_blocks([
            ("weights", "Weights", "Weights held and wanted", [target_weights_picture(found)]),
            ("why", "Reasons", "Why these weights", why),
            ("controls", "Controls", "Is it better than simple targets?", _controls(found)),
            ("targets", "Numbers", "All numbers", [Folded(f"The numbers of this target{more}", tables)]),
        ]),
        "terms": _terms(found),
    }  # fmt: skip


def targets_html(found: TargetsToday) -> str:
    """The page as a block of a notebook."""
    return render("report_cell.html.j2", sheet=targets_sheet(found))


def targets_numbers(found: TargetsToday) -> dict[str, Any]:
    """The numbers of the page as plain values: weights and shares of risk, fractions; None for what is not known."""
    against = found.against_controls

    def numbers(target: TargetToday) -> dict[str, Any]:
        rows = found.table(target).reset_index().rename(columns={"line": "asset"})
        return {
            "name": target.name, "policies": target.policies, "seen": f"{target.answer.seen:%Y-%m-%d}",
            "to_trade": found.to_trade(target.weights), "reasons": reasons(target), "weights": rows.to_dict("records"),
            "tilts": [tilt_numbers(tilt) for tilt in target.tilts],
        }  # fmt: skip

    tests = {} if isinstance(against, NotAvailable) else against.differences
    parts = ("value", "lower", "upper", "p", "p_holm")
    numbers_by_name = {
        "portfolio": found.portfolio.name,
        "date": f"{found.date:%Y-%m-%d}",
        "use": target_use_words(found),
        "judged": found.judged.name,
        "targets": [numbers(target) for target in found.targets],
        "sharpe_less_judged": [
            {"control": name, "verdict": one.verdict} | {part: getattr(one, part) for part in parts}
            for name, one in tests.items()
        ],
        "same_as_judged": [] if isinstance(against, NotAvailable) else list(against.same),
        "not_compared": against.reason if isinstance(against, NotAvailable) else " ".join(left_out_words(against)),
        "notes": found.notes,
    }
    made: dict[str, Any] = plain_json(numbers_by_name, missing_as_null=True)
    return made


# -- a sentence of use -----------------------------------------------------------------------------------------------


def target_use_words(found: TargetsToday) -> str:
    """The use of the target that is judged, in a sentence.

    "Hold" the strategic target where no control is clearly better, and another where it is clearly better than each;
    A tilted one that moved nothing is the strategic target, and is not compared with it.
    "Reconsider" one than which a simple target is clearly better; else nothing is shown, and the sentence says so.
    What reaching the target would trade stands behind it: whether to trade is for the policy's rule to decide.
    """
    against, name = found.against_controls, _judged_name(found)
    if found.judged.tilts and np.array_equal(found.judged.weights, found.strategic.weights):
        return f"Hold {STRATEGIC_WORDS}: no forecast has earned a tilt{_trade_words(found, STRATEGIC_WORDS)}."
    trade = _trade_words(found, name if found.is_strategic else f"the target of {name}")
    if isinstance(against, NotAvailable):
        return f"Whether {name} is better than simple targets is not known{trade}."
    better, worse = against.judged("better"), against.judged("worse")
    if better:
        is_are = "is" if len(better) == 1 else "are"
        return f"Reconsider {name}: {listed(better)} {is_are} clearly better, before costs{trade}."
    if found.is_strategic:
        of = "controls compared" if against.left_out else "controls"
        return f"Hold {name}: none of the {of} is clearly better{trade}."
    if len(worse) == len(against.differences):
        return f"Hold {name}: it is clearly better than {listed(worse)}, before costs{trade}."
    others = [other for other in against.differences if other not in worse]
    return f"Nothing shows that {name} is better than {listed(others, 'or')}{trade}."


def test_words(found: TargetsToday) -> str:
    """The days and the test behind the sentence, or why there is none."""
    against = found.against_controls
    if isinstance(against, NotAvailable):
        return f"Not compared: {against.reason}"
    each = [f"{name} {one.text(signed=True)}" for name, one in against.differences.items()]
    same = f" {listed(against.same)} earned the same on each day: not compared." if against.same else ""
    return (
        f"Sharpe ratio less that of {_judged_name(found)}, {against.first:%Y-%m-%d} to {against.last:%Y-%m-%d}, with "
        f"{percent(INTERVAL_LEVEL, 0)} intervals: {'; '.join(each)}.{same}"
    )


def left_out_words(against: AgainstControls) -> list[str]:
    """A sentence for each simple target that is not compared, with the reason."""
    return [f"{name[0].upper()}{name[1:]} is not compared: {reason}" for name, reason in against.left_out.items()]


def targets_brief(found: TargetsToday) -> str:
    """The sentence, the largest changes and the reasons, for a terminal."""
    judged, rows = found.judged, found.table(found.judged)
    order = (rows["target"] - rows["held"]).abs().sort_values(ascending=False, kind="stable").index
    shown = [line for line in rows.index if line in set(order[:ASSETS_IN_TEXT])]
    cells = [["asset", "held", "target", "change", "share of risk"]]
    for line in shown:
        held, target, risk = (100.0 * float(rows[name][line]) for name in ("held", "target", "risk"))
        cells.append([
            str(line), number(held, 1), number(target, 1), number(target - held, 1, signed=True), number(risk, 1),
        ])  # fmt: skip
    more = len(rows) - len(shown)
    rest = f"\n{counted(more, 'smaller change')}: on the page, or with --full." if more else ""
    against = found.against_controls
    said = [target_use_words(found)]
    said += [test_words(found)] if isinstance(against, NotAvailable) else left_out_words(against)
    own = "" if found.date == found.portfolio.date else f"; those held are of {found.portfolio.date:%Y-%m-%d}"
    head = f"Weights at the close of {found.date:%Y-%m-%d}, % of NAV{own}"
    tilts = [f"{wrapped(TILT)}\n{_lines(tilt_columns(tilt, shown))}" for tilt in judged.tilts]
    why = "\n".join(map(wrapped, reasons(judged)))
    return "\n\n".join(
        ["\n".join(map(wrapped, said)), f"{head}\n{text_table(cells, left=1)}{rest}", why, *tilts]
    ) + warnings_text(found.notes)


def _judged_name(found: TargetsToday) -> str:
    active = found.portfolio.policy
    return STRATEGIC_WORDS if found.is_strategic else active if active in found.judged.policies else found.judged.name


def _trade_words(found: TargetsToday, target: str) -> str:
    """The way from the holdings to the target, in words; "" on a day before that of the holdings."""
    turnover = found.to_trade(found.judged.weights)
    if found.date != found.portfolio.date:
        return ""
    if turnover < NO_TRADE:
        return f"; you hold {target}"
    return f"; reaching {target} would trade {percent(turnover)} of NAV: `rebalance trades` decides"


# -- sections --------------------------------------------------------------------------------------------------------


def _risk(found: TargetsToday) -> list[Part]:
    """The shares of the target's risk, where they are known."""
    judged, market = found.judged, found.portfolio.market
    if judged.risk is None or not np.isfinite(judged.risk.share).any():
        return []
    year = float(found.portfolio.periods_per_year) ** 0.5
    rows = found.table(judged).iloc[:-1].rename_axis("asset").reset_index()
    rows = rows.assign(asset_class=market.asset_class, weight=rows["target"])
    rows = rows.assign(contribution=year * judged.risk.volatility * rows["risk"])
    return [risk_shares_picture(rows[rows["risk"].notna()], year * judged.risk.volatility)]


def _controls(found: TargetsToday) -> list[Part]:
    """The differences to the controls as a picture, or why there are none."""
    against = found.against_controls
    if isinstance(against, NotAvailable):
        return [Words(test_words(found), "")]
    caption = (
        f"Left of zero {_judged_name(found)} was better. {percent(INTERVAL_LEVEL, 0)} intervals of returns from "
        f"{against.first:%Y-%m-%d} to {against.last:%Y-%m-%d}; a full point leaves zero out, before the adjustment for "
        f"{counted(len(against.differences), 'comparison')} by which the sentence above judges."
    )
    title, unit = "Sharpe ratio of simple targets less that of this one", "Sharpe ratio, a year, before costs"
    picture = intervals_picture("controls", title, caption, against.differences, unit)
    return [picture, *map(Words, left_out_words(against))]


def _block(caption: str, columns: Sequence[Column]) -> Block:
    """Columns of text as a table of a page."""
    rows = zip(*(column.cells for column in columns), strict=True)
    texts = [k for k, column in enumerate(columns) if column.words]
    return table(caption, [(column.title, column.unit) for column in columns], rows, texts=texts)


# -- text ------------------------------------------------------------------------------------------------------------


def targets_text(found: TargetsToday) -> str:
    """All sections as text."""
    parts = [_title(found)]
    for target in found.targets:
        rows = _lines(_columns(found, target))
        parts += [wrapped(_head(found, target)), rows, "\n".join(wrapped(reason) for reason in reasons(target))]
        for tilt in target.tilts:
            parts += [wrapped(TILT), _lines(tilt_columns(tilt))]
        if target.sensitivity is not None:
            parts += [wrapped(SENSITIVITY), _lines(_strongest(target.sensitivity))]
    notes = (*(f"{term}: {words}" for term, words in _terms(found).items()), *found.notes)
    return "\n\n".join([*parts, "\n".join(map(wrapped, notes))])


def _lines(columns: Sequence[Column]) -> str:
    return "\n".join(text_rows(columns))


def reasons(target: TargetToday) -> tuple[str, ...]:
    """Sentences that explain the weights of a target."""
    answer = target.answer
    said = [_dated(target), *_solved(answer)]
    said += [sentence for tilt in target.tilts for sentence in tilt_words(tilt)]
    said += [_tree(tree, "" if name == target.words else name) for name, tree in target.trees.items()]
    return (*said, *(f"{note[0].upper()}{note[1:].removesuffix('.')}." for note in answer.notes))


def _title(found: TargetsToday) -> str:
    return f"What {found.portfolio.name} should hold at the close of {found.date:%Y-%m-%d}"


def _head(found: TargetsToday, target: TargetToday) -> str:
    strategic = target.allocation == found.portfolio.strategic
    words = "strategic target" if strategic else target.words
    return f"{words[:1].upper()}{words[1:]}, held by {listed(target.policies)}"


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
        return [
            f"{name} {number(100.0 * move, 1, signed=True)}" for name, move in zip(table[of], table[by], strict=True)
        ]

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
    """A limit that binds, with its price, and the value of more slack where it is known."""
    brings = one.brings or (objective and f"one point of room improves the {objective} by {0.01 * one.price:.2g}")
    return f"{one.limit}, price {one.price:.3g}{f' ({brings})' if brings else ''}"


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
