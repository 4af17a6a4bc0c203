"""A comparison as text, for a terminal."""

from collections.abc import Mapping

from backtests.comparison.comparison import Comparison
from backtests.comparison.paired import PairedBacktests
from backtests.evaluation.backtest_figures import KEY_FIGURES
from backtests.evaluation.metrics import METRICS
from backtests.evaluation.words import tried_words
from backtests.text_tables import text_table, warnings_text, wrapped


def comparison_text(comparison: Comparison) -> str:
    """For a terminal: key figures of each policy, differences in J to the reference, and the recommendation."""
    broken = comparison.recommendation.broken
    limits = {name: "breached" if name in broken else "within" for name in comparison.scores}
    blocks = [
        _title(comparison, f"{comparison.portfolio.name}: {len(comparison.scores)} policies"),
        _figures(comparison, limits),
        *_differences(comparison, "loss"),
        "\n".join([*comparison.verdict.sentences(), tried_words(comparison.trials)]),
    ]
    return _page(blocks) + warnings_text(comparison.warnings)


def paired_text(paired: PairedBacktests) -> str:
    """For a terminal: key figures of each backtest, and all differences to the reference."""
    blocks = [_title(paired, f"{len(paired.scores)} backtests"), _figures(paired, {})]
    for metric in paired.evidence.estimates:
        blocks += _differences(paired, metric)
    return _page([*blocks, paired.answer()]) + warnings_text(paired.warnings)


def _title(paired: PairedBacktests, of: str) -> str:
    dates = paired.backtests[paired.reference].dates
    return f"{of} from {dates[1]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, {len(dates) - 1:,} days, net of costs"


def _figures(paired: PairedBacktests, limits: Mapping[str, str]) -> str:
    """Key figures, a row a policy; with whether it is within the limits, where there are any."""
    metrics, last = [METRICS[key] for key in KEY_FIGURES], ["limits"] if limits else []
    head = ["policy", *(metric.narrow for metric in metrics), *last]
    units = ["", *(metric.narrow_unit for metric in metrics), *("" for _ in last)]
    rows = []
    for name, s in paired.scores.items():
        figures = s.figures(paired.backtests[name].dates)
        rows.append([name, *(metric.cell(figures) for metric in metrics), *([limits[name]] if limits else [])])
    return text_table([head, units, *rows], left=1)


def _differences(paired: PairedBacktests, metric: str) -> list[str]:
    """A title and the differences of a metric to the reference."""
    shown, evidence = METRICS[metric].difference, paired.evidence
    rows = []
    for name, d in evidence.differences(metric).items():
        interval = d.times(shown.factor).interval(shown.digits)
        rows.append([name, shown.text(d.value, signed=True), interval, f"{d.p_holm:.3f}", d.verdict])
    sense = f"{'lower' if METRICS[metric].lower_is_better else 'higher'} is better"
    to = ", ".join(filter(None, [paired.reference, shown.unit]))
    return [
        f"Difference in {METRICS[metric].narrow} to {to} ({sense})",
        text_table(
            [["policy", "difference", f"{evidence.level:.0%} interval", "Holm p", ""], *rows], left=1, last_left=True
        ),
    ]


def _page(blocks: list[str]) -> str:
    return "\n\n".join("\n".join(wrapped(line) for line in block.splitlines()) for block in blocks)
