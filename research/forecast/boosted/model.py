"""Gradient boosting across assets: its settings, its fit to a past, its forecasts, and its file of text.

Reading the file runs no code. A file of another version, of features that the market does not have, or of other data is
refused: the samples are made anew from the market, and their fingerprint must be the one that the file states.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from foundation.arguments import check_positive, cut, did_you_mean, is_number, is_whole, one_of, refuse, shown
from foundation.arrays import Array
from foundation.dataclasses import asdict, dataclass, field, fields, replace
from foundation.errors import ConfigError, DataError
from foundation.files import write_whole
from foundation.paper.wording import percent
from research.forecast.boosted import libraries
from research.forecast.boosted.calibration import Skill, fewest_days, folds, less_day_means, measured_skill
from research.forecast.boosted.features import YEAR, Samples, deviations, features, samples
from research.forecast.boosted.libraries import BOOSTING_LIBRARIES, Growth, Library
from research.forecast.covariances import covariance
from research.forecast.estimated import means_so_far
from research.forecast.model import refuse_earlier
from research.forecast.moments import Moments
from research.forecast.returns import complete_returns
from research.market import Past

FEATURES_NAMED = 3  # features that a sentence names
SMALLEST_NAMED = 5e-5  # of a contribution that it names: what is shown as 0.01 points
FORECAST_DECIMALS = 12  # of a forecast: trees of one leaf forecast the same of all but for rounding
Monotone = Mapping[str, Literal[-1, 1]] | tuple[tuple[str, Literal[-1, 1]], ...]
COUNTS = {
    "horizon": 1, "window": 1, "step": 1, "rounds": 1, "leaves": 2, "min_data_in_leaf": 1, "embargo": 0, "seed": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Boosted:
    """Trees that rank assets by their expected return, from the features of all of them.

    Each sample is an asset on a day, its outcome the return over cash of the sessions after it, in standard deviations
    by the volatility of the year before it (Moskowitz, Ooi and Pedersen 2012, Time series momentum, Journal of
    Financial Economics 104), less the mean of all assets of that day: bonds and stocks are of one measure. Each fold of
    days is forecast by trees that were trained on the others: the number of trees has the least error there, and the
    forecast is used as far as its skill there allows (`research.forecast.boosted.calibration`). The trees that forecast
    are trained on all samples. The expected return of an asset is its mean so far, plus its deviation times what is
    trusted of its forecast less the mean one: without skill the mean so far is left.

    library          : "lightgbm" or "xgboost".
    horizon          : sessions of the market that a forecast is about.
    window           : number of returns that the first fit needs.
    step             : sessions from one day of samples to the next.
    rounds           : most trees; fewer where the error on the folds falls no more.
    learning_rate    : share of each tree, above 0, at most 1.
    leaves           : most leaves of a tree, 2 or more.
    min_data_in_leaf : fewest samples of a leaf.
    l2               : penalty on squared leaves, in samples.
    feature_fraction : share of the features that a tree may use, above 0, at most 1.
    monotone         : feature -> 1 where the forecast may not fall as the feature rises, -1 where it may not rise.
    embargo          : sessions between an outcome of the samples trained on and the days of a fold.
    calibrated       : False for the forecast as it is, whatever its skill: to measure that, not to invest by it.
    seed             : seed of the draw of features that a tree may use.
    Raises           : ConfigError for settings outside these, and a window too short for the horizon; when
                       fitted, ConfigError for a monotone feature that the market does not have, DataError for too few
                       returns and for a feature that is infinite.
    """

    library: Library = "lightgbm"
    horizon: int = 21
    window: int = 756
    step: int = 5
    rounds: int = 100
    learning_rate: float = 0.05
    leaves: int = 4
    min_data_in_leaf: int = 100
    l2: float = 10.0
    feature_fraction: float = 0.5
    monotone: Monotone = ()
    embargo: int = 5
    calibrated: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings, and keep them immutable."""
        one_of("library of Boosted is", self.library, BOOSTING_LIBRARIES)
        for name, least in COUNTS.items():
            value = getattr(self, name)
            if not is_whole(value) or value < least:
                refuse(f"{name} of Boosted is", value, f"give a whole number, {least} or more.")
        for name in ("learning_rate", "feature_fraction"):
            check_positive(**{f"{name} of Boosted": getattr(self, name)})
            if getattr(self, name) > 1.0:
                refuse(f"{name} of Boosted is", getattr(self, name), "give a number above 0, at most 1.")
        if not (is_number(self.l2) and self.l2 >= 0.0):
            refuse("l2 of Boosted is", self.l2, "give a finite number, 0 or more.")
        signs = dict(self.monotone)
        for name, sign in signs.items():
            if sign not in (-1, 1):
                refuse(f"monotone of Boosted for {name!r} is", sign, "give 1 or -1, or leave the feature out.")
        object.__setattr__(self, "monotone", tuple(sorted(signs.items())))
        least = YEAR + self.horizon + 2 * self.step + fewest_days(self.horizon, self.embargo, self.step)
        if self.window < least:
            refuse("window of Boosted is", self.window, f"a horizon of {self.horizon} needs {least}.")

    def fit(self, past: Past) -> "FittedBoosted":
        """Forecast each fold, choose the number of trees, judge, and train on all samples.

        Raises : DataError for too few returns and for a feature that is infinite; ConfigError for a monotone feature
                 that the market does not have.
        """
        known = samples(past, self.step, self.horizon)
        self._check_span(known, past)
        self._check_monotone(known.names)
        used = np.flatnonzero(np.isfinite(known.features).any(axis=0))  # those that are known of a sample
        names, x, rows = tuple(known.names[k] for k in used), known.features[:, used], known.rows
        growth = self.growth(names)
        rounds, forecast = libraries.folded(
            self.library, growth, x, known.excess, folds(rows, self.horizon, self.embargo)
        )
        text = libraries.train_trees(self.library, replace(growth, rounds=rounds), x, known.excess)
        tilt = np.round(less_day_means(rows, forecast), FORECAST_DECIMALS)
        skill = measured_skill(rows, tilt, known.excess, self.horizon)
        return FittedBoosted(self, past.date, names, skill, text, known.fingerprint)

    def _check_span(self, known: Samples, past: Past) -> None:
        """Raise DataError where there are too few days for the folds."""
        days, least = int(known.rows[-1]) + 1 - int(known.rows[0]), fewest_days(self.horizon, self.embargo, self.step)
        if days < least:
            raise DataError(
                f"{days} sessions with features and outcomes up to {past.date:%Y-%m-%d} are too few to train and judge "
                f"boosted trees over a horizon of {self.horizon}: they need {least}. Start later, or take a shorter "
                "horizon."
            )

    def _check_monotone(self, names: tuple[str, ...]) -> None:
        """Raise ConfigError for a monotone feature that the market does not have."""
        for name in dict(self.monotone):
            if name not in names:
                raise ConfigError(f"monotone of Boosted is for {name!r}, no feature. {did_you_mean(name, names)}")

    def growth(self, names: tuple[str, ...]) -> Growth:
        """Settings for growing trees on these features."""
        signs = dict(self.monotone)
        own = {f.name: getattr(self, f.name) for f in fields(Growth) if f.name != "monotone"}
        return Growth(**own, monotone=tuple(signs.get(name, 0) for name in names))


@dataclass(frozen=True)
class FittedBoosted:
    """Trees as they were trained.

    settings    : settings of the trees.
    seen        : the last date of the fit.
    features    : names of the f numbers that the trees read.
    skill       : skill of the forecasts of each fold.
    text        : the trees, as their library writes them.
    fingerprint : sha256 of the samples.
    """

    settings: Boosted
    seen: pd.Timestamp
    features: tuple[str, ...]
    skill: Skill
    text: str = field(repr=False)
    fingerprint: str

    @property
    def trust(self) -> float:
        """Share of the forecast that is used."""
        return self.skill.trust if self.settings.calibrated else 1.0

    @property
    def trees(self) -> int:
        """Number of trees."""
        return libraries.tree_count(self.settings.library, self.text)

    def predict(self, past: Past) -> Moments:
        """The expected return of each asset with a year of returns, and the covariance of that year (Ledoit and Wolf).

        Raises : PolicyError on a date before the last of the fit; DataError for a feature that is infinite, that the
                 market does not have, or that is known of no asset.
        """
        today = self._today(past)
        forecast = _less_mean(libraries.predicted(self.settings.library, self.text, today.numbers), today.assets)
        mean = today.so_far + today.deviation * self.trust * forecast
        cov = np.atleast_2d(covariance("ledoit_wolf", today.returns, 1.0)) * self.settings.horizon
        return Moments(today.assets, mean, (cov + cov.T) / 2.0, float(self.settings.horizon), past.date, self._notes())

    def _notes(self) -> tuple[str, ...]:
        """A sentence where the trees showed no skill, or nothing."""
        if self.trust:
            return ()
        trees = f"boosted trees of {self.seen:%Y-%m-%d} showed no skill"
        return (f"{trees}: each asset is expected to return its mean so far",)

    def base(self, past: Past) -> pd.Series:
        """The expected return of each asset without its features, fraction: its mean so far over the horizon."""
        today = self._today(past)
        return pd.Series(today.so_far, index=list(today.assets))

    def contributions(self, past: Past) -> pd.DataFrame:
        """Contribution of each feature to the expected return of each asset, fraction: a row's sum and `base` are that.

        A row an asset, a column a feature, from the libraries' own TreeSHAP, less what it does to the mean asset.
        Raises : as `predict`.
        """
        today = self._today(past)
        shares = libraries.feature_shares(self.settings.library, self.text, today.numbers)[:, :-1]
        shares = self.trust * _less_mean(shares, today.assets)
        return self._table(today, today.deviation[:, None] * shares)

    def numbers(self, past: Past) -> pd.DataFrame:
        """The features of today: a row an asset, a column a feature. Raises as `predict`."""
        today = self._today(past)
        return self._table(today, today.numbers)

    def _table(self, today: "_Today", values: Array) -> pd.DataFrame:
        """A row an asset, a column a feature."""
        return pd.DataFrame(values, index=list(today.assets), columns=list(self.features))

    def sentences(self, past: Past) -> dict[str, str]:
        """The expected return of each asset, and the features that explain it, in words. Raises as `predict`."""
        shares, numbers, base = self.contributions(past), self.numbers(past), self.base(past)
        return {
            line: sentence(line, base[line], shares.loc[line], numbers.loc[line], self.settings.horizon)
            for line in shares.index
        }

    def _today(self, past: Past) -> "_Today":
        """The inputs of a forecast; raises as `predict`."""
        refuse_earlier("the trees were", self.seen, past)
        returns, lines = complete_returns(past, YEAR)
        found, horizon = features(past, np.array([past.t])), self.settings.horizon
        lacking = [name for name in self.features if name not in found.names]
        if lacking:
            raise DataError(
                f"the trees of {self.seen:%Y-%m-%d} read {cut(', '.join(lacking))}, which this market does not have: "
                f"it has {cut(', '.join(found.names))}. Fit them to this market."
            )
        numbers = found.numbers[0][lines][:, [found.names.index(name) for name in self.features]]
        unknown = [name for name, none in zip(self.features, np.isnan(numbers).all(axis=0), strict=True) if none]
        if unknown:
            raise DataError(
                f"{cut(', '.join(unknown))} on {past.date:%Y-%m-%d} is known of no asset, and the trees of "
                f"{self.seen:%Y-%m-%d} read it. Complete the data, or fit them without it."
            )
        assets = tuple(past.assets[line] for line in lines)
        deviation = deviations(found, horizon)[0][lines]
        so_far = horizon * means_so_far(past, np.array([past.t]))[0, lines]
        return _Today(assets, returns, numbers, deviation, so_far)


@dataclass(frozen=True, eq=False)
class _Today:
    """Inputs of a forecast for k assets at the last close.

    assets    : names of the k assets.
    returns   : (252, k) returns of the last year.
    numbers   : (k, f) features.
    deviation : (k,) standard deviation of the return over the horizon.
    so_far    : (k,) mean return over the horizon so far.
    """

    assets: tuple[str, ...]
    returns: Array
    numbers: Array
    deviation: Array
    so_far: Array


def _less_mean(values: Array, assets: tuple[str, ...]) -> Array:
    """Values (k, ·) less their mean over assets, whose bits do not depend on the order of the assets."""
    by_name = np.argsort(np.array(assets))
    return values - np.ascontiguousarray(values[by_name]).mean(axis=0)


def sentence(line: str, base: float, shares: pd.Series, numbers: pd.Series, horizon: int) -> str:
    """Expected return of an asset, and the features that contribute most to the difference from its base.

    line    : its name.
    base    : its mean return over the horizon so far, fraction.
    shares  : what each feature adds to that, fraction; with `base` they sum to the forecast.
    numbers : each feature of the asset, NaN where it is not known.
    horizon : sessions.

    >>> shares = pd.Series({"momentum_63": 0.004, "carry_252": -0.001})
    >>> print(sentence("SPY", 0.01, shares, pd.Series({"momentum_63": 0.12, "carry_252": 0.0}), 21))
    SPY is expected to return 1.30 % over 21 sessions, 0.30 points more than its mean so far: momentum_63 of 0.12 \
adds 0.40 points, carry_252 of 0 takes 0.10.
    """
    tilt = float(shares.sum())
    expected = f"{line} is expected to return {percent(base + tilt, 2)} over {horizon} sessions"
    named = shares[shares.abs().sort_values(ascending=False, kind="stable").index][:FEATURES_NAMED]
    named = named[named.abs() >= SMALLEST_NAMED]
    if named.empty:
        return f"{expected}, its mean so far: no feature distinguishes it."
    known = numbers.to_dict()
    parts = [
        f"{name} {'of ' + format(known[name], '.3g') if pd.notna(known[name]) else 'not known'} "
        f"{'adds' if share > 0.0 else 'takes'} {100.0 * abs(share):.2f}"
        for name, share in named.items()
    ]
    parts[0] += " points"
    than = f"{100.0 * abs(tilt):.2f} points {'more' if tilt > 0.0 else 'less'} than its mean so far"
    return f"{expected}, {than}: {', '.join(parts)}."


TREES_FORMAT = "boosted trees 3"


def save_boosted(fitted: FittedBoosted, path: str | Path) -> Path:
    """Write trained trees as one JSON file, whole or not at all. Raises OSError where it cannot be written."""
    record = {
        "format": TREES_FORMAT,
        "version": import_module(fitted.settings.library).__version__,
        "settings": asdict(fitted.settings) | {"monotone": dict(fitted.settings.monotone)},
        "seen": f"{fitted.seen:%Y-%m-%d}",
        "features": fitted.features,
        "skill": asdict(fitted.skill),
        "trees": fitted.text,
        "fingerprint": fitted.fingerprint,
    }
    return write_whole(path, json.dumps({"checksum": _checksum(record), **record}, indent=1) + "\n")


def load_boosted(path: str | Path, past: Past) -> FittedBoosted:
    """Trained trees from a file, for a market on which they were trained.

    path   : path of the file.
    past   : past of that market, on the last date of their fit or later.
    Raises : DataError for a file that is none, is damaged, or is of another version of the library, and for trees that
             were trained on other features or other data; OSError where it cannot be read.
    """
    record = _read(Path(path))
    settings = Boosted(**record["settings"])
    version = import_module(settings.library).__version__
    if record["version"] != version:
        raise DataError(
            f"{path} was written by {settings.library} {shown(record['version'])}, and {version} is installed. Fit the "
            "trees anew, or install that version."
        )
    seen = pd.Timestamp(record["seen"])
    features, skill = tuple(record["features"]), Skill(**record["skill"])
    fitted = FittedBoosted(settings, seen, features, skill, record["trees"], record["fingerprint"])
    _check_data(fitted, past, path)
    return fitted


def _read(path: Path) -> dict[str, Any]:
    """The record of a file whose checksum is right."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is no file of boosted trees: {cut(str(error))}. Fit the trees anew.") from error
    if not isinstance(record, dict) or record.get("format") != TREES_FORMAT:
        found = record.get("format") if isinstance(record, dict) else record
        raise DataError(f"{path} is no file of {TREES_FORMAT!r}: found {shown(found)}. Fit the trees anew.")
    if record.pop("checksum", None) != _checksum(record):
        raise DataError(f"{path} is damaged: its checksum is not that of its content. Fit the trees anew.")
    return record


def _check_data(fitted: FittedBoosted, past: Past, path: str | Path) -> None:
    """Raise DataError where a past is not one of the market on which the trees were trained."""
    row = int(past.dates.searchsorted(fitted.seen))
    if row > past.t or past.dates[row] != fitted.seen:
        raise DataError(
            f"{path} was trained up to {fitted.seen:%Y-%m-%d}, no session of the market up to {past.date:%Y-%m-%d}. "
            "Ask on a later date, or fit the trees to this market."
        )
    known = samples(past.earlier(row), fitted.settings.step, fitted.settings.horizon)
    lacking = [name for name in fitted.features if name not in known.names]
    if lacking:
        raise DataError(
            f"{path} reads the features {cut(', '.join(lacking))}, which this market or this version does not have. "
            "Fit the trees anew."
        )
    if known.fingerprint != fitted.fingerprint:
        raise DataError(
            f"{path} was trained on other data: the fingerprint of its samples is {fitted.fingerprint[:12]}, and that "
            f"of the market up to {fitted.seen:%Y-%m-%d} is {known.fingerprint[:12]}. Fit the trees anew."
        )


def _checksum(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
