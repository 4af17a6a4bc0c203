"""The figures of one backtest, and of several: the selection, the order, the table and the text."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd

from backtests.engine.ledger import HARVEST_BOOKING
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.metrics import COST_PARTS, LEAST_YEAR, METRIC_GROUPS, METRICS, Metric, annual_growth
from backtests.evaluation.scores import Score, score
from foundation.errors import DataError
from foundation.paper.text_tables import text_table, warnings_text, wrapped
from foundation.paper.wording import counted, listed
from research.market.calendars import row_count
from research.risk.measures import BPS
from research.rules.protocol import long_name

FOLDED = ("Shape and tails", "Against the benchmark", "Spread over assets")  # shown where a reader asks for them
FLOWS = (METRICS["money_weighted"], METRICS["flows"])
TAXED_AT_END = tuple(METRICS[key] for key in ("final_balance_taxed", "growth_taxed", "loss_taxed"))
HARVESTS = tuple(METRICS[key] for key in ("harvested", "harvest_cost"))
DAYS_OUTSIDE = "days_outside"  # the metric of ranges
HEADLINE_FIGURES = (
    "growth",
    "sharpe",
    "max_drawdown",
    "tracking_error",
    "cost",
)  # of a first screen, a summary, a batch
GROWN = {"growth": "total_return"}  # what stands for a metric where the test is shorter than a year
KEY_FIGURES = ("loss", "cost", "tracking_error", "growth", "volatility", "sharpe", "max_drawdown", "turnover")


def metric_groups(benchmark: Benchmark) -> dict[str, list[Metric]]:
    """The metrics of a backtest by group, in the order of its table: each one that `score` computes is in a group.

    benchmark : benchmark by which it is measured; metrics of ranges are left out where it has none.
    """
    ranged, year = benchmark.has_ranges, benchmark.periods_per_year
    return {
        group: [m.in_market(year) for m in metrics if ranged or m.key != DAYS_OUTSIDE]
        for group, metrics in METRIC_GROUPS.items()
    }


def defined(keys: Sequence[str], scores: Mapping[str, Score]) -> list[Metric]:
    """These metrics of backtests on the same days; in a test shorter than a year, total growth replaces the CAGR.

    keys   : keys of `METRICS`, such as `HEADLINE_FIGURES`.
    scores : scores by name.
    """
    missing = {key for scored in scores.values() for key in scored.undefined}
    return [METRICS[GROWN.get(key, key) if key in missing else key] for key in keys]


def drawdown_dates(figures: Mapping[str, Any]) -> str:
    """The dates of the maximum drawdown and of its recovery.

    >>> drawdown_dates({"drawdown_peak": "2020-02-19", "drawdown_trough": "2020-03-23", "drawdown_recovery": None})
    '2020-02-19 to 2020-03-23, not recovered'
    """
    if figures["drawdown_peak"] == figures["drawdown_trough"]:
        return "no drawdown"
    end = f"recovered {figures['drawdown_recovery']}" if figures["drawdown_recovery"] else "not recovered"
    return f"{figures['drawdown_peak']} to {figures['drawdown_trough']}, {end}"


def comparison_figures(scores: Mapping[str, Score], backtests: Mapping[str, Backtest]) -> dict[str, dict[str, Any]]:
    """The figures of each policy by name, with those of cash flows, harvests and tax at the end where there are any."""
    found: dict[str, dict[str, Any]] = {name: s.figures(backtests[name].dates) for name, s in scores.items()}
    for name, s in scores.items():
        played = backtests[name]
        found[name] |= flow_figures(played) | taxed_figures(played, s) | harvest_figures(played)
    return found


def backtest_score(backtest: Backtest) -> Score:
    """Figures of one backtest, without those `of_portfolio`, which would mean nothing against its own target."""
    return score(backtest, Benchmark.of(backtest, 0.0), [key for key, m in METRICS.items() if not m.of_portfolio])


def backtest_figures(
    backtest: Backtest, scored: Score | None = None, *, folded: bool = True
) -> tuple[list[Metric], dict[str, Any], Score]:
    """The metrics that are shown of one backtest, the figures by key, and the score that they come from.

    backtest : one policy on one market.
    scored   : its figures by the benchmark of a portfolio, if it has one: metrics `of_portfolio` are then shown too.
    folded   : True to include those of the groups `FOLDED`.
    Where several costs were charged, each stands below their sum; where cash flowed, so do the sum of the flows and the
    money-weighted growth, as far as there is one; where tax is counted at the end, the figures after it; where losses
    are harvested, these and their cost.
    """
    made = scored or backtest_score(backtest)
    figures = made.figures(backtest.dates)
    rates = backtest.cost_rates[backtest.cost_rates != 0.0]
    parts = rates * backtest.periods_per_year / len(backtest.net_returns) * BPS
    below: dict[str, Sequence[Metric]] = {"cost": tuple(COST_PARTS.values())} if len(parts) > 1 else {}
    figures |= {str(name): float(rate) for name, rate in parts.items()}
    figures |= flow_figures(backtest) | taxed_figures(backtest, scored) | harvest_figures(backtest)
    below["growth_gross"] = (*FLOWS, *TAXED_AT_END, *HARVESTS)
    shown = [
        metric.in_market(backtest.periods_per_year)
        for name, group in METRIC_GROUPS.items()
        if folded or name not in FOLDED
        for each in group
        if scored is not None or not each.of_portfolio
        for metric in (each, *below.get(each.key, ()))
    ]
    return [metric for metric in shown if metric.key in figures], figures, made


def flow_figures(backtest: Backtest) -> dict[str, float]:
    """The figures of `FLOWS`, as far as there are any: none where no cash flowed in or out."""
    if not backtest.flows.any():
        return {}
    figures = {"flows": float(backtest.flows.sum())}
    if (backtest.dates[-1] - backtest.dates[0]).days >= LEAST_YEAR:  # as growth, it is annual
        with suppress(DataError):  # of a wealth that is gone, no rate may solve it
            figures["money_weighted"] = backtest.money_weighted
    return figures


def taxed_figures(backtest: Backtest, scored: Score | None) -> dict[str, float]:
    """The figures of `TAXED_AT_END`, as far as there are any: none where no tax is counted at the end.

    scored : its figures by the benchmark of a portfolio, or None for those without a loss.
    """
    tax, days = backtest.costs.tax, (backtest.dates[-1] - backtest.dates[0]).days
    if tax is None or tax.at_end == "keep":
        return {}
    nav, path = float(backtest.ledger.nav[-1]), backtest.growth_path
    due = backtest.tax_at_end / nav
    figures = {"final_balance_taxed": nav - backtest.tax_at_end}
    if days >= LEAST_YEAR and due < 1.0:
        figures["growth_taxed"] = annual_growth(path[[0, -1]] * [1.0, 1.0 - due], days)
    loss = None if scored is None else scored.figures(backtest.dates).get("loss")
    if isinstance(loss, float):
        years = len(backtest.net_returns) / backtest.periods_per_year
        figures["loss_taxed"] = loss + due / years * BPS
    return figures


def harvest_figures(backtest: Backtest) -> dict[str, float]:
    """The figures of `HARVESTS`, a year over NAV at each harvest: none where the file harvests no losses."""
    if backtest.costs.tax is None or backtest.costs.tax.harvest_above is None:
        return {}
    book, years = backtest.ledger, len(backtest.net_returns) / backtest.periods_per_year
    rows = book.part_of == HARVEST_BOOKING
    lost, cost = ((each[rows] / book.nav_before[rows]).sum() for each in (book.size, book.charges.sum(axis=(1, 2))))
    return {"harvested": float(lost) / years, "harvest_cost": float(cost) / years * BPS}


def backtest_table(backtest: Backtest) -> pd.DataFrame:
    """A row for each figure: value in the unit beside it, net of costs unless labelled gross.

    Where a figure is not defined its value is missing, and a third column says why.
    """
    metrics, figures, scored = backtest_figures(backtest)
    table = pd.DataFrame(
        {"value": [metric.value(figures) for metric in metrics], "unit": [metric.unit for metric in metrics]},
        index=pd.Index([metric.label for metric in metrics], name=backtest.name),
    )
    why = [scored.undefined.get(metric.key, "") for metric in metrics]
    if any(why):
        table = table.astype({"value": "Float64"}).assign(**{"not available": why})
    return table


def not_available(scores: Mapping[str, Score], metrics: Sequence[Metric]) -> list[str]:
    """The metrics that backtests lack, and the reasons: a sentence for each metric and reason.

    scores  : scores of each backtest, by name.
    metrics : the metrics that are shown.
    """
    sentences = []
    for metric in metrics:
        of: dict[str, list[str]] = {}
        for name, scored in scores.items():
            if metric.key in scored.undefined:
                of.setdefault(scored.undefined[metric.key], []).append(name)
        for why, names in of.items():
            whose = "any of them" if len(names) == len(scores) > 1 else listed(names)
            sentences.append(f"{metric.name} not available for {whose}: {why}")
    return sentences


def backtest_title(backtest: Backtest) -> str:
    """The policy that was backtested, the days and the lag."""
    dates, rows = backtest.dates, row_count(len(backtest.dates) - 1, backtest.periods_per_year)
    return (
        f"{backtest.name}: {long_name(backtest.policy)}; {counted(len(backtest.market.assets), 'asset')}, "
        f"{dates[1]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, {rows}, lag {counted(backtest.lag, 'session')}"
    )


def backtest_text(backtest: Backtest, scored: Score | None = None) -> str:
    """The figures of one backtest for a terminal; by the benchmark of a portfolio, if it has been `scored`."""
    try:
        metrics, figures, made = backtest_figures(backtest, scored, folded=False)
    except DataError as error:  # too short, or its wealth is gone: it shows itself all the same
        return f"{wrapped(backtest_title(backtest))}\n\n{wrapped(f'No metrics: {error}')}"
    rows = [[metric.label, metric.cell(figures), metric.unit] for metric in metrics]
    rows.append(["Drawdown from", "", drawdown_dates(figures)])
    notes = "".join(f"\n{wrapped(note)}" for note in not_available({backtest.name: made}, metrics))
    return f"{wrapped(backtest_title(backtest))}\n\n{text_table(rows, left=1, last_left=True)}{notes}"


def backtest_text_with_warnings(backtest: Backtest) -> str:
    """The figures of one backtest by itself, and what a reader must judge of it."""
    return backtest_text(backtest) + warnings_text(backtest.warnings)
