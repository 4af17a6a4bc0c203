"""Differences to the reference on the same days: a mark and an interval for each policy and metric."""

import math
from collections.abc import Mapping
from dataclasses import replace

from backtests.comparison import PairedBacktests
from backtests.evaluation.metrics import METRICS, Column
from backtests.inference.evidence import Difference
from foundation.paper.charts.interval_rows import Row, axis_of_rows, interval_rows
from foundation.paper.charts.panel import Side, beside, evenly
from foundation.paper.layout import NAMES, NUMBERS_HEIGHT, ROW_HEIGHT
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle, near_sizes
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number, percent

EVIDENCE_METRICS = {key: METRICS[key].difference for key in ("loss", "growth", "sharpe")}
GAP = 26.0  # px between panels


def differences_picture(paired: PairedBacktests, styles: Mapping[str, LineStyle]) -> Picture:
    """Differences to the reference with their intervals; a filled marker is significant, an open one is not."""
    evidence, table = paired.evidence, paired.evidence_table.reset_index()
    found = {metric: evidence.differences(metric) for metric in EVIDENCE_METRICS}
    table.insert(1, "unit", [METRICS[metric].record_unit for metric in table["metric"]])

    def draw(f: Format) -> Canvas:
        count = len(found)
        panels = beside(f, [ROW_HEIGHT * len(found["loss"])] * count, evenly(f, count, NAMES, GAP, 8.0), NUMBERS_HEIGHT)
        for (metric, by_policy), at in zip(found.items(), panels, strict=True):
            shown, rows = EVIDENCE_METRICS[metric], _rows(metric, by_policy, styles)
            better = "lower is better" if METRICS[metric].lower_is_better else "higher is better"
            up = Side(words=shown.label, unit=", ".join(filter(None, [shown.unit, better])))
            panel = at.scaled(Side(axis_of_rows(rows)), up)
            interval_rows(panel, rows, zero=True, names=panel.left == NAMES)
        return panel.canvas

    caption = _caption(found["loss"], evidence.reference)
    alt = _alt(found, evidence.reference, evidence.level)
    return picture("differences", f"Differences to {evidence.reference}", caption, alt, table, draw)


def _caption(found: Mapping[str, Difference], reference: str) -> str:
    found = {name: d for name, d in found.items() if d.verdict != "another target"}
    if not found:
        return "Loss J compares rules of one target. Filled marker: significant; open: not."
    words = {word: [n for n, d in found.items() if d.verdict == word] for word in ("better", "worse")}
    if not any(words.values()):
        return f"Loss J: none of {len(found)} differs significantly from {reference}. Open marker: not significant."
    sentences = [f"{listed(names)} significantly {word}" for word, names in words.items() if names]
    rest = len(found) - sum(map(len, words.values()))
    tail = f"; {rest} of {len(found)} not significantly different from {reference}" if rest else ""
    return f"Loss J: {'; '.join(sentences)}{tail}. Filled marker: significant; open: not."


def _alt(found: Mapping[str, Mapping[str, Difference]], reference: str, level: float) -> str:
    each = []
    for metric, by_policy in found.items():
        shown = EVIDENCE_METRICS[metric]
        rows = [
            f"{name} {shown.text(d.value, signed=True)} ({_ends(d, shown)}), {d.verdict}"
            for name, d in by_policy.items()
        ]
        each.append(f"{', '.join(filter(None, [shown.label, shown.unit]))}: {'; '.join(rows)}")
    return f"Difference vs {reference}, with {percent(level, 0)} intervals. {'. '.join(each)}."


def _ends(d: Difference, shown: Column) -> str:
    """The interval in words."""
    if math.isnan(d.lower):
        return "no interval"
    if math.isinf(d.lower) or math.isinf(d.upper):
        return d.times(shown.factor).interval(shown.digits)
    return f"{shown.text(d.lower)} to {shown.text(d.upper)}"


def _rows(metric: str, found: Mapping[str, Difference], styles: Mapping[str, LineStyle]) -> list[Row]:
    """A row a policy; a policy too far away for the scale has words at the edge."""
    shown = EVIDENCE_METRICS[metric]
    found = {name: replace(d, lower=d.value, upper=d.value) if math.isnan(d.lower) else d for name, d in found.items()}
    ends = {name: [v for v in (d.lower, d.value, d.upper) if math.isfinite(v)] for name, d in found.items()}
    sizes = {name: max(map(abs, each)) for name, each in ends.items() if found[name].verdict != "another target"}
    held = [v for name in near_sizes(styles, sizes) for v in (*ends[name], 0.0)] or [0.0]
    rows = []
    for name, d in found.items():
        out = not min(held) <= d.value <= max(held)
        lower, estimate, upper = (shown.factor * v for v in (d.lower, d.value, d.upper))
        digits = shown.digits if abs(estimate) < 100.0 else 0
        words = f"{number(estimate, digits, signed=True)}, {d.verdict}" if out else ""
        style = replace(styles[name], width=2.4 if styles[name].bold else 1.6)
        rows.append(Row(name, estimate, lower, upper, style, filled=d.verdict in ("better", "worse"), beyond=words))
    return rows
