"""Targets that are given, or follow from a formula; and the settings that all estimates share.

Those that are given change only when an asset is listed or delisted. The others are inverse volatility, momentum, and
market capitalisation.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from foundation.arguments import check_positive, is_number, is_whole, one_of, refuse, shown
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field
from foundation.errors import ConfigError, DataError
from research.allocation.allocation import LISTING, Unlisted, carried, check_unlisted
from research.forecast.returns import check_window, complete_returns
from research.forecast.views.equilibrium import MARKET_CAP, market_caps
from research.market import Past
from research.market.calendars import EVERY

EstimationSchedule = Literal["day", "week", "month", "quarter", "year"]


@dataclass(frozen=True)
class InverseVolatility:
    """Weights in inverse proportion to volatility: equal risk contributions where all correlations are equal.

    window : number of returns, at least 2.
    schedule : "day", "week", "month", "quarter" or "year".
    power : power of the volatility, above 0; 2 for the inverse variance, which is the least variance where all
            correlations are zero.
    Raises : ConfigError for settings outside these; on its schedule, DataError for an asset whose returns do not vary.
    Source : Maillard, Roncalli, Teiletche (2010), The Properties of Equally Weighted Risk Contribution Portfolios.
    """

    window: int = 252
    schedule: EstimationSchedule = "month"
    power: float = 1.0

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("InverseVolatility", self.window, self.schedule)
        check_positive(**{"power of InverseVolatility": self.power})

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the assets with a complete window; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        inverse = 1.0 / returns.std(axis=0, ddof=1) ** self.power
        return placed(inverse / inverse.sum(), lines, past)


def placed(weights: Array, lines: NDArray[np.int64], past: Past) -> Array:
    """(n,) weights (k,), fraction of NAV, of the columns `lines` (k,) among all assets of the market.

    Zero for the others.
    """
    target = np.zeros(len(past.assets))
    target[lines] = weights
    return target


def check_estimate(owner: str, window: int, schedule: str) -> None:
    """Raise ConfigError unless the window holds two returns at least and the schedule is a calendar period."""
    check_window(owner, window)
    check_period(owner, schedule)


def check_period(owner: str, schedule: str) -> None:
    """Raise ConfigError unless the schedule is a calendar period."""
    if schedule not in EVERY:
        raise ConfigError(f"schedule of {owner} is {shown(schedule)}. Use one of {', '.join(EVERY)}.")


def check_tail_level(owner: str, level: object, window: int) -> None:
    """Raise ConfigError unless the level is one, and the worst 1 - level of a window are more than one return."""
    if not (is_number(level) and 0.0 < level < 1.0):  # type: ignore[operator]
        refuse(f"level of {owner} is", level, "give a number between 0 and 1, such as 0.95.")
    if (1.0 - level) * window < 1.0 + 1e-9:  # type: ignore[operator]
        raise ConfigError(
            f"window of {owner} is {window}, of which the worst {1.0 - level:.4g} are not more than one return. Give a "  # type: ignore[operator]
            "longer window, or a lower level."
        )


def check_length(owner: str, returns: Array, assets: Sequence[str]) -> None:
    """Raise DataError for a window (T, n) of no more returns than assets: some weights would have no risk in it."""
    if len(returns) <= len(assets):
        raise DataError(
            f"window of {owner} has {len(returns)} returns for {len(assets)} assets: it needs more returns than "
            "assets. Give a longer window, or fewer assets."
        )


WEIGHTS = ("equal", "inverse_volatility")


@dataclass(frozen=True)
class Momentum:
    """A share for each asset whose return over a window exceeds that of cash; the shares of the others stay in cash.

    window   : number of returns that the share goes by, at least 2; 252 is a year.
    skip     : returns at its end that are left out of the comparison with cash, 0 or more: 21 skips the last month, in
               which prices tend to reverse.
    weights  : shares of all assets with a complete window, which sum to one: "equal", or in proportion to
               "inverse_volatility", of the whole window.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises   : ConfigError for settings outside these; on its schedule, DataError for an asset whose returns do not
               vary.
    Source   : Moskowitz, Ooi, Pedersen (2012), Time Series Momentum, Journal of Financial Economics 104(2): the sign of
               the excess return over twelve months, positions scaled by volatility; here without short positions, and
               without borrowing.
    """

    window: int = field(default=252, metadata={"length": "span"})
    skip: int = 0
    weights: Literal["equal", "inverse_volatility"] = "equal"
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("Momentum", self.window, self.schedule)
        one_of("weights of Momentum is", self.weights, WEIGHTS)
        if not (is_whole(self.skip) and 0 <= self.skip < self.window):
            refuse("skip of Momentum is", self.skip, f"give a whole number of returns, 0 to {self.window - 1}.")

    def target(self, past: Past) -> Array:
        """(n,) the shares of the assets that earned more than cash, fraction of NAV; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        seen = self.window - self.skip
        cash = past.cash[past.t - self.window + 1 :][:seen]
        ahead = np.log1p(returns[:seen]).sum(axis=0) > np.log1p(cash).sum()
        size = np.ones(len(lines)) if self.weights == "equal" else 1.0 / returns.std(axis=0, ddof=1)
        return placed(np.where(ahead, size / size.sum(), 0.0), lines, past)


@dataclass(frozen=True)
class MarketCapWeights:
    """Weights of the listed assets in proportion to their market capitalisation, as known on the day.

    fact     : name of the fact that holds it, in one currency for all assets.
    schedule : "day", "week", "month", "quarter" or "year".
    Raises   : ConfigError for another schedule; when asked, DataError for listed assets without a capitalisation above
               0, which it names.
    Source   : Sharpe (1964), Capital Asset Prices, Journal of Finance 19(3): the market portfolio.
    """

    fact: str = MARKET_CAP
    schedule: EstimationSchedule = "quarter"

    window: ClassVar[int] = 0

    def __post_init__(self) -> None:
        """Check the schedule."""
        check_period("MarketCapWeights", self.schedule)

    def target(self, past: Past) -> Array:
        """(n,) weights that sum to one over the listed assets; zero for the others."""
        lines = np.flatnonzero(past.listed[-1])
        caps = market_caps([past.assets[line] for line in lines], past, self.fact)
        return placed(caps / caps.sum(), lines, past)


@dataclass(frozen=True)
class FixedWeights:
    """Constant weights; the weight of an unlisted asset goes to the others, or to cash.

    weights  : name -> fraction of NAV, zero for an asset that is not named; or n fractions in the market's order. Cash
               is the rest. Stored as a tuple: pairs in the order of the names, or the fractions.
    unlisted : "pro_rata" or "cash", see `spread_unlisted`.
    Raises   : ConfigError for a weight that is not a finite number or a name given twice; on a refit, for a name that
               the market does not have or another number of weights than it has assets.
    """

    weights: Mapping[str, float] | tuple[float, ...] | tuple[tuple[str, float], ...]
    unlisted: Unlisted = "pro_rata"

    schedule: ClassVar[str] = LISTING
    window: ClassVar[int] = 0

    def __post_init__(self) -> None:
        """Check the weights and keep them immutable."""
        object.__setattr__(self, "weights", _immutable(self.weights))
        check_unlisted("FixedWeights", self.unlisted)

    def target(self, past: Past) -> Array:
        """(n,) the weights in the market's order, fraction of NAV, with those of unlisted assets spread."""
        return carried(self._in_order(past.assets), past, self.unlisted)

    def _in_order(self, assets: tuple[str, ...]) -> Array:
        if not _named(self.weights):
            if len(self.weights) != len(assets):
                raise ConfigError(
                    f"FixedWeights has {len(self.weights)} weights and the market {len(assets)} assets: "
                    f"{', '.join(assets)}. Give one weight an asset, or name them."
                )
            return np.array(self.weights)
        given: dict[str, float] = dict(self.weights)  # type: ignore[arg-type]  # pairs, by `_immutable`
        unknown = [name for name in given if name not in assets]
        if unknown:
            raise ConfigError(
                f"FixedWeights names {', '.join(map(repr, unknown))}, which the market does not have: its assets are "
                f"{', '.join(assets)}. Correct the name, or add the asset to the market."
            )
        return np.array([given.get(asset, 0.0) for asset in assets])


@dataclass(frozen=True)
class EqualWeights:
    """1/n for each of n assets; the weight of an unlisted asset goes to those of its class first, or to cash.

    unlisted : "pro_rata" or "cash", see `spread_unlisted`.
    Raises   : ConfigError for another `unlisted`.
    """

    unlisted: Unlisted = "pro_rata"

    schedule: ClassVar[str] = LISTING
    window: ClassVar[int] = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        check_unlisted("EqualWeights", self.unlisted)

    def target(self, past: Past) -> Array:
        """(n,) equal weights, fraction of NAV, with those of unlisted assets spread."""
        lines = len(past.assets)
        return carried(np.full(lines, 1.0 / lines), past, self.unlisted)


def _named(weights: Any) -> bool:
    return len(weights) > 0 and isinstance(weights[0], tuple)


def _immutable(weights: Any) -> tuple[Any, ...]:
    """Weights as a tuple of numbers, or of (name, number) in the order of names; checked."""
    if hasattr(weights, "items"):  # a mapping, and a pandas Series too: its labels are names, not a market's order
        return _pairs(weights.items())
    if isinstance(weights, str) or not isinstance(weights, Iterable):
        raise ConfigError(
            f"weights of FixedWeights are {shown(weights)}. Give one an asset, or name -> fraction of NAV."
        )
    weights = tuple(weights)
    if any(isinstance(weight, tuple | list) for weight in weights):
        return _pairs(weights)
    if not weights:
        raise ConfigError("FixedWeights has no weights: found (). Give one an asset, or name them.")
    if set(map(type, weights)) == {float} and all(map(math.isfinite, weights)):
        return weights
    return tuple(_number(weight, f"of asset {k} of {len(weights)}") for k, weight in enumerate(weights, start=1))


def _pairs(items: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    pairs = sorted((str(name), _number(weight, f"of {name!r}")) for name, weight in items)
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or not pairs:
        found = f"{twice!r} is named twice" if pairs else "no asset is named"
        raise ConfigError(f"weights of FixedWeights: {found}. Name each asset once.")
    return tuple(pairs)


def _number(weight: Any, where: str) -> float:
    try:
        value = math.nan if isinstance(weight, bool) else float(weight)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(
            f"weight {where} in FixedWeights is {shown(weight)}. Give a finite fraction of NAV: 0.25 is 25 %."
        )
    return value
