"""The training days, and all that is measured on them before training starts."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from foundation.arguments import is_number, is_whole, refuse, shown
from foundation.arrays import Array, Mask, Rows, frozen_record
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.tolerances import TARGET_TOLERANCE
from research.accounting import Costs
from research.accounting.cost_parameters import CostParameters
from research.allocation import TargetPath, target_path
from research.learning.settings import SESSIONS_A_DECISION, Learned
from research.learning.worlds.rewards import Moments
from research.learning.worlds.variation import varied
from research.market import Market
from research.risk.simulation.resampling import common_rows, resampled
from research.rules.networks.features import Scales
from research.rules.networks.names import Action
from research.rules.no_trade_region import half_widths

LEAST_DAYS = 252  # on which all assets were listed: fewer say too little of a covariance, and repeat too often
GOLDEN = 0.6180339887498949  # its multiples, modulo 1, fill the unit interval evenly however many are taken


class History(NamedTuple):
    """The training days for kernels: returns and tradable (T, n), cash (T,); returns as fractions.

    With variation, T counts the rows of all variants of all targets, one after the other; `TrainingDays.draw` gives
    the rows of one of them.
    """

    returns: Array
    cash: Array
    tradable: Mask


@dataclass(frozen=True, eq=False)
class TrainingDays:
    """The training days and K targets, one for each set of assets that were listed together; the last one is today's.

    market           : the training days.
    history          : the same days, for kernels.
    scales           : targets, half-widths and covariances, a row per target.
    first_row        : (K,) first row of the market of which a path draws its days: all assets of the target are listed
                       on them and at the close before.
    stop_row         : (K,) row of the market before which these days end.
    share            : (K,) fraction of the paths.
    costs            : costs in J, for a NAV of 1 (`Costs.simplified`).
    cost_parameters  : the costs, for kernels; a row per variant.
    tracking_penalty : g in J, the price of squared tracking error.
    periods_per_year : sessions a year, by which J is annualised.
    lag              : sessions from a decision to its booking.
    sessions         : number of sessions from one decision to the next.
    action           : meaning of the numbers of a decision.
    block            : mean length of a block of days, sessions.
    variants         : number of variants of the history of each target and of the costs.
    """

    market: Market
    history: History
    scales: Scales
    first_row: Rows
    stop_row: Rows
    share: Array
    costs: Costs
    cost_parameters: CostParameters
    tracking_penalty: float
    periods_per_year: float
    lag: int
    sessions: int
    action: Action
    block: int
    variants: int = 1

    @cached_property
    def without_variation(self) -> "TrainingDays":
        """The same training days without variants."""
        if self.variants == 1:
            return self
        return replace(self, history=_history(self.market), cost_parameters=self.costs.cost_parameters(), variants=1)

    def draw(self, rng: np.random.Generator, kinds: Rows, days: int) -> Rows:
        """(W, days) rows of `history` for paths of the targets `kinds` (W,), each path in one random variant.

        rng   : generator that is drawn from.
        kinds : (W,) index of the target of each path.
        days  : number of days in a path.
        """
        rows = resampled(rng, self.first_row[kinds], self.stop_row[kinds], (len(kinds), days), self.block)
        if self.variants > 1:
            variant = kinds * self.variants + rng.integers(self.variants, size=len(kinds))
            rows += variant[:, None] * len(self.market.dates)
        return rows

    def variant(self, rows: Rows) -> Rows:
        """The index of the variant of each of these rows of `history`, of the same shape as `rows` (W,)."""
        return rows // len(self.market.dates) % self.variants

    @cached_property
    def moments(self) -> Moments:
        """Moments a decision of the last target's return over cash, on days on which all its assets were listed."""
        target, span = self.scales.target[-1], slice(self.first_row[-1], self.stop_row[-1])
        cash = self.market.cash[span]
        strategic = self.market.returns[span] @ target + (1.0 - target.sum()) * cash
        whole = len(cash) // self.sessions * self.sessions
        ends = [(1.0 + x[:whole]).reshape(-1, self.sessions).prod(axis=1) for x in (strategic, cash)]
        return Moments.of(ends[0] - ends[1])

    def kinds(self, worlds: int) -> Rows:
        """(worlds,) index of the target of each path, evenly interleaved, in the shares of `share` to a whole path."""
        place = (np.arange(worlds) + 0.5) * GOLDEN % 1.0
        return np.searchsorted(np.cumsum(self.share)[:-1], place, side="right")

    def annual(self, terms: Array) -> float:
        """J, bp of NAV a year, from daily terms (W,), fraction of NAV, each summed over one decision."""
        return float(terms.mean()) / self.sessions * self.periods_per_year * 1e4


def training_days(
    spec: Learned, market: Market, costs: Costs, tracking_penalty: float, periods_per_year: float, lag: int = 1
) -> TrainingDays:
    """The training days of `market`, and the measurements on them.

    spec    : settings of the rule and of its training.
    market  : T days of n assets; it ends with the last training day.
    costs   : costs in J, for a NAV of 1.
    tracking_penalty : g in J, the price of squared tracking error.
    periods_per_year : sessions a year, by which J is annualised.
    lag     : sessions from a decision to its booking.
    Raises  : ConfigError for costs of another number of assets, a number out of range, a short or leveraged target;
              DataError when the assets of the last target were not listed together for a year, or one never moved.
    """
    _check(spec, market, costs, tracking_penalty, periods_per_year, lag)
    path = target_path(spec.allocation, market)
    targets, in_force = _distinct(path, market)
    first, stop = (
        np.array(rows) for rows in zip(*(common_rows(market, target != 0.0) for target in targets), strict=True)
    )
    enough = stop - first >= LEAST_DAYS
    if not enough[-1]:
        raise _too_short(market, targets[-1] != 0.0, int(first[-1]))
    if spec.block > stop[-1] - first[-1]:
        raise ConfigError(
            f"block of Learned is {spec.block} days, and market {market.name!r} has {stop[-1] - first[-1]} on which "
            "all assets of its last target were listed: a block cannot be longer. Give a shorter block."
        )
    targets, in_force, first, stop = targets[enough], in_force[enough], first[enough], stop[enough]
    spans = [slice(*rows) for rows in zip(first.tolist(), stop.tolist(), strict=True)]
    covariances = [_covariance(market, target != 0.0, span) for target, span in zip(targets, spans, strict=True)]
    widths = [
        _widths(target, cov, costs.total, tracking_penalty) for target, cov in zip(targets, covariances, strict=True)
    ]
    volatility = _long_run_volatility(path, market, int(first[0]))
    points = spec.variation.points
    return TrainingDays(
        market=market,
        history=_history(market) if len(points) == 1 else _varied(market, targets != 0.0, spans, points),
        scales=scales(targets, np.array(widths), np.array(covariances) * periods_per_year, volatility),
        first_row=first,
        stop_row=stop,
        share=_shares(in_force, spec.current_share),
        costs=costs,
        cost_parameters=costs.cost_parameters() if len(points) == 1 else _times(costs.cost_parameters(), points[:, 2]),
        tracking_penalty=float(tracking_penalty),
        periods_per_year=float(periods_per_year),
        lag=int(lag),
        sessions=SESSIONS_A_DECISION[spec.trained_schedule],
        action=spec.action,
        block=spec.block,
        variants=len(points),
    )


def _history(market: Market) -> History:
    return History(market.returns, market.cash, market.tradable)


def _varied(market: Market, held: Mask, spans: list[slice], points: Array) -> History:
    """The training days for each target and variant, one after the other.

    market : T days of n assets.
    held   : (K, n) assets of each target.
    spans  : rows on which the assets of each target were listed.
    points : (V, 3) as in `Variation.points`.
    """
    returns = [
        varied(market, mask, span.start, span.stop, factor, share)
        for mask, span in zip(held, spans, strict=True)
        for factor, share, _ in points.tolist()
    ]
    again = len(returns)
    return frozen_record(
        History(np.concatenate(returns), np.tile(market.cash, again), np.tile(market.tradable, (again, 1)))
    )


def _times(cost_parameters: CostParameters, factors: Array) -> CostParameters:
    """The costs with commissions and spreads times each of the factors (V,), a row per factor."""
    rates, total = cost_parameters.rates[:1] * factors[:, None, None], cost_parameters.total[:1] * factors[:, None]
    return frozen_record(cost_parameters._replace(rates=rates, total=total))


def scales(target: Array, half_width: Array, covariance: Array, volatility: float) -> Scales:
    """Scales of these arrays, made read-only.

    target     : (K, n) fraction of NAV.
    half_width : (K, n) fraction of NAV.
    covariance : (K, n, n) a year.
    volatility : long-run standard deviation of the strategic portfolio's return, a session.
    """
    return frozen_record(Scales(target, half_width, covariance, float(volatility)))


def _check(
    spec: Learned, market: Market, costs: Costs, tracking_penalty: float, periods_per_year: float, lag: int
) -> None:
    for name, given, kind, such_as in (
        ("spec", spec, Learned, "Learned(EqualWeights())"),
        ("market", market, Market, "load_market('us_etf_ohlcv')"),
        ("costs", costs, Costs, "Costs.bps(2, commission=5)"),
    ):
        if not isinstance(given, kind):
            refuse(f"{name} of a training is", given, f"give {kind.__name__}, such as {such_as}.")
    if len(costs.total) != len(market.assets):
        raise ConfigError(
            f"costs have {len(costs.total)} assets and the market {len(market.assets)}: give one for each asset."
        )
    for name, value in (("tracking_penalty", tracking_penalty), ("periods_per_year", periods_per_year)):
        if not is_number(value) or value <= 0.0:
            raise ConfigError(f"{name} is {shown(value)}: give a number above zero.")
    most = SESSIONS_A_DECISION[spec.trained_schedule]
    if not is_whole(lag) or not 0 <= lag <= most:
        raise ConfigError(
            f"lag is {shown(lag)}: a learner that decides every {spec.trained_schedule} needs a whole number of "
            f"sessions, 0 to {most}. Change the lag, or `schedule`."
        )


def _distinct(path: TargetPath, market: Market) -> tuple[Array, Rows]:
    """(K, n) targets in the order in which they came into force, and (K,) the number of sessions of each."""
    targets: list[Array] = []
    in_force: list[int] = []
    for k, target in enumerate(path.rows):
        if (target < 0.0).any() or target.sum() > 1.0 + TARGET_TOLERANCE:
            i = int(np.argmin(target))
            found = f"they sum to {target.sum():.4f}" if target[i] >= 0.0 else f"{market.assets[i]} has {target[i]:.4f}"
            raise ConfigError(
                f"weights of {path.allocation}: {found}. A learned rule needs long weights that sum to at "
                "most 1: change "
                "the weights."
            )
        sessions = int((path.row == k).sum())
        if targets and np.array_equal(targets[-1], target):  # the asset that was listed is one that it does not hold
            in_force[-1] += sessions
        elif target.any():
            targets.append(target)
            in_force.append(sessions)
    if not targets:
        raise ConfigError(
            f"{path.allocation} holds nothing in market {market.name!r}: give it a target with at least one weight."
        )
    return np.array(targets), np.array(in_force)


def _covariance(market: Market, held: Mask, span: slice) -> Array:
    """(n, n) covariance a session of returns in excess of cash; zero for an asset that is not held."""
    covariance = np.zeros((len(held), len(held)))
    excess = market.returns[span, held] - market.cash[span, None]
    covariance[np.ix_(held, held)] = np.cov(excess, rowvar=False)
    still = held & (np.diag(covariance) <= 0.0)
    if still.any():
        raise DataError(
            f"{market.assets[int(np.argmax(still))]} has constant returns from {market.dates[span][0]:%Y-%m-%d} to "
            f"{market.dates[span][-1]:%Y-%m-%d} in market {market.name!r}. Hold cash in its place, or correct "
            "its returns."
        )
    return covariance


def _widths(target: Array, covariance: Array, cost: Array, tracking_penalty: float) -> Array:
    """(n,) closed-form half-widths, fraction of NAV; zero for an asset that is not held."""
    held = target != 0.0
    widths = np.zeros(len(target))
    widths[held] = half_widths(target[held], covariance[np.ix_(held, held)], cost[held], tracking_penalty)
    return widths


def _long_run_volatility(path: TargetPath, market: Market, first: int) -> float:
    """Standard deviation a session of the strategic portfolio, which holds the target in force on each day."""
    target = path.since(first - 1)[:-1]
    cash = (1.0 - target.sum(axis=1)) * market.cash[first:]
    return float((np.einsum("ti,ti->t", target, market.returns[first:]) + cash).std(ddof=1))


def _shares(in_force: Rows, current: float) -> Array:
    """(K,) share of the paths: `current` for the last target, the rest in proportion to sessions in force."""
    if len(in_force) == 1:
        return np.ones(1)
    return np.append(in_force[:-1] / in_force[:-1].sum() * (1.0 - current), current)


def _too_short(market: Market, held: Mask, first: int) -> DataError:
    youngest = int(np.argmax(np.where(held, np.argmax(market.listed, axis=0), -1)))
    return DataError(
        f"market {market.name!r} is too short to learn on: up to {market.dates[-1]:%Y-%m-%d} it has "
        f"{len(market.dates) - first} days with returns of all assets of the target, and {LEAST_DAYS} are needed; the "
        f"youngest is {market.assets[youngest]}. Start the test later, or leave that asset out."
    )
