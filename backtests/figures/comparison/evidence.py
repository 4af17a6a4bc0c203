"""What the same days say of each difference to the reference: a point and an interval a policy, for each metric."""

from collections.abc import Mapping

from backtests.evaluation.evidence import Difference, Evidence
from backtests.evaluation.metrics import METRICS
from backtests.figures.layout import far, limits, ticks
from backtests.figures.picture import Format, Picture, heading, picture
from backtests.figures.styles import Look, fitted_name
from backtests.figures.svg import Canvas
from backtests.wording import even, listed, number

SHOWN = {key: METRICS[key].difference for key in ("J", "growth", "sharpe")}
APART = "cannot be told apart"
ROW, TITLE, FOOT, SIDE, GAP = 19.0, 28.0, 22.0, 132.0, 26.0  # px: a row, above and below rows, names, between panels


def differences(evidence: Evidence, styles: Mapping[str, Look]) -> Picture:
    """Differences to the reference with their intervals; a full point is told apart from it, an open one is not."""
    found = {metric: evidence.differences(metric) for metric in SHOWN}
    table = evidence.summary().reset_index()
    table.insert(1, "unit", [METRICS[metric].record_unit for metric in table["metric"]])
    return picture(
        "differences",
        f"Differences to {evidence.reference}",
        _caption(found["J"], evidence.reference),
        _alt(found, evidence.reference, evidence.level),
        table,
        lambda f: _draw(f, found, styles),
    )


def _caption(found: Mapping[str, Difference], reference: str) -> str:
    words = {word: [n for n, d in found.items() if d.verdict == word] for word in ("better", "worse")}
    if not any(words.values()):
        return f"In J, none of {len(found)} can be told apart from {reference}: every point is open."
    said = [f"{listed(names)} {'is' if len(names) == 1 else 'are'} {word}" for word, names in words.items() if names]
    rest = len(found) - sum(map(len, words.values()))
    tail = f"; {rest} of {len(found)} {APART} from {reference}" if rest else ""
    return f"In J, {'; '.join(said)}{tail}. A full point is told apart, an open one is not."


def _alt(found: Mapping[str, Mapping[str, Difference]], reference: str, level: float) -> str:
    each = []
    for metric, by_policy in found.items():
        shown = SHOWN[metric]
        rows = [
            f"{name} {shown.text(d.value, signed=True)} ({shown.text(d.lower)} to {shown.text(d.upper)}), {d.verdict}"
            for name, d in by_policy.items()
        ]
        each.append(f"{', '.join(filter(None, [shown.label, shown.unit]))}: {'; '.join(rows)}")
    return f"Less {reference}, with {level:.0%} intervals. {'. '.join(each)}."


def _draw(f: Format, found: Mapping[str, Mapping[str, Difference]], styles: Mapping[str, Look]) -> Canvas:
    """Panels beside one another where there is room, else below."""
    names, count = list(found["J"]), len(found)
    pitch = TITLE + ROW * len(names) + FOOT
    if f.is_wide:
        width = (f.width - SIDE - GAP * (count - 1) - 8.0) / count
        places = [(SIDE + k * (width + GAP), TITLE) for k in range(count)]
        canvas = Canvas(f.width, pitch, "differences-wide")
    else:
        width = f.width - SIDE - 8.0
        places = [(SIDE, TITLE + k * pitch) for k in range(count)]
        canvas = Canvas(f.width, count * pitch, "differences-narrow")
    for (metric, by_policy), (x, top) in zip(found.items(), places, strict=True):
        _panel(canvas, metric, by_policy, styles, x, top, width)
        for row, name in enumerate(names if x == SIDE else []):
            y, words = top + (row + 0.5) * ROW, fitted_name(name, SIDE - 12.0)
            canvas.text(x - 12.0, y, words, align="right", bold=styles[name].bold)
    return canvas


def _panel(
    canvas: Canvas,
    metric: str,
    found: Mapping[str, Difference],
    styles: Mapping[str, Look],
    x: float,
    top: float,
    width: float,
) -> None:
    """One metric: a rule at no difference; a policy too far away for the scale is written at its edge."""
    shown, bottom = SHOWN[metric], top + ROW * len(found)
    ends = {n: tuple(shown.factor * v for v in (d.lower, d.value, d.upper)) for n, d in found.items()}
    gone = dict(zip(found, far([max(abs(a), abs(b)) for a, _, b in ends.values()]), strict=True))
    low, high = limits([v for n, e in ends.items() if not gone[n] for v in (*e, 0.0)] or [0.0])
    better = "lower is better" if METRICS[metric].lower_is_better else "higher is better"
    heading(canvas, x, top - 13.0, shown.label, ", ".join(filter(None, [shown.unit, better])))

    def at(value: float) -> float:
        return x + width * (value - low) / (high - low)

    marks = ticks(low, high)
    for mark, words in zip(marks, even(marks), strict=True):
        canvas.line([at(mark)] * 2, [top, bottom], colour="rule", width=0.7, behind=True)
        canvas.text(at(mark), bottom + 11.0, words, colour="soft", align="center")
    for row, (name, d) in enumerate(found.items()):
        y, look = top + (row + 0.5) * ROW, styles[name]
        first, estimate, last = ends[name]
        if gone[name]:
            right = estimate > 0.0
            side, edge, inward = ("right", x + width, -10.0) if right else ("left", x, 10.0)
            digits = shown.digits if abs(estimate) < 100.0 else 0
            words = f"{number(estimate, digits, signed=True)}, {d.verdict}"
            canvas.text(edge + inward, y, words, align=side, colour="soft")
            canvas.text(edge, y, "▸" if right else "◂", align=side, colour=look.colour)
            continue
        canvas.line([at(0.0)] * 2, [y - ROW / 2.0, y + ROW / 2.0], colour="ink", width=0.9, behind=True)
        canvas.line([at(first), at(last)], [y, y], colour=look.colour, width=2.4 if look.bold else 1.6, dash=look.dash)
        canvas.point(
            at(estimate), y, colour=look.colour, size=7.0, face="paper" if d.verdict == APART else "", ring=1.8
        )
