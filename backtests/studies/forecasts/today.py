"""Forecasts of a portfolio today, with the skill that each has shown beside its numbers."""

from collections.abc import Mapping
from functools import cached_property, partial

import numpy as np
import pandas as pd

from backtests.inference.estimates import INTERVAL_LEVEL, EstimateWithTest, NotAvailable, or_why_not, why_not
from backtests.studies.forecasts.book import ForecastEntry, entry_of
from backtests.studies.forecasts.champion import Challenge, challenge
from backtests.studies.forecasts.skill import (
    COVERAGE,
    DIRECTION,
    Skill,
    skill_by_line,
    skill_of_returns,
    skill_of_variances,
)
from backtests.studies.forecasts.walk_forward import ForecastPath, interval, walk_forward
from backtests.views import view
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import number, percent
from research.forecast import Forecast
from research.forecast.estimated import means_so_far
from research.market import Market
from research.market.calendars import row_name
from research.portfolio import Portfolio
from research.portfolio.keys.forecasts import usual_forecasts


@dataclass(frozen=True, eq=False, repr=False)
class ForecastsToday:
    """The forecasts of a portfolio at the last close of a market.

    market  : market that ends on the day on which they are asked.
    horizon : number of rows of the market that they are about.
    every   : name of a row, such as "day".
    models  : forecasts by name; the first is the champion.
    entries : today's entry of each, by name.
    paths   : walk-forward of each at month ends so far, by name.
    failed  : the reason why the others give no forecast, by name.
    """

    market: Market
    horizon: int
    every: str
    models: Mapping[str, Forecast]
    entries: Mapping[str, ForecastEntry]
    paths: Mapping[str, ForecastPath]
    failed: Mapping[str, DataError]

    @property
    def champion(self) -> str:
        """The name of the forecast in use: the first that expects something."""
        return next(iter(self.entries))

    @cached_property
    def skills(self) -> Mapping[str, tuple[Skill, Skill] | NotAvailable]:
        """The skill of returns and of variances of each forecast, or the reason why it cannot be measured."""
        return {name: or_why_not(partial(_skills, path)) for name, path in self.paths.items()}

    def by_measure(self, name: str) -> dict[str, EstimateWithTest]:
        """The measures of a forecast's skill by their names; none where it cannot be measured."""
        both = self.skills[name]
        return (
            {} if isinstance(both, NotAvailable) else {key: e for skill in both for key, e in skill.by_measure.items()}
        )

    @cached_property
    def challenge(self) -> Challenge | NotAvailable:
        """The champion against its challengers, or why they cannot be compared."""
        return or_why_not(lambda: challenge(self.paths, self.champion))

    @property
    def decision(self) -> str:
        """The decision on the champion, or the reason why there is none, in words."""
        found = self.challenge
        return found.sentence() if isinstance(found, Challenge) else f"No challenge is decided: {found.reason}"

    @cached_property
    def means_so_far(self) -> pd.Series:
        """(n,) mean return of each asset so far times the horizon, fraction."""
        row = len(self.market.dates) - 1
        return pd.Series(self.horizon * means_so_far(self.market.past(row), np.array([row]))[0], self.market.assets)

    @property
    def ahead(self) -> str:
        """The horizon in words, such as "21 days"."""
        return f"{self.horizon} {self.every}{'' if self.horizon == 1 else 's'}"

    def table(self, name: str) -> pd.DataFrame:
        """A row for each asset of one forecast, with its skill.

        The columns are expected return, the ends of its 90 % interval and the mean so far, over the horizon, fractions;
        month ends with outcomes, hit rate, hits beyond chance, R² of returns over the mean so far, R² of log variance
        over the random walk.
        """
        entry = self.entries[name]
        means = {line: mean for line, (mean, _) in entry.lines.items()}
        mean, deviation = np.array(list(entry.lines.values())).T
        lower, upper = interval(mean, deviation, COVERAGE)
        table = pd.DataFrame({"expected": means}).assign(lower=lower, upper=upper)
        expected = table.join(self.means_so_far.rename("mean so far"))
        return expected.join(skill_by_line(self.paths[name]))

    def measures(self) -> pd.DataFrame:
        """A row for each measure and forecast: value, lower, upper, p; those that could not be measured are missing."""
        rows = [(measure, name, *e.row) for name in self.skills for measure, e in self.by_measure(name).items()]
        order = list(dict.fromkeys(row[0] for row in rows))
        rows.sort(key=lambda row: order.index(row[0]))
        columns = ["measure", "forecast", "value", "lower", "upper", "p"]
        return pd.DataFrame(rows, columns=columns).set_index(["measure", "forecast"])

    def text(self) -> str:
        """All of it, as a terminal shows it."""
        head = (
            f"Returns of the next {self.ahead} after {self.market.dates[-1]:%Y-%m-%d}, with the skill shown "
            "at month ends so far"
        )
        parts = [wrapped(head)]
        for name in self.models:
            parts += [f"{name}\n{self._model_text(name)}"]
        parts.append(wrapped(self.decision))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        """The forecasts with their skill as a block of HTML."""
        return str(view(self, "html"))

    def _model_text(self, name: str) -> str:
        if name in self.failed:
            return wrapped(f"No forecast: {self.failed[name]}")
        rows = [
            [
                "asset",
                "expected",
                f"{percent(COVERAGE, 0)} interval",
                "months",
                "beyond chance",
                "R² returns",
                "R² variance",
            ]
        ]
        for line, row in self.table(name).iterrows():
            beyond = row[DIRECTION]
            shares = [
                percent(beyond, 0, signed=True) if beyond == beyond else "–",
                *(number(row[f"R² of {of}"]) for of in ("returns", "log variance")),
            ]
            interval = f"{percent(row['lower'])} to {percent(row['upper'])}"
            rows.append([str(line), percent(row["expected"], 2, signed=True), interval, f"{row['dates']:.0f}", *shares])
        reason = why_not(self.skills[name])
        told = wrapped(f"Skill is not known: {reason}") if reason else skill_text(self.by_measure(name))
        notes = [wrapped(f"Note: {note}") for note in self.entries[name].notes]
        return "\n".join([text_table(rows, left=1), told, *notes])


def skill_text(by_measure: Mapping[str, EstimateWithTest]) -> str:
    """A row for each measure: its value with the interval, and p."""
    rows = [["measure", "value", f"{percent(INTERVAL_LEVEL, 0)} interval", "p"]]
    for measure, estimate in by_measure.items():
        rows.append([measure, number(estimate.value, 3), _interval(estimate), number(estimate.p, 3)])
    return text_table(rows, left=1)


def forecasts_today(portfolio: Portfolio, as_of: str | None = None) -> ForecastsToday:
    """The forecasts of a portfolio after a day, and those at month ends before.

    as_of  : a day of the market's history, YYYY-MM-DD; None for its last close.
    Raises : DataError for a day before the market, and where no forecast has enough history.
    """
    market = portfolio.market if as_of is None else portfolio.market.until(as_of)
    stated = portfolio.forecasts
    models = stated.models or usual_forecasts(portfolio.periods_per_year)
    entries, paths, failed = {}, {}, {}
    for name, forecast in models.items():
        try:
            path = walk_forward(forecast, market, stated.horizon)  # first: it takes the time of all fits
            entries[name], paths[name] = entry_of(forecast, market, stated.horizon), path
        except DataError as error:
            failed[name] = error
    if not entries:
        raise DataError("\n".join(f"{name} gives no forecast: {error}" for name, error in failed.items()))
    every = row_name(float(portfolio.periods_per_year))
    return ForecastsToday(market, stated.horizon, every, models, entries, paths, failed)


def _skills(path: ForecastPath) -> tuple[Skill, Skill]:
    return skill_of_returns(path), skill_of_variances(path)


def _interval(estimate: EstimateWithTest) -> str:
    return "–" if np.isnan(estimate.lower) else f"{number(estimate.lower, 3)} to {number(estimate.upper, 3)}"
