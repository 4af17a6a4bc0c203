"""A comparison and a backtest as tables: which figures are shown, in which order and unit; and both as text."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from backtests.evaluation.evidence import METRICS, Evidence
from backtests.evaluation.scores import Score, Yardstick, score
from backtests.wording import counted, listed, number
from research.accounting import Costs
from research.accounting.costs import CARRIES, COLUMNS
from research.errors import DataError
from research.risk.measures import BPS
from research.rules.protocol import long_name
from research.trading.formats import no_formula

WIDTH = 110  # columns of a terminal


@dataclass(frozen=True)
class Row:
    """A figure of `Score` as it is shown: times a factor, with so many digits.

    metric : of the evidence, where it has its interval.
    """

    key: str
    label: str
    unit: str
    times: float = 1.0
    digits: int = 2
    metric: str | None = None

    def value(self, figures: Mapping[str, Any]) -> float:
        """The figure in its unit."""
        return self.times * float(figures[self.key])

    def cell(self, figures: Mapping[str, Any]) -> str:
        """The figure in words."""
        return number(self.value(figures), self.digits)


WEALTH = "Wealth, net of costs"  # the group that ends with `FLOWS`, where there are any
GROUPS: Mapping[str, tuple[Row, ...]] = {
    "What it is judged by": (
        Row("J", "J, cost and tracking", "bp a year", metric="J"),
        Row("cost", "Cost", "bp a year"),
        Row("tracking_error", "Tracking error, strategic", "% a year", 100.0),
        Row("days_outside", "Days outside ranges", "%", 100.0, 1),
    ),
    WEALTH: (
        Row("growth", "Growth", "% a year", 100.0, metric="growth"),
        Row("growth_gross", "Growth, gross", "% a year", 100.0),
        Row("volatility", "Volatility", "% a year", 100.0),
        Row("sharpe", "Sharpe ratio", "", metric="sharpe"),
        Row("max_drawdown", "Deepest drawdown", "%", 100.0, 1),
        Row("cvar95", "CVaR 95 %", "% a day", 100.0),
    ),
    "Trading": (
        Row("turnover", "Turnover, one-way", "% a year", 100.0, 1),
        Row("trades", "Lines traded", "a year", digits=1),
        Row("trading_days", "Trading days", "a year", digits=1),
        Row("tracking_error_own", "Tracking error, own target", "% a year", 100.0),
        Row("opening_cost", "Opening trade", "bp once", digits=1),
    ),
}
ROWS: Mapping[str, Row] = {row.key: row for rows in GROUPS.values() for row in rows}
SHORT = {
    "J": "J",
    "cost": "cost",
    "tracking_error": "tracking",
    "growth": "growth",
    "volatility": "volatility",
    "sharpe": "Sharpe",
    "max_drawdown": "drawdown",
    "turnover": "turnover",
}  # what a terminal has room for
COSTS = tuple(
    Row(name, f"Cost, {'half-spread' if name == 'half_spread' else name.replace('_', ' ')}", "bp a year")
    for name in (*COLUMNS, *CARRIES)
)  # below the sum, of a backtest by itself
FLOWS = (
    Row("money_weighted", "Growth, money-weighted", "% a year", 100.0),
    Row("flows", "Money that came and went", "currency"),
)
CHARGES = {  # what `Costs` may charge, in words
    "commission": "commission",
    "half_spread": "half-spread",
    "per_unit": "a commission a unit",
    "minimum": "a least commission",
    "ticket": "a ticket",
    "impact": "impact",
    "tax": "tax on realised gains",
    "borrow": "borrowing what is short",
    "financing": "financing",
    "cash_spread": "a spread on cash",
    "management_fee": "a management fee",
}
JUDGED_ALONE = ("J", "days_outside", "tracking_error")  # figures that need a portfolio's strategic target


def distinguished(evidence: Evidence, metric: str) -> str | None:
    """The best policy of a metric, where every other can be told apart from it (after Holm); else None."""
    sign = 1.0 if METRICS[metric].lower_is_better else -1.0
    best = evidence.names[int(np.argmin(sign * evidence.estimates[metric]))]
    words = [d.verdict for d in evidence.against(best).differences(metric).values()]
    return best if words and all(word == "worse" for word in words) else None


def drawdown_dates(figures: Mapping[str, Any]) -> str:
    """From when to when the deepest drawdown was, and when it was made good.

    >>> drawdown_dates({"drawdown_peak": "2020-02-19", "drawdown_trough": "2020-03-23", "drawdown_recovery": None})
    '2020-02-19 to 2020-03-23, not recovered'
    """
    if figures["drawdown_peak"] == figures["drawdown_trough"]:
        return "never under water"
    end = f"recovered {figures['drawdown_recovery']}" if figures["drawdown_recovery"] else "not recovered"
    return f"{figures['drawdown_peak']} to {figures['drawdown_trough']}, {end}"


# -- what was found, in words ----------------------------------------------------------------------------------------


def finding(evidence: Evidence, trials: int) -> str:
    """How many of the candidates can be told apart from the reference in J, and how many things were tried."""
    found, reference = evidence.differences("J"), evidence.reference
    if not found:
        return f"{reference} stands alone: there is nothing to compare it with."
    words = {word: [n for n, d in found.items() if d.verdict == word] for word in ("better", "worse")}
    apart = sum(map(len, words.values()))
    said = "; ".join(f"{word}: {listed(names)}" for word, names in words.items() if names)
    count = f"{apart or 'None'} of {len(found)} candidates can be told apart from {reference} in J"
    tried = f"{trials:,} configurations were tried to get here."
    return f"{count} (5 %, Holm-adjusted){': ' + said if said else ''}. {tried}"


def charged_words(costs: Costs) -> tuple[list[str], list[str]]:
    """What is charged for trading, and for holding, in words.

    >>> charged_words(Costs([1e-4], [0.0], ticket=2.0, management_fee=0.002))
    (['commission', 'a ticket'], ['a management fee'])
    """
    found = costs.settings
    return [CHARGES[k] for k in found if k not in CARRIES], [CHARGES[k] for k in found if k in CARRIES]


def comparison_figures(scores: Mapping[str, Score], played: Mapping[str, Backtest]) -> dict[str, dict[str, Any]]:
    """The figures of each policy by name, with those of money that came and went where there was some."""
    return {name: s.figures(played[name].dates) | flow_figures(played[name]) for name, s in scores.items()}


# -- text ------------------------------------------------------------------------------------------------------------


def warnings_text(warnings: Iterable[str]) -> str:
    """What stands below a result that a reader must judge: a paragraph of warnings, or nothing where there are none.

    >>> warnings_text(["Cash earns nothing."]), warnings_text([])
    ('\\n\\nWarning: Cash earns nothing.', '')
    """
    said = "\n".join(wrapped(f"Warning: {warning}") for warning in warnings)
    return f"\n\n{said}" if said else ""


def text_table(rows: Sequence[Sequence[str]], *, left: int = 0, words: bool = False) -> str:
    """Rows of cells in columns: the first `left` set left, the others right; the last left too where it is `words`."""
    longest = WIDTH - 2 * len(rows[0]) - sum(max(len(r[c]) for r in rows) for c in range(1, len(rows[0])))
    cut = [[_cut(row[0], max(longest, 12)), *row[1:]] for row in rows]
    widths = [max(len(row[c]) for row in cut) for c in range(len(cut[0]))]
    lines = []
    for row in cut:
        cells = [
            cell.ljust(widths[c]) if c < left or (words and c == len(row) - 1) else cell.rjust(widths[c])
            for c, cell in enumerate(row)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _cut(name: str, room: int) -> str:
    return name if len(name) <= room else f"{name[: room - 1]}…"


def wrapped(line: str) -> str:
    """A sentence on lines that fit; a row of a table as it is."""
    import textwrap

    return line if len(line) <= WIDTH else textwrap.fill(line, WIDTH)


# -- a backtest by itself --------------------------------------------------------------------------------------------


def backtest_score(played: Backtest) -> Score:
    """Figures of one backtest against its own target. Those of `JUDGED_ALONE` mean nothing without a portfolio."""
    nowhere = np.full(len(played.market.assets), np.inf)
    return score(played, Yardstick(played.targets, -nowhere, nowhere, 0.0, played.periods_per_year))


def backtest_figures(played: Backtest, scored: Score | None = None) -> tuple[list[Row], dict[str, Any]]:
    """The rows that are shown of one backtest, and the figures that they are taken from.

    scored : its figures by the yardstick of a portfolio, if it has one: those of `JUDGED_ALONE` are then shown too.
    Where several costs were charged, each stands below their sum; where money came or went, so do its sum and the rate
    that the money earned, as far as there is one.
    """
    figures = (scored or backtest_score(played)).figures(played.dates)
    rates = played.cost_rates[played.cost_rates != 0.0]
    parts = rates * played.periods_per_year / len(played.net_returns) * BPS
    below: dict[str, Sequence[Row]] = {"cost": COSTS} if len(parts) > 1 else {}
    figures |= {str(name): float(rate) for name, rate in parts.items()}
    if found := flow_figures(played):
        figures |= found
        below["growth_gross"] = FLOWS
    shown = [row for row in ROWS.values() if scored is not None or row.key not in JUDGED_ALONE]
    rows = [row for each in shown for row in (each, *below.get(each.key, ()))]
    return [row for row in rows if row.key in figures], figures


def flow_figures(played: Backtest) -> dict[str, float]:
    """The figures of `FLOWS`, as far as there are any: none where no money came or went."""
    if not played.flows.any():
        return {}
    found = {"flows": float(played.flows.sum())}
    with suppress(DataError):  # over a few days, or of a wealth that is gone, no rate may solve it
        found["money_weighted"] = played.money_weighted
    return found


def backtest_table(played: Backtest) -> pd.DataFrame:
    """A row a figure: value in the unit beside it, net of costs unless labelled gross."""
    rows, figures = backtest_figures(played)
    return pd.DataFrame(
        {"value": [row.value(figures) for row in rows], "unit": [row.unit for row in rows]},
        index=pd.Index([row.label for row in rows], name=played.name),
    )


def backtest_title(played: Backtest) -> str:
    """What was played, on which days, at what delay."""
    dates = played.dates
    return (
        f"{played.name}: {long_name(played.policy)}; {len(played.market.assets)} lines, {dates[1]:%Y-%m-%d} to "
        f"{dates[-1]:%Y-%m-%d}, {len(dates) - 1:,} days, booked {counted(played.lag, 'session')} later"
    )


def backtest_text(played: Backtest, scored: Score | None = None) -> str:
    """The figures of one backtest, by a portfolio's yardstick if it has been `scored`: for a terminal."""
    try:
        shown, figures = backtest_figures(played, scored)
    except DataError as error:  # too short, or it never moves: it shows itself all the same
        return f"{wrapped(backtest_title(played))}\n\n{wrapped(f'No figures: {error}')}"
    rows = [[row.label, row.cell(figures), row.unit] for row in shown]
    rows.append(["Drawdown from", "", drawdown_dates(figures)])
    return f"{wrapped(backtest_title(played))}\n\n{text_table(rows, left=1, words=True)}"


def backtest_text_with_warnings(played: Backtest) -> str:
    """The figures of one backtest by itself, and what a reader must judge of it."""
    return backtest_text(played) + warnings_text(played.warnings)


# -- files -----------------------------------------------------------------------------------------------------------


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV; text that a spreadsheet would take for a formula, names of columns too, is quoted.

    >>> csv_text(pd.DataFrame({"=name": ["=cmd()", "SPY"], "x": [-1.5, 2.0]})).splitlines()
    ["'=name,x", "'=cmd(),-1.5", 'SPY,2']
    """
    safe = table.rename(columns=no_formula)
    for column in safe:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = safe[column].map({cell: no_formula(cell) for cell in safe[column].unique()})
    text: str = safe.to_csv(index=False, float_format="%.12g", lineterminator="\n")
    return text
