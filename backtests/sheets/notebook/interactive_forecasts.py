"""Pictures of forecasts for a notebook: today's numbers, forecasts against outcomes, coverage, and skill by horizon."""

from collections.abc import Mapping

import pandas as pd
from plotly.graph_objects import Figure

from backtests.sheets.notebook.interactive import dress
from backtests.sheets.notebook.interactive_views import interval_panels
from backtests.sheets.pages.forecast_worth import worth_words
from backtests.sheets.pages.forecasts_today import R2_RETURNS, R2_VARIANCE
from backtests.studies.forecasts.skill import COVERAGE
from backtests.studies.forecasts.today import ForecastsToday
from backtests.studies.forecasts.walk_forward import ForecastPath
from backtests.studies.forecasts.worth import Worth
from foundation.arguments import one_of
from foundation.paper.plotly_figure import ShownFigure
from foundation.paper.svg import LIGHT
from foundation.paper.wording import listed, number, percent
from research.forecast.conformal import adaptive_intervals, coverage_table


def expected_plot(found: ForecastsToday) -> Figure:
    """A panel a forecast: expected return of each asset over the horizon, per cent, with its 90 % interval."""
    panels = {
        name: (100.0 * found.table(name)[["expected", "lower", "upper"]]).set_axis(["value", "low", "high"], axis=1)
        for name in found.entries
    }
    return interval_panels(f"Return of the next {found.ahead}", panels, "%, with the interval of 90 %")


def outcomes_plot(path: ForecastPath, line: str, name: str) -> Figure:
    """A forecast of an asset at each month end, with its 90 % interval, and the outcome, per cent.

    Raises : ConfigError for an asset that the market does not have.
    """
    one_of("asset is", line, path.market.assets)
    figure, i = ShownFigure(), path.market.assets.index(line)
    lower, upper = (100.0 * end[:, i] for end in path.ends(COVERAGE))
    edge = {"mode": "lines", "line": {"width": 0.0}, "hoverinfo": "skip"}
    figure.add_scatter(x=path.dates, y=lower, showlegend=False, **edge)
    figure.add_scatter(x=path.dates, y=upper, name="interval of 90 %", fill="tonexty", **edge)
    mean, came = 100.0 * path.mean[:, i], 100.0 * path.outcome[:, i]
    sky, ink = {"color": LIGHT["sky"], "width": 2.0}, {"color": LIGHT["ink"], "size": 4}
    figure.add_scatter(x=path.dates, y=mean, name="expected", mode="lines", line=sky, hovertemplate="%{y:.2f} %")
    figure.add_scatter(x=path.dates, y=came, name="what came", mode="markers", marker=ink, hovertemplate="%{y:.2f} %")
    return dress(figure, f"{line}: what {name} expected, and what came", "month end", "return, %")


def coverage_by_year(path: ForecastPath) -> pd.DataFrame:
    """A row a year: the share of outcomes in the forecast's 90 % intervals, and in those that adapted to misses."""
    lower, upper = path.ends(COVERAGE)
    adapted = adaptive_intervals(lower, upper, path.outcome, miss=1.0 - COVERAGE, horizon=path.overlap)
    years = pd.Series(path.dates.year, name="year")
    plain, kept = (
        coverage_table(*ends, path.outcome, years) for ends in ((lower, upper), (adapted.lower, adapted.upper))
    )
    return pd.DataFrame({"outcomes": plain["intervals"], "as forecast": plain["coverage"], "adapted": kept["coverage"]})


def coverage_plot(by_year: pd.DataFrame) -> Figure:
    """The shares of `coverage_by_year`, per cent, beside the nominal ones."""
    figure = ShownFigure()
    promised = pd.Series(COVERAGE, by_year.index)
    years = pd.to_datetime(by_year.index.astype(str))
    curves = {"promised": (promised, "ink"), "as forecast": (by_year["as forecast"], "stone")}
    for name, (shares, colour) in (curves | {"adapted": (by_year["adapted"], "sky")}).items():
        line = {"color": LIGHT[colour], "width": 1.2 if name == "promised" else 2.0}
        figure.add_scatter(x=years, y=100.0 * shares, name=name, mode="lines", line=line, hovertemplate="%{y:.0f} %")
    return dress(figure, f"Outcomes in intervals of {percent(COVERAGE, 0)}", "year", "share, %")


def decay_plot(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """A panel a forecast: the rank IC of its month-end forecasts with returns over several horizons, with intervals.

    tables : results of `backtests.studies.forecasts.skill.decay` by name.
    """
    panels = {}
    for name, table in tables.items():
        rows = table[["rank IC", "lower", "upper"]].set_axis(["value", "low", "high"], axis=1)
        panels[name] = rows.set_axis([f"{ahead} day{'s' if ahead > 1 else ''}" for ahead in table.index])
    return interval_panels("Skill by horizon", panels, "rank IC, with its interval of 95 %")


def answer(found: ForecastsToday, made: Worth, name: str) -> str:
    """The skill that the forecasts have shown, and the worth of one of them, in words.

    made : worth of the forecast of that name.
    """
    shown = {one: found.by_measure(one) for one in found.skills}
    returns = {one: e[R2_RETURNS] for one, e in shown.items() if R2_RETURNS in e}
    variance = [f"{one} {number(e[R2_VARIANCE].value)}" for one, e in shown.items() if R2_VARIANCE in e]
    sure = [one for one, e in returns.items() if e.lower > 0.0]
    skill = listed([f"{one} {number(e.value)}" for one, e in returns.items()]) or "none says more"
    return (
        f"**Out of sample, R² of returns over the mean so far: {skill}; of log variance over the last one: "
        f"{listed(variance)}.** {f'{listed(sure)} foresaw returns' if sure else 'None foresaw returns'} beyond doubt. "
        f"{worth_words(name, made)} Limitations: one market and one period; month ends are few, and intervals wide; "
        "the assets were chosen by who knew which of them did well."
    )
