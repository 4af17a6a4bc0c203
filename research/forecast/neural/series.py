"""The series that networks read: returns of each asset by step, the data known at its end, and those known ahead."""

import hashlib
from functools import cached_property

import numpy as np
import pandas as pd

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.forecast.neural.settings import NetworkSettings
from research.market import Past
from research.market.calendars import DAYS_PER_YEAR, session_after, sessions

TARGET_COLUMN, LINE_COLUMN, STEP_COLUMN = "log_return", "line", "step"
OBSERVED = ("log_volatility", "momentum", "cash")
SEASON = ("season_sine", "season_cosine")  # of the day of the year
VOLATILITY, MOMENTUM = 63, 126  # sessions that these look back
VALIDATION_SHARE = 0.2  # of the steps: the last ones, from which nothing is learned


@dataclass(frozen=True, eq=False)
class Series:
    """S steps of L assets, whose names are in order. A step ends with the session in its row.

    lines    : L names.
    days     : (S,) the last session of each step.
    target   : (S, L) log return over the step.
    observed : {name: (S, L)} known at the end of the step.
    known    : (S, L) whether the asset was listed since `MOMENTUM` sessions before the end of the step.
    ahead    : (steps,) the last session of each step to come.
    """

    lines: tuple[str, ...]
    days: np.ndarray
    target: Array
    observed: dict[str, Array]
    known: Mask
    ahead: np.ndarray

    @cached_property
    def fingerprint(self) -> str:
        """sha256, in hex, over names, days and every value that is known."""
        digest = hashlib.sha256("\0".join(self.lines).encode() + self.days.astype("<i8").tobytes())
        for values in (self.target, *self.observed.values()):
            digest.update((np.where(self.known, values, 0.0) + 0.0).astype("<f8").tobytes())
        return digest.hexdigest()

    @property
    def split(self) -> int:
        """The first step of validation."""
        return len(self.days) - round(VALIDATION_SHARE * len(self.days))

    def scales(self) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation of each observed covariate over the assets and steps before validation."""
        found = {}
        for name, values in self.observed.items():
            train = values[: self.split][self.known[: self.split]]
            deviation = float(train.std())
            found[name] = (float(train.mean()), deviation if deviation > 0.0 else 1.0)
        return found

    def frame(self, scales: dict[str, tuple[float, float]], ahead: bool = False) -> pd.DataFrame:
        """One row for each asset and step: asset, step, target, scaled covariates and the season.

        ahead : add the steps to come, of which only the season is known; the rest is 0 there, and nobody reads it.
        """
        steps = len(self.ahead) if ahead else 0
        days = np.concatenate([self.days, self.ahead[:steps]])
        angle = 2.0 * np.pi * (pd.DatetimeIndex(days).dayofyear.to_numpy() / DAYS_PER_YEAR)
        row, line = np.nonzero(np.pad(self.known, ((0, steps), (0, 0)), mode="edge").T)[::-1]

        def column(values: Array) -> Array:
            return np.pad(values, ((0, steps), (0, 0)))[row, line]

        scaled = {name: (self.observed[name] - mean) / deviation for name, (mean, deviation) in scales.items()}
        return pd.DataFrame(
            {LINE_COLUMN: np.array(self.lines)[line], STEP_COLUMN: row, TARGET_COLUMN: column(self.target)}
            | {name: column(values) for name, values in scaled.items()}
            | dict(zip(SEASON, (np.sin(angle)[row], np.cos(angle)[row]), strict=True))
        )

    def last(self, steps: int, lines: tuple[str, ...]) -> "Series":
        """The last steps of those of the named assets that are known on all of them."""
        kept = [i for i, line in enumerate(self.lines) if line in lines and self.known[-steps:, i].all()]
        return Series(
            tuple(self.lines[i] for i in kept),
            self.days[-steps:],
            self.target[-steps:, kept],
            {name: values[-steps:, kept] for name, values in self.observed.items()},
            self.known[-steps:, kept],
            self.ahead,
        )


def series(past: Past, settings: NetworkSettings) -> Series:
    """The steps of all assets up to the close of `past`, from the data known then.

    Raises : DataError for a past too short for one step, a fact that is no number by date, and a covariate that is not
             finite, with its asset and date.
    """
    rows = np.arange(past.t, MOMENTUM + settings.every - 1, -settings.every)[::-1]
    if len(rows) < settings.history + 1:
        raise DataError(
            f"{past.t} returns up to {past.date:%Y-%m-%d} are too few: {settings.history} steps of {settings.every} "
            f"sessions after {MOMENTUM} need {MOMENTUM + settings.every * (settings.history + 1)}. Start later, or "
            "read fewer steps."
        )
    order = sorted(range(len(past.assets)), key=past.assets.__getitem__)
    lines = tuple(past.assets[i] for i in order)
    log_returns = np.log1p(np.maximum(past.returns[:, order], -1.0 + 1e-9))
    wealth = np.cumsum(log_returns, axis=0)
    cash = np.cumsum(np.log1p(past.cash))
    known = past.listed[rows][:, order] & past.listed[rows - MOMENTUM][:, order]
    observed = {
        "log_volatility": _log_volatility(log_returns, rows),
        "momentum": wealth[rows] - wealth[rows - MOMENTUM],
        "cash": np.repeat((cash[rows] - cash[rows - settings.every])[:, None], len(lines), axis=1),
    } | {name: _fact(past, name)[rows][:, order] for name in settings.facts}
    for name, values in observed.items():
        _check_finite(name, values, known, lines, past.days[rows])
    last = past.days[-1]
    a_step = (
        settings.every * (len(sessions(past.days[0], last, past.calendar)) - 1) / past.t
    )  # sessions: 5 a weekly row
    ahead = np.array([session_after(last, round(a_step * k), past.calendar) for k in range(1, settings.steps + 1)])
    return Series(lines, past.days[rows], wealth[rows] - wealth[rows - settings.every], observed, known, ahead)


def _log_volatility(log_returns: Array, rows: np.ndarray) -> Array:
    """(S, n) ln of the root of the mean square of the last `VOLATILITY` log returns; −∞ where none moved."""
    windows = np.lib.stride_tricks.sliding_window_view(log_returns, VOLATILITY, axis=0)[rows - VOLATILITY + 1]
    with np.errstate(divide="ignore"):
        found: Array = np.log(np.square(windows).mean(axis=2)) / 2.0
    return found


def _fact(past: Past, name: str) -> Array:
    """(t + 1, n) a fact by date. Raises DataError for one that the market has not, or that is no number."""
    if name not in past.facts or past.facts[name].dtype.kind not in "fiu":
        numbers = [known for known, values in past.facts.items() if values.dtype.kind in "fiu"]
        raise DataError(f"the market has no numeric fact by date {name!r}: it has {', '.join(numbers) or 'none'}.")
    return np.asarray(past.facts[name], dtype=float)


def _check_finite(name: str, values: Array, known: Mask, lines: tuple[str, ...], days: np.ndarray) -> None:
    """Raise DataError for the first value of a known asset that is not finite."""
    bad = known & ~np.isfinite(values)
    if bad.any():
        step, line = np.argwhere(bad)[0].tolist()
        raise DataError(
            f"{name} of {lines[line]} on {days[step]} is {values[step, line]:g}: networks read finite numbers. Correct "
            "the data, leave the asset out, or read other facts."
        )
