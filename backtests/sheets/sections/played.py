"""The sections of a sheet on holdings, returns and costs: weights, calendar years and costs."""

from typing import Any

import pandas as pd

from backtests.comparison import Comparison, PairedBacktests
from backtests.evaluation.metrics import COST_PARTS, METRICS, Column
from backtests.evaluation.trailing_returns import trailing_columns, trailing_returns
from backtests.sheets.parts import Part, Words
from backtests.sheets.pictures.comparison.costs import cost_table, costs_picture
from backtests.sheets.pictures.comparison.timeline import trading_picture
from backtests.sheets.pictures.comparison.weights import weights_picture
from backtests.sheets.pictures.comparison.years import year_table, years_picture
from backtests.sheets.tables import PLAIN_LOOKS, Block, Looks, by_name, day, looks_of, page_styles, records_table

WEIGHTS_WORDS = (
    "Shaded: the permitted range. Solid line across it: the target weight. Dotted lines: the band beyond which the "
    "rule trades, if it has one. Bars below each panel: purchases up, sales down."
)
COSTS_SHOWN = (
    *(part.labelled(part.short) for part in COST_PARTS.values()),
    METRICS["cost"],
    METRICS["opening_cost"],
    METRICS["tracking_error"],
    METRICS["tracking_loss"],
    METRICS["loss"].labelled("Loss J"),
)


def weights_parts(comparison: Comparison) -> list[Part]:
    """The weights of the recommended policy, or of the reference."""
    shown, benchmark = comparison.recommendation.policy or comparison.reference, comparison.benchmark
    style = page_styles(comparison)[shown]
    drawn = weights_picture(comparison.backtests[shown], style, benchmark.lower, benchmark.upper)
    return [Words(WEIGHTS_WORDS, "intro"), drawn]


def years_parts(comparison: Comparison) -> list[Part]:
    """Trailing returns of each policy, and its return in each calendar year."""
    by_year, looks = year_table(comparison.backtests), looks_of(comparison)
    dates = comparison.backtests[comparison.reference].dates
    trailing = f"Trailing returns to {day(dates[-1])}, net of costs; annualised beyond one year"
    columns = [Column(str(year), str(year), "%", 100.0, 1) for year in by_year.index]
    years = "Calendar-year returns, net of costs; the first and the last year may be incomplete"
    returns = {name: values.set_axis(by_year.index.map(str)).to_dict() for name, values in by_year.items()}
    return [
        records_table(trailing, trailing_columns(dates.to_numpy()), trailing_numbers(comparison), looks, head="policy"),
        years_picture(by_year, looks.styles, comparison.reference),
        records_table(years, columns, returns, looks, head="policy"),
    ]


def trailing_numbers(comparison: Comparison) -> dict[str, dict[str, float]]:
    """The trailing returns of each policy, by name, fraction."""
    return {name: trailing_returns(b.dates.to_numpy(), b.growth_path) for name, b in comparison.backtests.items()}


def years_numbers(paired: PairedBacktests) -> dict[str, Any]:
    """The returns of each policy in calendar years as plain values."""
    return {str(name): values.to_dict() for name, values in year_table(paired.backtests).items()}


def costs_parts(comparison: Comparison) -> list[Part]:
    """Each cost of each policy, and the tracking penalty."""
    looks, benchmark = looks_of(comparison), comparison.benchmark
    limit = comparison.portfolio.limits.tracking_error
    return [
        trading_picture(comparison.backtests, looks.styles, comparison.reference, benchmark.periods_per_year),
        costs_picture(costs_of(comparison), looks.styles, benchmark.tracking_penalty, limit),
        costs_table(comparison, looks, terms=True),
    ]


def costs_table(paired: PairedBacktests, looks: Looks = PLAIN_LOOKS, *, terms: bool = False) -> Block:
    """Each cost of paired backtests; arguments as `records_table` takes them."""
    cost = costs_of(paired)
    columns = [column for column in COSTS_SHOWN if column.key in cost]
    caption = "Each cost component, and the tracking penalty of the loss"
    return records_table(caption, columns, by_name(cost, "policy"), looks, head="policy", terms=terms)


def costs_of(paired: PairedBacktests) -> pd.DataFrame:
    """A row a policy: each cost, the tracking penalty, and J."""
    return cost_table(paired.backtests, paired.scores, paired.benchmark.periods_per_year)
