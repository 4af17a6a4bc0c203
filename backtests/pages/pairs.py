"""What a sheet shows of intervals and of pairs: lines below a figure, and a row a pair."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backtests.evaluation.estimates import Estimate, NotAvailable
from backtests.evaluation.evidence import Difference
from backtests.evaluation.metrics import METRICS, Metric
from backtests.evaluation.pair_words import detectable, not_available, superior, without_interval
from backtests.evaluation.pairs import Pair
from backtests.wording import number, percent

if TYPE_CHECKING:
    from backtests.comparison import PairedBacktests

RISKS = ("volatility", "cvar95", "max_drawdown")
HEADS: list[str | tuple[str, str]] = [
    "policy",
    "correlation",
    ("detectable", f"CAGR, {METRICS['growth'].difference.unit}"),
    ("detectable", "Sharpe ratio"),
    "Memmel's z",
]


def below_figure(paired: "PairedBacktests", metric: Metric, name: str) -> list[str]:
    """The lines below a figure: its interval; of a Sharpe ratio, also what it is with its autocorrelation.

    paired : the comparison.
    metric : of the figure.
    name   : of the policy.
    """
    found = paired.intervals.get(metric.key, {}).get(name)
    if found is None or isinstance(found, NotAvailable):
        return []
    lines = [found.times(metric.factor).interval(metric.digits)]
    if metric.key == "sharpe" and paired.evidence.ratios is not None:
        own = paired.evidence.ratios.own(list(paired.backtests).index(name), paired.evidence.level)
        lines += [] if isinstance(own, NotAvailable) else [f"η(q): {number(own.value, metric.digits)}"]
    return lines


def without_intervals(paired: "PairedBacktests", shown: Sequence[Metric]) -> str:
    """Which of the figures shown have no interval, and why."""
    return " ".join(without_interval(shown, paired.intervals))


def before_differences(paired: "PairedBacktests", chosen: str | None) -> str:
    """The sentence above the differences: how small a difference this test would find.

    paired : the comparison.
    chosen : the recommended policy, or None.
    """
    return detectable(paired.pairs, chosen)


def of_all(paired: "PairedBacktests") -> str:
    """What is said of all differences at once: Hansen's test; "" for a policy alone."""
    return superior(paired.superior_ability, paired.reference) if paired.pairs else ""


def pairs_table(paired: "PairedBacktests") -> dict[str, Any]:
    """Caption, heads and rows of the table of pairs, as `blocks.table` takes them.

    paired : of two policies at least.
    """
    level = percent(paired.evidence.level, 0)
    heads = list(HEADS)
    for key in RISKS:
        shown = METRICS[key].difference
        heads.append((shown.label, shown.unit))
        heads += ["Holm p"] if key != "max_drawdown" else []
    return {
        "caption": (
            f"Each policy with {paired.reference}: correlation of daily returns over cash; smallest true difference "
            "that a test of the pair alone (5 %) finds with a probability of 80 %; z of the Sharpe difference for "
            f"independent normal days; differences in risk with {level} intervals, of the drawdown the range "
            f"expected in another such period ({level})"
        ),
        "heads": heads,
        "rows": [_row(name, pair) for name, pair in paired.pairs.items()],
    }


def pairs_note(paired: "PairedBacktests") -> str:
    """Why differences of some pairs are not available."""
    return " ".join(not_available(paired.pairs))


def _row(name: str, pair: Pair) -> list[str]:
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
        cells.append(_difference(key, found))
        if key != "max_drawdown":
            cells.append(f"{found.p_holm:.3f}" if isinstance(found, Difference) else "–")
    return cells


def _difference(key: str, found: Estimate | NotAvailable) -> str:
    shown = METRICS[key].difference
    return "–" if isinstance(found, NotAvailable) else found.times(shown.factor).text(shown.digits, signed=True)
