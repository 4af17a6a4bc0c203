"""A comparison as text, for a terminal."""

from collections.abc import Mapping

from backtests.comparison.comparison import Comparison
from backtests.comparison.paired import PairedBacktests
from backtests.evaluation.backtest_figures import KEY_FIGURES, defined
from backtests.evaluation.metrics import METRICS
from backtests.inference.estimates import Estimate
from backtests.inference.evidence import LOSS
from backtests.inference.pair_words import detectable_words, pairs_not_available, superior, without_interval
from backtests.inference.words import tried_words
from foundation.paper.text_tables import text_table, warnings_text, wrapped
from foundation.paper.wording import counted, number, percent, probability
from research.market.calendars import row_count


def comparison_text(comparison: Comparison) -> str:
    """For a terminal: key figures of each policy, differences in J to the reference, and the recommendation."""
    broken, chosen = comparison.recommendation.broken, comparison.recommendation.policy
    candidates = {name: "no" if name in broken else "yes" for name in comparison.scores}
    blocks = [
        _title(comparison, f"{comparison.portfolio.name}: {counted(len(comparison.scores), 'policy', 'policies')}"),
        _figures(comparison, candidates),
        _intervals(comparison, chosen if chosen and chosen in comparison.scores else comparison.reference),
        _certainty(comparison, chosen),
        *_differences(comparison, "loss"),
        *_expected(comparison),
        _verdict(comparison),
        comparison.searched,
    ]
    return _page(blocks) + warnings_text(comparison.warnings)


def _expected(comparison: Comparison) -> list[str]:
    """A title and the expected losses that decide, of each candidate, with its work."""
    made, desk = comparison.recommendation, comparison.portfolio
    if not made.candidates:
        return []
    heads, rows = ["policy", "loss", "days", "orders"], []
    if made.base is not None:
        level = percent(made.candidates[made.base].gain.level, 0)
        heads += [f"gain on {made.base}", f"{level} interval", "P(gain)"]
    for name, one in made.candidates.items():
        row = [name, number(one.loss, 0), number(one.work.days, 1), number(one.work.orders, 0)]
        gain = [number(one.gain.value, 0, signed=True), one.gain.interval(0), probability(one.better)]
        rows.append(row + ([""] * 3 if name == made.base else gain))
    priced = " and ".join(
        f"{one} at {price:,.6g}" for one, price in (("days", desk.day_cost), ("orders", desk.order_cost)) if price
    )
    included = f", {priced} {desk.basis} included" if priced else ""
    market = f"at a volatility of {percent(made.volatility)}"
    return [
        f"Expected loss, {desk.basis} a year {market}, by theory and test{included}",
        text_table([heads, *rows], left=1),
    ]


def _verdict(comparison: Comparison) -> str:
    """The verdict with its table, and how much was tried."""
    said = comparison.verdict
    tables = [
        text_table([list(one.heads), *map(list, one.rows)], left=1) for one in (said.figures, said.contest) if one.rows
    ]
    details = [f"{question}? {words}" for question, words in said.details.items()]
    parts = [said.heading, "\n".join(said.lead), *tables, "\n".join([*details, tried_words(comparison.trials)])]
    return "\n\n".join(parts)


def paired_text(paired: PairedBacktests) -> str:
    """For a terminal: key figures of each backtest, and all differences to the reference."""
    blocks = [
        _title(paired, f"{len(paired.scores)} backtests"),
        _figures(paired, {}),
        _intervals(paired, paired.reference),
        _certainty(paired, None),
    ]
    metrics = list(paired.evidence.estimates)
    if paired.other_targets:
        metrics.sort(key=lambda metric: metric == LOSS)  # it measures the distance of the targets: last
    for metric in metrics:
        blocks += _differences(paired, metric)
    lead = [blocks[0], paired.answer(), *blocks[1:]] if paired.other_targets else [*blocks, paired.answer()]
    return _page([*lead, paired.searched]) + warnings_text(paired.warnings)


def _title(paired: PairedBacktests, of: str) -> str:
    played = paired.backtests[paired.reference]
    dates, rows = played.dates, row_count(len(played.dates) - 1, played.periods_per_year)
    return f"{of} from {dates[1]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, {rows}, net of costs"


def _figures(paired: PairedBacktests, candidates: Mapping[str, str]) -> str:
    """Key figures, a row for each policy; with whether it is a candidate, where something is recommended."""
    metrics, last = defined(KEY_FIGURES, paired.scores), ["candidate"] if candidates else []
    head = ["policy", *(metric.narrow for metric in metrics), *last]
    units = ["", *(metric.narrow_unit for metric in metrics), *("" for _ in last)]
    rows = []
    for name, s in paired.scores.items():
        figures = s.figures(paired.backtests[name].dates)
        rows.append([name, *(metric.cell(figures) for metric in metrics), *([candidates[name]] if candidates else [])])
    return text_table([head, units, *rows], left=1)


def _intervals(paired: PairedBacktests, name: str) -> str:
    """The key figures of a policy with their intervals, what these are, and which figures have none."""
    figures, rows, found = paired.scores[name], [], paired.intervals
    metrics = defined(KEY_FIGURES, paired.scores)
    for metric in metrics:
        each = found.get(metric.key, {}).get(name)
        if isinstance(each, Estimate):
            interval = each.times(metric.factor).interval(metric.digits)
            rows.append([metric.narrow, metric.text(figures[metric.key]), metric.unit, interval, metric.interval])
            if metric.key == LOSS and (later := paired.evidence.long_run) is not None:
                rows[-1][-1] += f" {later.at_test}"
                there = later.figures[name]
                words = f"in the long run, {later.at_history}"
                rows.append(["", metric.text(there.value), metric.unit, there.interval(metric.digits), words])
    lines = [f"{name} with {percent(paired.evidence.level, 0)} intervals", text_table(rows, left=1, last_left=True)]
    return "\n".join([*lines, *without_interval(metrics, {key: {name: by[name]} for key, by in found.items()})])


def _certainty(paired: PairedBacktests, chosen: str | None) -> str:
    """The smallest difference that this test would find, and whether any policy is better than the reference."""
    if not paired.pairs:
        return ""
    sentences = [
        detectable_words(paired.pairs, chosen, paired.benchmark.periods_per_year),
        superior(paired.superior_ability, paired.reference),
    ]
    return "\n".join([*sentences, *pairs_not_available(paired.pairs)])


def _differences(paired: PairedBacktests, metric: str) -> list[str]:
    """A title and the differences of a metric to the reference; nothing of a policy alone."""
    if len(paired.scores) == 1:
        return []
    shown, evidence = METRICS[metric].difference, paired.evidence
    rows = []
    for name, d in evidence.differences(metric).items():
        interval = d.times(shown.factor).interval(shown.digits)
        rows.append([name, shown.text(d.value, signed=True), interval, number(d.tested, 3), d.verdict])
    sense = f"{'lower' if METRICS[metric].lower_is_better else 'higher'} is better"
    to = ", ".join(filter(None, [paired.reference, shown.unit]))
    return [
        f"By this test alone: difference in {METRICS[metric].narrow} to {to} ({sense})",
        text_table(
            [["policy", "difference", f"{percent(evidence.level, 0)} (this pair)", "Holm p", ""], *rows],
            left=1,
            last_left=True,
        ),
    ]


def _page(blocks: list[str]) -> str:
    return "\n\n".join("\n".join(wrapped(line) for line in block.splitlines()) for block in blocks if block)
