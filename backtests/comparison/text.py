"""A comparison as text, for a terminal."""

from backtests.comparison.comparison import Comparison
from backtests.evaluation.backtest_figures import KEY_FIGURES
from backtests.evaluation.metrics import METRICS
from backtests.evaluation.words import finding
from backtests.text_tables import text_table, warnings_text, wrapped
from backtests.wording import number


def comparison_text(comparison: Comparison) -> str:
    """For a terminal: key figures of each policy, differences in J to the reference, and the recommendation."""
    portfolio, dates = comparison.portfolio, comparison.backtests[comparison.reference].dates
    broken = comparison.recommendation.broken
    metrics = [METRICS[key] for key in KEY_FIGURES]
    head = ["policy", *(metric.narrow for metric in metrics), "limits"]
    units = ["", *(metric.narrow_unit for metric in metrics), ""]
    rows = []
    for name, s in comparison.scores.items():
        figures = s.figures(comparison.backtests[name].dates)
        rows.append([name, *(metric.cell(figures) for metric in metrics), "breached" if name in broken else "within"])
    differences = [
        [name, number(d.value, signed=True), d.interval(), f"{d.p_holm:.3f}", d.verdict]
        for name, d in comparison.evidence.differences("loss").items()
    ]
    blocks = [
        f"{portfolio.name}: {len(comparison.scores)} policies from {dates[1]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, "
        f"{len(dates) - 1:,} days, net of costs",
        text_table([head, units, *rows], left=1),
        f"Difference in loss J to {comparison.reference}, bp a year (lower is better)",
        text_table(
            [["policy", "difference", f"{comparison.evidence.level:.0%} interval", "Holm p", ""], *differences],
            left=1,
            last_left=True,
        ),
        f"{finding(comparison.evidence, comparison.trials)}\n{comparison.recommendation.sentence}",
    ]
    text = "\n\n".join("\n".join(wrapped(line) for line in block.splitlines()) for block in blocks)
    return text + warnings_text(comparison.warnings)
