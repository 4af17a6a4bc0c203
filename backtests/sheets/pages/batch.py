"""The page of a batch: failures first, then a row a run, with verdict, figures, warnings, trades, a picture and a link.

Clients that share a comparison stand below it: its verdict once, then a row a client, with his NAV, drift and orders.

The page of a thousand runs has less than 300 kB, so that what many rows share stands once: parameters that do not vary,
the sentences of verdicts, and warnings. Pictures are paths of whole pixels. Without scripts it is a plain table.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pandas as pd

from backtests.evaluation.backtest_figures import HEADLINE_FIGURES
from backtests.evaluation.metrics import METRICS
from backtests.runs.batch_changes import Changes, key_of, run_title
from backtests.sheets.render import render
from foundation.paper.render import Running
from foundation.paper.wording import counted, grouped, number

LAST_DAY = re.compile(r"-(\d{4}-\d\d-\d\d)-[0-9a-f]{8}$")  # of the name of a run
STATUSES = ("made", "found", "unchanged", "failed")
PICTURE_POINTS = 12  # of a picture
STEP, HEIGHT = 4, 12  # px between two points, and from no drawdown to the deepest of all runs
SENTENCES = 40  # different ones that the page repeats: the others stand in the sheets
RUNS_NAMED = 10  # runs with a change of one kind above the table, which marks all


def batch_html(name: str, notebook: str, table: pd.DataFrame, changes: Changes | None = None) -> str:
    """The page of a batch, in one file.

    name     : name of the batch.
    notebook : name of the executed notebook.
    table    : a row a run, with the columns of `batch.parquet`.
    changes  : changes since the previous batch of the name, or None if there was none.
    """
    shown = [METRICS[figure] for figure in HEADLINE_FIGURES if table[figure].notna().any()]
    records: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    common, varied = _parameters(records)
    shared = {row["report"] for row in records if row["report"]}
    deepest = min((min(row["drawdowns"], default=0.0) for row in records), default=0.0)
    count = table["status"].value_counts()
    said = ", ".join(f"{count[status]} {status}" for status in STATUSES if status in count)
    changes_of = changes or Changes()
    return render(
        "batch.html.j2",
        Running(f"{name}: batch"),
        name=name,
        subtitle=f"{counted(len(table), 'run')} of {notebook}: {said}",
        dated=_dated(table["run"]),
        common=", ".join(f"{parameter}={value}" for parameter, value in common.items()),
        failures=_failures(records),
        failed=int(count.get("failed", 0)),
        heads=[{"words": metric.short or metric.label, "unit": metric.unit} for metric in shown],
        rows=[
            _row(row, shown, varied, changes_of, deepest) | {"model": not row["report"] and row["run"] in shared}
            for row in records
            if row["report"] in ("", row["run"])
        ],
        runs=len(records),
        models=_models(records),
        parameters=varied,
        warnings=bool((table["warnings"] != "").any()),
        trades=bool((table["orders"] >= 0).any()),
        drawdown=METRICS["max_drawdown"].text(deepest) if deepest else "",
        verdicts=_sentences([row["verdict"] for row in records if row["orders"] >= 0]),
        warned=_sentences([warning for row in records for warning in row["warnings"].splitlines()]),
        changes=None if changes is None else changes_lines(changes),
        size=(STEP * (PICTURE_POINTS - 1), HEIGHT),
    )


def _row(
    row: dict[str, Any], shown: Sequence[Any], varied: Sequence[str], changes: Changes, deepest: float
) -> dict[str, Any]:
    """The values of a run for its row of the page."""
    key = key_of(row)
    before = {moved.figure: moved.before for moved in changes.moved.get(key, ())}
    given = _named(row)
    compared, failed = row["orders"] >= 0, row["status"] == "failed"
    return {
        "portfolio": row["portfolio"],
        "parameters": [given.get(parameter, "") for parameter in varied],
        "failed": failed,
        "page": quote(row["page"]),
        "verdict": verdict_words(row) if compared else "" if failed else row["verdict"],
        "was": (changes.policies[key][0] or "none") if key in changes.policies else "",
        "new": key in changes.new,
        "cells": [
            {
                "now": metric.text(None if pd.isna(row[metric.key]) else row[metric.key]),
                "was": metric.text(before[metric.key]) if metric.key in before else "",
            }
            for metric in shown
        ],
        "warnings": len(row["warnings"].splitlines()) or "",
        "trades": _trades(row["orders"], row["turnover"]) if compared else "",
        "path": curve(row["drawdowns"], deepest),
    }


def verdict_words(row: Mapping[str, Any]) -> str:
    """The verdict of a run that compares policies, in a few words; `row` as in `batch.parquet`.

    >>> verdict_words({"policy": "edge", "now": "quarterly", "gain": 3.04})
    'edge: gains 3.0 bp'
    """
    policy, gain = row["policy"], row["gain"]
    if not policy:
        return "none"
    if policy == row["now"]:
        return f"keep {policy}"
    if gain != gain:
        return str(policy)
    return f"{policy}: gains {number(gain, 1)} bp"


def _dated(runs: Iterable[str]) -> str:
    """The age of the prices of runs, by their names, and their currencies; "" where no run has a day."""
    days = sorted({found[1] for run in runs if (found := LAST_DAY.search(run))})
    ends = days if len(days) < 2 else [days[0], days[-1]]
    return f"Prices to the closes of {' to '.join(ends)}; each portfolio in its own currency." if days else ""


def _models(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each comparison that clients share, with its verdict, and its clients with their own figures."""
    reports = {row["run"]: row for row in records}
    clients = grouped((row["report"], row) for row in records if row["report"])
    return [
        {
            "portfolio": reports[report]["portfolio"],
            "page": quote(reports[report]["page"]),
            "verdict": verdict_words(reports[report]),
            "sentence": reports[report]["verdict"],
            "clients": [
                {
                    "name": run_title(key_of(row)),
                    "page": quote(row["page"]),
                    "cells": [
                        f"{number(row['nav'], 0)} {row['basis']}",
                        number(100.0 * row["drift"]),
                        _trades(row["orders"], row["turnover"]),
                        f"{number(row['charges'])} {row['basis']}",
                    ],
                }
                for row in rows
            ],
        }
        for report, rows in clients.items()
    ]


def _failures(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each reason of failures, once, with the runs that failed for it."""
    runs = grouped(
        (row["verdict"], {"called": run_title(key_of(row)), "page": quote(row["page"])})
        for row in records
        if row["status"] == "failed"
    )
    return [{"sentence": sentence, "runs": found} for sentence, found in runs.items()]


def changes_lines(changes: Changes, most: int = RUNS_NAMED) -> list[str]:
    """The changes since the previous batch, a sentence a line; one sentence if there are none.

    most : largest number of runs named for each kind of change.
    """
    lines = []
    if changes.policies:
        lines.append(f"Recommendation changed for {len(changes.policies)} of {changes.compared}.")
        each = [f"{run_title(key)}: {a or 'none'} → {b or 'none'}" for key, (a, b) in changes.policies.items()]
        lines += _first(each, most)
    elif changes.compared:
        lines.append(f"Recommendation changed for none of {counted(changes.compared, 'run')}.")
    for key, moved in list(changes.moved.items())[:most]:
        each = [
            f"{METRICS[m.figure].label} {METRICS[m.figure].text(m.before)} → {METRICS[m.figure].text(m.after)}"
            for m in moved
        ]
        lines.append(f"Outside its earlier interval: {run_title(key)}: {'; '.join(each)}")
    for said, keys in (("New", changes.new), ("No longer in the batch", changes.gone)):
        if keys:
            lines += [f"{said}: {counted(len(keys), 'run')}.", *_first([run_title(key) for key in keys], most)]
    return lines or ["Nothing to compare with the previous batch."]


def _first(lines: Sequence[str], most: int) -> list[str]:
    more = [f"… and {len(lines) - most} more"] if len(lines) > most else []
    return [f"  {line}" for line in [*lines[:most], *more]]


def _named(row: Mapping[str, Any]) -> dict[str, str]:
    """The value of each parameter of a run, by name."""
    return {name: value for name, _, value in (given.partition("=") for given in row["parameters"])}


def _parameters(records: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[str]]:
    """The parameters that all runs have alike, with their values; and the names of those that vary."""
    given = [_named(row) for row in records]
    names = list(dict.fromkeys(name for named in given for name in named))
    values = {name: {named.get(name) for named in given} for name in names}
    common = {name: given[0][name] for name in names if len(values[name]) == 1}
    return common, [name for name in names if name not in common]


def _trades(orders: int, turnover: float) -> str:
    """The number of orders today and their turnover, per cent."""
    return f"{orders}, {100 * turnover:.2f} %" if orders else "none"


def _sentences(found: Sequence[str]) -> list[tuple[str, int]]:
    """Different sentences with how many runs have them, the most frequent first."""
    return Counter(found).most_common(SENTENCES)


def curve(drawdowns: Sequence[float], deepest: float) -> str:
    """Drawdowns as a path of whole pixels, points on one line left out; "" where there are none.

    drawdowns : deepest drawdown within each part of the test, never positive.
    deepest   : deepest drawdown of all runs, drawn at the bottom.

    >>> curve([0.0, -0.5, -1.0, -1.0], -1.0)
    'M0 0l8 12 4 0'
    """
    if len(drawdowns) < 2 or not deepest:
        return ""
    heights = [round(HEIGHT * fall / deepest) for fall in drawdowns]
    moves: list[list[int]] = []
    slope = None
    for low, high in pairwise(heights):
        if high - low == slope:
            moves[-1] = [moves[-1][0] + STEP, moves[-1][1] + slope]
        else:
            slope = high - low
            moves.append([STEP, slope])
    pairs = [f"{across}{down}" if down < 0 else f"{across} {down}" for across, down in moves]
    return f"M0 {heights[0]}l{' '.join(pairs)}"
