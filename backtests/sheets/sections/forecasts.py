"""The section of a sheet on forecasts: their expectations, their skill so far, and the one in use."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from backtests.comparison import Comparison
from backtests.inference.estimates import why_not
from backtests.sheets.parts import Folded, Part, Words
from backtests.sheets.pictures.today import forecasts_picture
from backtests.sheets.tables import Block, Shown, day, records_of, records_table, scaled, table
from backtests.sheets.tilts import TILT, tilt_table, tilt_words
from backtests.studies.forecasts.champion import Challenge
from backtests.studies.forecasts.skill import DIRECTION
from backtests.studies.forecasts.today import ForecastsToday, forecasts_today
from backtests.today.targets_today import target_today
from foundation.errors import DataError
from foundation.paper.wording import number, percent
from research.allocation import Tilted
from research.allocation.wrapper import each_of
from research.portfolio import Portfolio
from research.rules.protocol import held_by

SKILL_COLUMNS = (
    Shown("expected", "expected", "%", scaled(100.0, signed=True)),
    Shown("lower", "lower", "%", scaled(100.0, 1)),
    Shown("upper", "upper", "%", scaled(100.0, 1)),
    Shown("dates", "months", form="{:.0f}".format),
    Shown("hit_rate", "hits", "%", scaled(100.0, 0)),
    Shown("hits_beyond_chance", "beyond chance", "points", scaled(100.0, 0, signed=True)),
    Shown("r2_returns", "R² returns", form=number),
    Shown("r2_log_variance", "R² variance", form=number),
)
SKILL_KEYS = {
    "hit rate": "hit_rate",
    DIRECTION: "hits_beyond_chance",
    "R² of returns": "r2_returns",
    "R² of log variance": "r2_log_variance",
}
FORECAST_WORDS = (
    "Forecasts asked at each month end of the past alone, beside what came. R² of returns is over the mean so far, R² "
    "of variance over the variance of the horizon that ended, both out of sample; above 0 the forecast was better."
)


def forecasts_parts(comparison: Comparison) -> list[Part]:
    """A picture and a table of the forecast in use, the measures of all; nothing where the file states no forecasts."""
    tilts = _tilts(comparison.portfolio)
    if not comparison.portfolio.forecasts.models:
        return tilts
    try:
        found = _today(comparison.portfolio)
    except DataError as error:  # too short a history for each of them
        return [*(Words(said, "") for said in str(error).splitlines()), *tilts]
    champion = found.champion
    parts: list[Part] = [Words(FORECAST_WORDS, "intro")]
    parts.append(forecasts_picture(found.table(champion), champion, found.ahead))
    parts.append(lines_table(f"{champion} on {day(found.market.dates[-1])}", found, champion))
    parts.append(measures_table(found, list(found.entries)))
    parts += [Words(found.decision, ""), *tilts]
    parts += [Words(f"{name}: no forecast. {why}") for name, why in found.failed.items()]
    others = [name for name in found.entries if name != champion]
    folded = [lines_table(name, found, name) for name in others]
    return [*parts, Folded("What the challengers expect", folded)] if folded else parts


def _tilts(portfolio: Portfolio) -> list[Part]:
    """The tilt that each policy's target has today, and its reasons."""
    parts: list[Part] = []
    for name, policy in portfolio.policies.items():
        allocation = held_by(policy, portfolio.strategic)
        if not any(isinstance(one, Tilted) for one in each_of(allocation)):
            continue
        for tilt in target_today(allocation, portfolio.market).tilts:
            parts += [tilt_table(f"{name}: {TILT}", tilt), *(Words(said) for said in tilt_words(tilt))]
    return parts


def forecasts_numbers(comparison: Comparison) -> dict[str, Any] | None:
    """The same as plain values; None where the file states no forecasts, or none gives one."""
    if not comparison.portfolio.forecasts.models:
        return None
    try:
        return forecast_numbers(_today(comparison.portfolio))
    except DataError:
        return None


def forecast_numbers(found: ForecastsToday) -> dict[str, Any]:
    """Forecasts with their skill as plain values."""
    decision = found.challenge
    return {
        "date": day(found.market.dates[-1]),
        "horizon": found.horizon,
        "champion": found.champion,
        "winner": decision.winner if isinstance(decision, Challenge) else None,
        "models": [
            {"name": name, "lines": _line_numbers(found, name), "skill": _skill(found, name)} for name in found.entries
        ],
        "failed": [{"name": name, "why": str(why)} for name, why in found.failed.items()],
    }


@lru_cache(maxsize=1)
def _today(portfolio: Portfolio) -> ForecastsToday:
    return forecasts_today(portfolio)


def _lines(found: ForecastsToday, name: str) -> list[dict[str, Any]]:
    """The expectations of a forecast for each asset, and its skill so far."""
    return records_of(found.table(name).rename(columns=SKILL_KEYS).rename_axis("line").reset_index())


def lines_table(caption: str, found: ForecastsToday, name: str) -> Block:
    """The expectations of a forecast for each asset, with its skill so far."""
    return records_table(caption, (Shown("line", "asset"), *SKILL_COLUMNS), _lines(found, name))


def measures_table(found: ForecastsToday, of: Sequence[str]) -> Part:
    """A row a measure, a column a forecast of `of`: its value and interval."""
    names = [name for name in of if not why_not(found.skills[name])]
    if not names:
        return Words("The skill of no forecast is known yet: too few of their outcomes are.")
    by_name = {name: found.by_measure(name) for name in names}
    rows = [
        [measure, *(by_name[name][measure].text() if measure in by_name[name] else "–" for name in names)]
        for measure in dict.fromkeys(measure for one in by_name.values() for measure in one)
    ]
    level = percent(next(iter(by_name[names[0]].values())).level, 0)
    return table(f"Skill shown at month ends, with intervals of {level}", ["measure", *names], rows)


def _skill(found: ForecastsToday, name: str) -> list[dict[str, Any]]:
    return [
        {"measure": measure, **{key: _finite(getattr(e, key)) for key in ("value", "lower", "upper", "p")}}
        for measure, e in found.by_measure(name).items()
    ]


def _line_numbers(found: ForecastsToday, name: str) -> list[dict[str, Any]]:
    """The values of the table of assets as plain values."""
    return [
        {"line": str(line["line"])} | {column.key: _finite(line[column.key]) for column in SKILL_COLUMNS}
        for line in _lines(found, name)
    ]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
