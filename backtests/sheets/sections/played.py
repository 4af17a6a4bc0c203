"""The sections of a sheet on holdings, returns and costs: weights, calendar years and costs."""

from typing import TYPE_CHECKING, Any

from backtests.evaluation.metrics import COST_PARTS, METRICS, Column
from backtests.evaluation.trailing_returns import trailing_columns, trailing_returns
from backtests.sheets.parts import Part, Words, by_name, figures_table
from backtests.sheets.pictures.comparison.costs import cost_table, costs_picture
from backtests.sheets.pictures.comparison.timeline import trading_picture
from backtests.sheets.pictures.comparison.weights import weights_picture
from backtests.sheets.pictures.comparison.years import year_table, years_picture
from backtests.sheets.sections.policy_styles import page_styles

if TYPE_CHECKING:
    import pandas as pd

    from backtests.comparison import Comparison

WEIGHTS_WORDS = (
    "Shaded: the permitted range. Solid line across it: the target weight. Dotted lines: the band beyond which the "
    "rule trades, if it has one. Bars below each panel: purchases up, sales down."
)
COST_COLUMNS = (
    *(part.labelled(part.short) for part in COST_PARTS.values()),
    METRICS["cost"],
    METRICS["opening_cost"],
    METRICS["tracking_error"],
    METRICS["tracking_loss"],
    METRICS["loss"].labelled("Loss J"),
)


def weights_parts(comparison: "Comparison") -> list[Part]:
    """The weights of the recommended policy, or of the reference."""
    shown, benchmark = comparison.recommendation.policy or comparison.reference, comparison.benchmark
    style = page_styles(comparison)[shown]
    drawn = weights_picture(comparison.backtests[shown], style, benchmark.lower, benchmark.upper)
    return [Words(WEIGHTS_WORDS, "intro"), drawn]


def years_parts(comparison: "Comparison") -> list[Part]:
    """Trailing returns of each policy, and its return in each calendar year."""
    by_year, styles = year_table(comparison.backtests), page_styles(comparison)
    returns = {str(name): {str(year): value for year, value in by_year[name].items()} for name in by_year}
    dates = comparison.backtests[comparison.reference].dates
    return [
        figures_table(
            f"Trailing returns to {dates[-1]:%Y-%m-%d}, net of costs; annualised beyond one year",
            "policy",
            trailing_columns(dates.to_numpy()),
            trailing_numbers(comparison),
            styles,
            comparison.recommendation.policy,
        ),
        years_picture(by_year, styles, comparison.reference),
        figures_table(
            "Calendar-year returns, net of costs; the first and the last year may be incomplete",
            "policy",
            [Column(str(year), str(year), "%", 100.0, 1) for year in by_year.index],
            returns,
            styles,
            comparison.recommendation.policy,
        ),
    ]


def trailing_numbers(comparison: "Comparison") -> dict[str, dict[str, float]]:
    """The trailing returns of each policy, by name, fraction."""
    return {name: trailing_returns(b.dates.to_numpy(), b.growth_path) for name, b in comparison.backtests.items()}


def years_numbers(comparison: "Comparison") -> dict[str, Any]:
    """The same as plain values."""
    return {str(name): values.to_dict() for name, values in year_table(comparison.backtests).items()}


def costs_parts(comparison: "Comparison") -> list[Part]:
    """Each cost of each policy, and the tracking penalty."""
    cost, styles = _costs(comparison), page_styles(comparison)
    limit = comparison.portfolio.limits.tracking_error
    played, year = comparison.backtests, comparison.benchmark.periods_per_year
    return [
        trading_picture(played, styles, comparison.reference, year),
        costs_picture(cost, styles, comparison.benchmark.tracking_penalty, limit),
        figures_table(
            "Each cost component, and the tracking penalty of the loss",
            "policy",
            [row for row in COST_COLUMNS if row.key in cost],
            by_name(cost, "policy"),
            styles,
            comparison.recommendation.policy,
            terms=True,
        ),
    ]


def costs_numbers(comparison: "Comparison") -> list[dict[Any, Any]]:
    """The same as plain values."""
    return _costs(comparison).to_dict("records")


def _costs(comparison: "Comparison") -> "pd.DataFrame":
    return cost_table(comparison.backtests, comparison.scores, comparison.benchmark.periods_per_year)
